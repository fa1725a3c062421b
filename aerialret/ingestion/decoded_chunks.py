"""Decoded orthophoto pixels, kept for a while: windows go in, pixels come out, decoded once.

A tile needs a small window of a file, but JPEG2000 and compressed TIFF decode whole blocks for it.
Chunks of whole blocks are decoded once and kept as long as the memory allows.
"""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from aerialret.ingestion.ortho_files import OrthoFile
from aerialret.ingestion.sampling import decode

CHUNK_PX = 1024
"""Least side of a chunk; its sides are multiples of the file's blocks."""

KEPT_BYTES = 256 * 2**20
"""Memory for decoded chunks; one chunk is kept even where it is larger."""

_Key: TypeAlias = tuple[Path, int, int]


class _Chunk(NamedTuple):
    values: NDArray[np.generic]
    valid: NDArray[np.bool_]

    @property
    def size_bytes(self) -> int:
        return self.values.nbytes + self.valid.nbytes


class DecodedChunks:
    """The chunks that were used last."""

    def __init__(self, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._chunks: OrderedDict[_Key, _Chunk] = OrderedDict()
        self._bytes = 0

    def read(
        self, dataset: DatasetReader, file: OrthoFile, window: Window
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """What `aerialret.ingestion.sampling.read_window` reads, from chunks.

        Raises:
            UnreadableInputError: The pixels cannot be decoded.
        """
        values = np.empty((len(file.bands), window.height, window.width), np.float32)
        valid = np.empty((window.height, window.width), bool)
        for col, row, chunk_window in _chunks_touching(file, window):
            chunk = self._chunk(dataset, file, (file.path, col, row), chunk_window)
            there, here = _overlap(chunk_window, window), _overlap(window, chunk_window)
            values[:, here[0], here[1]] = chunk.values[:, there[0], there[1]]
            valid[here] = chunk.valid[there]
        return values, valid

    def _chunk(self, dataset: DatasetReader, file: OrthoFile, key: _Key, window: Window) -> _Chunk:
        if key not in self._chunks:
            self._chunks[key] = _Chunk(*decode(dataset, file, window))
            self._bytes += self._chunks[key].size_bytes
            while self._bytes > self._kept_bytes and len(self._chunks) > 1:
                self._bytes -= self._chunks.popitem(last=False)[1].size_bytes
        self._chunks.move_to_end(key)
        return self._chunks[key]


def _chunks_touching(file: OrthoFile, window: Window) -> Iterator[tuple[int, int, Window]]:
    """Column and row of each chunk that shares pixels with `window`, and the chunk's window."""
    height, width = (-(-CHUNK_PX // side) * side for side in file.block_shape)
    for row in range(window.row_off // height, -(-(window.row_off + window.height) // height)):
        for col in range(window.col_off // width, -(-(window.col_off + window.width) // width)):
            yield (
                col,
                row,
                Window(
                    col * width,
                    row * height,
                    min(width, file.width - col * width),
                    min(height, file.height - row * height),
                ),
            )


def _overlap(frame: Window, other: Window) -> tuple[slice, slice]:
    """Rows and columns of `frame` that `other` shares with it."""
    top = max(frame.row_off, other.row_off) - frame.row_off
    left = max(frame.col_off, other.col_off) - frame.col_off
    end_row = min(frame.row_off + frame.height, other.row_off + other.height) - frame.row_off
    end_col = min(frame.col_off + frame.width, other.col_off + other.width) - frame.col_off
    return slice(top, end_row), slice(left, end_col)
