"""Orthophotos that were cut off or damaged: a file goes in, the reason comes out.

Formats keep their header at the front, so that a file whose end is missing opens without a word.
"""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

_JPEG2000_END = b"\xff\xd9"
_WINDOW_PX = 64


def truncation(dataset: DatasetReader, path: Path) -> str:
    """How a file is shorter than its own header says, or nothing; pixels are not decoded."""
    if dataset.driver == "GTiff":
        return _tiff_truncation(dataset, size=path.stat().st_size)
    if dataset.driver.startswith("JP2"):
        return _jpeg2000_truncation(path)
    return ""


def damaged_window(dataset: DatasetReader) -> str:
    """Why small windows at the corners and in the middle cannot be decoded, or nothing."""
    side = min(_WINDOW_PX, dataset.width, dataset.height)
    right, bottom = dataset.width - side, dataset.height - side
    for col, row in ((0, 0), (right, 0), (right // 2, bottom // 2), (0, bottom), (right, bottom)):
        try:
            dataset.read(1, window=Window(col, row, side, side), out_dtype=np.float64)
        except (RasterioError, OSError) as error:
            detail = error.__cause__ or error
            return f"pixels at column {col}, row {row} cannot be decoded: {detail}"
    return ""


def _tiff_truncation(dataset: DatasetReader, *, size: int) -> str:
    height, width = dataset.block_shapes[0]
    rows, cols = -(-dataset.height // height), -(-dataset.width // width)
    end = 0
    # Writers fill a file row by row, or by their own order: its outline is a good sample.
    for col, row in {(0, 0), (cols - 1, 0), (0, rows - 1), (cols - 1, rows - 1)}:
        offset = dataset.get_tag_item(f"BLOCK_OFFSET_{col}_{row}", "TIFF", bidx=dataset.count)
        length = dataset.get_tag_item(f"BLOCK_SIZE_{col}_{row}", "TIFF", bidx=dataset.count)
        if offset and length:
            end = max(end, int(offset) + int(length))
    return f"it should be at least {end} bytes long, but is {size}" if end > size else ""


def _jpeg2000_truncation(path: Path) -> str:
    size = path.stat().st_size
    for kind, start, end in _boxes(path):
        if end > size:
            return f"it should be at least {end} bytes long, but is {size}"
        if kind == b"jp2c" and not _ends_well(path, start=start, end=end):
            return "its last pixels are missing"
    return ""


def _boxes(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Type, first and past-the-last byte of each box (ISO/IEC 15444-1, annex I)."""
    size, start = path.stat().st_size, 0
    with path.open("rb") as stream:
        while start + 8 <= size:
            stream.seek(start)
            length, kind = struct.unpack(">I4s", stream.read(8))
            if start == 0 and kind != b"jP  ":
                yield b"jp2c", 0, size  # a bare codestream
                return
            if length == 1:
                length = int.from_bytes(stream.read(8), "big")
            end = start + length if length else size
            yield kind, start, end
            start = max(end, start + 8)


def _ends_well(path: Path, *, start: int, end: int) -> bool:
    with path.open("rb") as stream:
        stream.seek(max(start, end - 64))
        return stream.read(end - stream.tell()).rstrip(b"\0").endswith(_JPEG2000_END)
