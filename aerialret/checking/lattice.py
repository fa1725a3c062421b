"""Sheets of imagery on their lattice: rectangles go in, missing and doubled sheets come out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from aerialret.tiles.grid import Bounds

_ON_LATTICE = 0.02  # of a sheet's side
_LEAST_SHEETS = 3
_RIM_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Sheets of one size, side by side.

    Attributes:
        pitch: Distance from one sheet to the next, eastwards and northwards.
        sheet: Width and height of a sheet.
        cols: Sheets from west to east, if none were missing.
        rows: Sheets from north to south.
        present: How many there are.
        missing: Sheets that are not there although others surround them.
        rim: Cells of the rectangle outside the outline of the sheets.
    """

    pitch: tuple[float, float]
    sheet: tuple[float, float]
    cols: int
    rows: int
    present: int
    missing: tuple[Bounds, ...]
    rim: int


def find_lattice(boxes: Sequence[Bounds]) -> Lattice | None:
    """The lattice that `boxes` lie on, or None where they lie on none.

    Sheets at the edge of a territory may be smaller than the others. A cell counts as missing
    where sheets lie on both its sides, in its row and in its column; others are the rim, for no
    territory is a rectangle, unless there are so few that it nearly is one.
    """
    if len(boxes) < _LEAST_SHEETS:
        return None
    sides = np.array([(box.width, box.height) for box in boxes])
    size = np.array(Counter(map(tuple, np.round(sides, 3).tolist())).most_common(1)[0][0])
    corners = np.array([(box.left, box.top) for box in boxes])
    pitch = np.array([_pitch(corners[:, axis], side=size[axis]) for axis in (0, 1)])
    whole = np.flatnonzero((np.abs(sides - size) < _ON_LATTICE * size).all(axis=1))[0]
    steps = (corners - corners[whole]) / pitch * (1, -1)
    cells = np.round(steps).astype(int)
    if np.abs(steps - cells).max() > _ON_LATTICE and not _fits(boxes, cells, corners[whole], pitch):
        return None
    first = cells.min(axis=0)
    origin = corners[whole] + first * pitch * (1, -1)
    return _lattice(cells - first, origin=origin, pitch=pitch, size=size)


def overlap_share(boxes: Sequence[Bounds]) -> float:
    """The share of the ground that more than one rectangle covers."""
    shapes = shapely.box(*np.array(boxes).T) if boxes else np.empty(0, object)
    covered = float(shapely.area(shapely.union_all(shapes)))
    return max(float(shapely.area(shapes).sum()) / covered - 1, 0.0) if covered else 0.0


def _pitch(starts: np.ndarray, *, side: float) -> float:
    gaps = np.diff(np.unique(np.round(starts, 3)))
    apart = gaps[gaps > side / 2]
    return float(apart.min()) if len(apart) else float(side)


def _fits(
    boxes: Sequence[Bounds], cells: np.ndarray, origin: np.ndarray, pitch: np.ndarray
) -> bool:
    """Whether sheets off the lattice are mere parts of their cells, cut at the edge."""
    slack = _ON_LATTICE * pitch
    for box, (col, row) in zip(boxes, cells, strict=True):
        left, top = origin[0] + col * pitch[0], origin[1] - row * pitch[1]
        inside = (
            box.left >= left - slack[0]
            and box.right <= left + pitch[0] + slack[0]
            and box.top <= top + slack[1]
            and box.bottom >= top - pitch[1] - slack[1]
        )
        if not inside:
            return False
    return True


def _lattice(
    cells: np.ndarray, *, origin: np.ndarray, pitch: np.ndarray, size: np.ndarray
) -> Lattice:
    cols, rows = (cells.max(axis=0) + 1).tolist()
    there = np.zeros((rows, cols), bool)
    there[cells[:, 1], cells[:, 0]] = True
    inside = _between(there, axis=0) & _between(there, axis=1) & ~there
    rim = ~there & ~inside
    if 0 < rim.sum() <= max(1, there.size // _RIM_SHARE):
        inside, rim = ~there, np.zeros_like(there)
    missing = []
    for row, col in zip(*np.nonzero(inside), strict=True):
        left, top = origin[0] + col * pitch[0], origin[1] - row * pitch[1]
        missing.append(Bounds(*map(float, (left, top - size[1], left + size[0], top))))
    return Lattice(
        pitch=(float(pitch[0]), float(pitch[1])),
        sheet=(float(size[0]), float(size[1])),
        cols=cols,
        rows=rows,
        present=int(there.sum()),
        missing=tuple(missing),
        rim=int(rim.sum()),
    )


def _between(there: np.ndarray, *, axis: int) -> np.ndarray:
    before = np.maximum.accumulate(there, axis=axis)
    after = np.flip(np.maximum.accumulate(np.flip(there, axis), axis=axis), axis)
    found: np.ndarray = before & after
    return found
