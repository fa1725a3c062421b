"""Gallery windows: the tiles of a date, a stride and scales go in, squares that overlap come out.

Windows lie on a lattice that is the same in every cell of the grid and goes through its centre: a
photo that lies across tiles has a window, too. They are whole pixels of the tiles' mosaic.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.config import IndexConfig
from aerialret.errors import ConfigurationError
from aerialret.tiles.grid import Grid, TileId

LEAST_IMAGERY = 0.5
"""Share of a window that must show something; whole tiles are kept whatever they show."""

LEAST_PX = 16
"""Smaller windows show nothing that could be recognised."""

Integers: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryWindows:
    """n squares of a date's mosaic, in pixels from the grid's origin.

    Attributes:
        cols: int64 [n], column of the place that each stands for.
        rows: int64 [n], its row.
        left_px: int64 [n], of the left side, eastwards.
        top_px: int64 [n], of the upper side, southwards.
        side_px: int64 [n].
    """

    cols: Integers
    rows: Integers
    left_px: Integers
    top_px: Integers
    side_px: Integers

    def __len__(self) -> int:
        return len(self.cols)

    def __getitem__(self, chosen: slice | Integers | NDArray[np.bool_]) -> "GalleryWindows":
        return GalleryWindows(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    def are_tiles(self, *, tile_px: int) -> NDArray[np.bool_]:
        """Which are the tiles of the grid: bool [n]."""
        found: NDArray[np.bool_] = (
            (self.side_px == tile_px)
            & (self.left_px == self.cols * tile_px)
            & (self.top_px == self.rows * tile_px)
        )
        return found

    def bounds(self, grid: Grid) -> NDArray[np.float64]:
        """float64 [n, 4]: left, bottom, right, top in the grid's CRS."""
        metres = grid.resolution_m
        left = grid.origin_x_m + self.left_px * metres
        top = grid.origin_y_m - self.top_px * metres
        side = self.side_px * metres
        return np.column_stack([left, top - side, left + side, top])


def has_whole_tiles_only(config: IndexConfig) -> bool:
    """Whether the gallery is the tiles themselves."""
    return config.stride == 1 and set(config.scales) == {1}


def gallery_windows(
    tiles: Sequence[TileId], *, tile_px: int, stride: float, scales: Sequence[float]
) -> GalleryWindows:
    """The windows of which tiles show at least half, by place, then scale, then position.

    A window's place is the cell that holds its centre; where there is no tile in it, the tile that
    shows most of it. The step from window to window is a whole part of a cell, at most `stride`
    times the window's side, and at most a cell: each place has windows of each scale.

    Args:
        tiles: Of one date.
        tile_px: Side of a tile.
        stride: Step from window to window, a share of the window's side.
        scales: Sides of windows, shares of a tile's side.

    Raises:
        ConfigurationError: Windows of a scale are too small.
    """
    there = np.array([(tile.col, tile.row) for tile in tiles], np.int64).reshape(-1, 2)
    found = [
        _of_side(there, tile_px, side_in_px(scale, tile_px), steps_in_cell(scale, stride, tile_px))
        for scale in sorted(set(scales), reverse=True)
    ]
    every = _joined(found)
    order = np.lexsort(
        (every.left_px, every.top_px, -every.side_px, every.cols, every.rows)
    )  # by the last key first
    return every[order]


def side_in_px(scale: float, tile_px: int) -> int:
    """Side of the windows of a scale, in whole pixels of the tiles.

    Raises:
        ConfigurationError: It is too small.
    """
    side = round(scale * tile_px)
    if side < LEAST_PX:
        raise ConfigurationError(
            f"index.scales has {scale:g}, which is {side} px of a tile of {tile_px} px, but "
            f"windows must be at least {LEAST_PX} px wide; give a scale of "
            f"{math.ceil(100 * LEAST_PX / tile_px) / 100:g} or more"
        )
    return side


def steps_in_cell(scale: float, stride: float, tile_px: int) -> int:
    """Windows of a scale for each cell, along x and along y."""
    return min(max(1, math.ceil(1 / (scale * stride) - 1e-9)), tile_px)


def _of_side(there: Integers, tile_px: int, side: int, steps: int) -> GalleryWindows:
    """The windows of one scale, in any order; `there` is int64 [t, 2], columns and rows."""
    cells = _around(there, reach=math.ceil(side / 2 / tile_px))
    phases = np.arange(steps)
    cols, rows, across, down = (
        part.ravel()
        for part in np.broadcast_arrays(
            cells[:, :1, None], cells[:, 1:, None], phases[None, :, None], phases[None, None, :]
        )
    )
    left = _upper_left(cols, across, steps, tile_px, side)
    top = _upper_left(rows, down, steps, tile_px, side)
    return _placed(there, left, top, tile_px, side)


def _upper_left(cell: Integers, phase: Integers, steps: int, tile_px: int, side: int) -> Integers:
    """From the origin to windows whose centres are `phase / steps` cells from a cell's centre.

    Centres beyond the cell begin again at its other side; halves of pixels are rounded up.
    """
    centre = tile_px * ((steps + 2 * phase) % (2 * steps))  # in parts of 1 / (2 steps) pixels
    result: Integers = (2 * steps * cell * tile_px + centre - steps * side + steps) // (2 * steps)
    return result


def _around(cells: Integers, *, reach: int) -> Integers:
    """The cells and those at most `reach` away from them, each once: int64 [n, 2]."""
    found = cells
    for axis in (0, 1):
        moved = [
            found + step * np.eye(2, dtype=np.int64)[axis] for step in range(-reach, reach + 1)
        ]
        found = np.unique(np.concatenate(moved), axis=0)
    return found


def _placed(
    there: Integers, left: Integers, top: Integers, tile_px: int, side: int
) -> GalleryWindows:
    """Of the windows, those of which tiles show enough, with their places."""
    shown, most = np.zeros(len(left), np.int64), np.zeros(len(left), np.int64)
    centre = np.column_stack([2 * left + side, 2 * top + side]) // (2 * tile_px)
    place = centre.copy()
    reach = math.ceil(side / tile_px)
    for down in range(reach + 1):
        for across in range(reach + 1):
            cell = np.column_stack([left // tile_px + across, top // tile_px + down])
            shared = _shared(left, cell[:, 0], tile_px, side) * _shared(
                top, cell[:, 1], tile_px, side
            )
            shared[~_among(cell, there)] = 0
            shown += shared
            place[shared > most] = cell[shared > most]
            most = np.maximum(most, shared)
    held = _among(centre, there)
    place[held] = centre[held]
    kept = shown >= LEAST_IMAGERY * side * side
    sides = np.full(int(kept.sum()), side, np.int64)
    return GalleryWindows(
        cols=place[kept, 0], rows=place[kept, 1], left_px=left[kept], top_px=top[kept],
        side_px=sides,
    )  # fmt: skip


def _shared(start: Integers, cell: Integers, tile_px: int, side: int) -> Integers:
    """Pixels along one axis that windows from `start` on share with cells."""
    end = np.minimum(start + side, (cell + 1) * tile_px)
    shared: Integers = np.maximum(end - np.maximum(start, cell * tile_px), 0)
    return shared


def _among(cells: Integers, there: Integers) -> NDArray[np.bool_]:
    """Which cells (int64 [n, 2]) are among those of `there`: bool [n]."""
    if not len(there) or not len(cells):
        return np.zeros(len(cells), bool)
    first = np.minimum(cells.min(axis=0), there.min(axis=0))
    width = int(np.maximum(cells.max(axis=0), there.max(axis=0))[0] - first[0]) + 1
    found: NDArray[np.bool_] = np.isin(_code(cells - first, width), _code(there - first, width))
    return found


def _code(cells: Integers, width: int) -> Integers:
    code: Integers = cells[:, 1] * width + cells[:, 0]
    return code


def _joined(parts: Sequence[GalleryWindows]) -> GalleryWindows:
    names = [f.name for f in fields(GalleryWindows)]
    return GalleryWindows(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )
