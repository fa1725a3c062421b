"""Exact area averages on a grid that lies square to the source's: pixels go in, sums come out.

A target pixel is the mean of the source pixels under it, each counting by the area that it shares
with it; as both grids are square to each other, that is a sum along rows, then along columns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.compiled import compiled

SNAP_PX = 1e-3
"""Edges this near to a source pixel's edge lie on it, in source pixels."""


class Overlaps(NamedTuple):
    """The source pixels under each target pixel along an axis.

    Attributes:
        start: First source pixel.
        stop: The one after the last.
        first: Share of the first one that counts.
        last: Share of the last one that counts, where it is not the first.
        length: Source pixels along a target pixel.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    first: NDArray[np.float32]
    last: NDArray[np.float32]
    length: float


def overlaps(*, edge: float, step: float, count: int, source_count: int) -> Overlaps:
    """The overlaps of `count` target pixels with a window of the source.

    Args:
        edge: Where the first target pixel begins, in source pixels from the window's begin.
        step: Source pixels along a target pixel; the axis runs with the source's.
        count: Target pixels.
        source_count: Source pixels in the window; beyond them there is nothing.
    """
    edges = edge + step * np.arange(count + 1)
    whole = np.rint(edges)
    edges = np.where(np.abs(edges - whole) < SNAP_PX, whole, edges).clip(0, source_count)
    begins, ends = edges[:-1], edges[1:]
    start = np.floor(begins).astype(np.int64)
    stop = np.maximum(np.ceil(ends).astype(np.int64), start)
    stop[ends <= begins] = start[ends <= begins]
    first = np.minimum(start + 1, ends) - begins
    last = ends - (stop - 1)
    return Overlaps(start, stop, first.astype(np.float32), last.astype(np.float32), step)


def area_sums(
    values: NDArray[np.generic],
    valid: NDArray[np.float32] | None,
    *,
    rows: Overlaps,
    cols: Overlaps,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Values times area, and area, of each target pixel; 1 is the whole target pixel.

    Args:
        values: [bands, height, width]; 0 where there is no image.
        valid: Shares of image [height, width], from 0 to 1; None: all of it.
        rows: Overlaps down the rows.
        cols: Overlaps along the columns.

    Returns:
        float32 [bands, target rows, target columns] and [target rows, target columns].
    """
    area = np.float32(rows.length * cols.length)
    if valid is None:
        weights = np.outer(_lengths(rows), _lengths(cols)) / area
        return _sums(values, rows, cols) / area, weights.astype(np.float32)
    shares = valid[None]
    weighted = values.astype(np.float32) * shares
    return _sums(weighted, rows, cols) / area, _sums(shares, rows, cols)[0] / area


def _lengths(axis: Overlaps) -> NDArray[np.float32]:
    inner = np.maximum(axis.stop - axis.start - 2, 0)
    many = axis.first + inner + axis.last
    lengths: NDArray[np.float32] = np.where(axis.stop - axis.start > 1, many, axis.first)
    return np.where(axis.stop > axis.start, lengths, 0).astype(np.float32)


def _sums(values: NDArray[np.generic], rows: Overlaps, cols: Overlaps) -> NDArray[np.float32]:
    # The compiler vectorises only what it knows to lie side by side.
    sums: NDArray[np.float32] = _sum_areas(np.ascontiguousarray(values), *rows[:4], *cols[:4])
    return sums


@compiled
def _sum_areas(  # type: ignore[no-untyped-def]
    values, row_start, row_stop, row_first, row_last, col_start, col_stop, col_first, col_last
):
    bands, _, width = values.shape
    result = np.zeros((bands, len(row_start), len(col_start)), np.float32)
    line = np.empty(width, np.float32)
    for band in range(bands):
        for target in range(len(row_start)):
            begin, end = row_start[target], row_stop[target]
            if end <= begin:
                continue
            _start_line(line, values[band, begin], row_first[target])
            for row in range(begin + 1, end - 1):
                _add_line(line, values[band, row], np.float32(1.0))
            if end - begin > 1:
                _add_line(line, values[band, end - 1], row_last[target])
            _sum_line(line, col_start, col_stop, col_first, col_last, result[band, target])
    return result


@compiled
def _start_line(line, source, weight):  # type: ignore[no-untyped-def]
    for col in range(len(line)):
        line[col] = weight * np.float32(source[col])


@compiled
def _add_line(line, source, weight):  # type: ignore[no-untyped-def]
    for col in range(len(line)):
        line[col] += weight * np.float32(source[col])


@compiled
def _sum_line(line, start, stop, first, last, out):  # type: ignore[no-untyped-def]
    for target in range(len(start)):
        begin, end = start[target], stop[target]
        if end <= begin:
            continue
        total = first[target] * line[begin]
        for col in range(begin + 1, end - 1):
            total += line[col]
        if end - begin > 1:
            total += last[target] * line[end - 1]
        out[target] = total
