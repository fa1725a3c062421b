"""The pieces of a picture: a window goes in, the pieces that it touches and where they lie out."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rasterio.windows import Window

from aerialret.ingestion.imagery.reduced_file import ReducedFile

PIECE_PX = 1024
"""Least side of a piece at full detail, in pixels; sides are multiples of the file's blocks."""

CODEC_PIECE_PX = 2048
"""The same at a wavelet level that the file itself can be decoded at."""

COMPUTED_PIECE_PX = 8192
"""The same at a level that is computed; files up to half as large again stay whole, as what lies
along the seam between two pieces is decoded twice."""


class PieceKey(NamedTuple):
    """One piece of one file at a level."""

    path: Path
    level: int
    col: int
    row: int


def pieces_touching(picture: ReducedFile, window: Window) -> Iterator[tuple[PieceKey, Window]]:
    """The pieces that share samples with `window`, and their windows."""
    height, width = _piece_shape(picture)
    for row in range(window.row_off // height, -(-(window.row_off + window.height) // height)):
        for col in range(window.col_off // width, -(-(window.col_off + window.width) // width)):
            key = PieceKey(picture.file.path, picture.level, col, row)
            yield key, place_of(key, picture)


def place_of(key: PieceKey, picture: ReducedFile) -> Window:
    """The samples of a piece, inside its picture."""
    height, width = _piece_shape(picture)
    left, top = key.col * width, key.row * height
    return Window(left, top, min(width, picture.width - left), min(height, picture.height - top))


def _piece_shape(picture: ReducedFile) -> tuple[int, int]:
    """Rows and columns of samples of a piece."""
    file = picture.file
    return (
        _side(picture, file.height, file.block_shape[0]),
        _side(picture, file.width, file.block_shape[1]),
    )


def _side(picture: ReducedFile, length_px: int, block_px: int) -> int:
    """Samples along a piece of a file that is `length_px` long."""
    level = picture.level
    if level > picture.file.codec_levels:
        if length_px * 2 <= COMPUTED_PIECE_PX * 3:
            return -(-length_px >> level)
        least = COMPUTED_PIECE_PX
    else:
        least = CODEC_PIECE_PX if level else PIECE_PX
    return -(-(-(-least // block_px) * block_px) >> level)


def overlap(frame: Window, other: Window) -> tuple[slice, slice]:
    """Rows and columns of `frame` that `other` shares with it."""
    top = max(frame.row_off, other.row_off) - frame.row_off
    left = max(frame.col_off, other.col_off) - frame.col_off
    end_row = min(frame.row_off + frame.height, other.row_off + other.height) - frame.row_off
    end_col = min(frame.col_off + frame.width, other.col_off + other.width) - frame.col_off
    return slice(top, end_row), slice(left, end_col)
