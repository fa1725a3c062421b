"""A wavelet band made of a finer picture, strip by strip: a window of samples goes in.

Every pixel that the window needs is read once, and only a strip of them is in memory.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from aerialret.ingestion.imagery.wavelet import Band, Kernel, low_pass

STRIP_BYTES = 12 * 2**20
"""Pixels that are held at once."""

Pixels: TypeAlias = tuple[NDArray[np.generic], NDArray[np.bool_] | None]
"""Values [bands, height, width], and where they are image [height, width]; None: everywhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finer:
    """The picture that a band is made of.

    Attributes:
        read: Reads a window of it.
        made: How samples are made of its pixels.
        height: Its rows.
        width: Its columns.
        block_rows: Rows of its blocks, which are decoded together.
        pixel_bytes: Memory of a pixel.
    """

    read: Callable[[Window], Pixels]
    made: Kernel
    height: int
    width: int
    block_rows: int
    pixel_bytes: int


def band_of(finer: Finer, window: Window) -> Band:
    """The samples of a window."""
    beyond = _columns(finer, window).beyond
    bands = [
        low_pass(values, valid, finer.made, beyond=beyond)
        for values, valid in _strips(finer, window)
    ]
    values = np.concatenate([band.values for band in bands], axis=1)
    if all(band.valid is None for band in bands):
        return Band(values, None)
    shares = [
        np.ones(band.values.shape[1:], np.float32) if band.valid is None else band.valid
        for band in bands
    ]
    return Band(values, np.concatenate(shares))


def _strips(finer: Finer, window: Window) -> Iterator[Pixels]:
    """Pixels of strips of samples from the top, each with the margin that its samples need."""
    made = finer.made
    rows = _strip_rows(finer, window)
    kept: Pixels | None = None
    read_to = max(0, window.row_off * made.step - made.before)
    end_row = window.row_off + window.height
    for first in range(window.row_off, end_row, rows):
        end = min(first + rows, end_row)
        need_to = min(finer.height, (end - 1) * made.step + made.after + 1)
        if kept is None or need_to > read_to:
            # Whole blocks: GDAL reads them twice as fast as parts of them.
            whole = -(-need_to // finer.block_rows) * finer.block_rows
            end_read = min(finer.height, whole) if finer.block_rows < finer.height else need_to
            cols = _columns(finer, window)
            part = Window(cols.first, read_to, cols.end - cols.first, end_read - read_to)
            fresh = finer.read(part)
            kept = fresh if kept is None else _stacked(kept, fresh)
            read_to = end_read
        top = read_to - kept[0].shape[1]
        yield _mirrored_rows(finer, kept, first=first, end=end, top=top)
        keep_from = max(0, end * made.step - made.before) - top
        kept = kept[0][:, keep_from:], None if kept[1] is None else kept[1][keep_from:]


def _strip_rows(finer: Finer, window: Window) -> int:
    """Rows of samples in a strip: whole blocks of the file, as many as the memory allows."""
    row_bytes = window.width * finer.made.step * finer.pixel_bytes
    if finer.block_rows >= finer.height:
        return max(1, int(STRIP_BYTES / max(row_bytes, 1)) // finer.made.step)
    rows = max(1, int(STRIP_BYTES / max(row_bytes, 1)) // finer.block_rows) * finer.block_rows
    return max(1, rows // finer.made.step)


class _Columns(NamedTuple):
    """The columns that a window's samples need.

    Attributes:
        first: The first one that there is.
        end: The one after the last.
        beyond: How many more are needed on the left and on the right.
    """

    first: int
    end: int
    beyond: tuple[int, int]


def _columns(finer: Finer, window: Window) -> _Columns:
    made = finer.made
    first = window.col_off * made.step - made.before
    end = (window.col_off + window.width - 1) * made.step + made.after + 1
    inside = max(0, first), min(finer.width, end)
    return _Columns(*inside, (inside[0] - first, end - inside[1]))


def _mirrored_rows(finer: Finer, pixels: Pixels, *, first: int, end: int, top: int) -> Pixels:
    """The rows that samples `first` to `end` need, mirrored at the picture's edges."""
    made = finer.made
    start, stop = first * made.step - made.before, (end - 1) * made.step + made.after + 1
    values, valid = pixels
    before, after = max(0, -start), max(0, stop - finer.height)
    rows = slice(max(0, start) - top, min(stop, finer.height) - top)
    values = values[:, rows]
    valid = None if valid is None else valid[rows]
    if not (before or after):
        return values, valid
    return (
        np.pad(values, ((0, 0), (before, after), (0, 0)), mode=made.mirror),
        None if valid is None else np.pad(valid, ((before, after), (0, 0)), mode=made.mirror),
    )


def _stacked(upper: Pixels, lower: Pixels) -> Pixels:
    values = np.concatenate([upper[0], lower[0]], axis=1)
    if upper[1] is None and lower[1] is None:
        return values, None
    parts = [
        np.ones(pixels.shape[1:], np.bool_) if valid is None else valid
        for pixels, valid in (upper, lower)
    ]
    return values, np.concatenate(parts)
