"""The parts in which imagery is asked for: an area goes in, cells of a fixed lattice come out.

The lattice depends on the size of a part alone, so that areas that share ground share requests.
"""

import math
from dataclasses import dataclass

import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.tiles.grid import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Lattice:
    """Cells of one size, counted eastwards and southwards from a corner.

    Attributes:
        left: Western edge of column 0.
        top: Northern edge of row 0.
        cell_width: Width of a cell, in units of the CRS.
        cell_height: Height of a cell, in units of the CRS.
    """

    left: float = 0.0
    top: float = 0.0
    cell_width: float
    cell_height: float

    def bounds(self, col: int, row: int) -> Bounds:
        """The ground of one cell; neighbours share their edges to the last bit."""
        return Bounds(
            left=self.left + col * self.cell_width,
            bottom=self.top - (row + 1) * self.cell_height,
            right=self.left + (col + 1) * self.cell_width,
            top=self.top - row * self.cell_height,
        )

    def cells(self, area: BaseGeometry) -> list[tuple[int, int]]:
        """Column and row of each cell that shares ground with `area`, row by row from the north."""
        if area.is_empty:
            return []
        left, bottom, right, top = area.bounds
        cols = _indices(left - self.left, right - self.left, self.cell_width)
        rows = _indices(self.top - top, self.top - bottom, self.cell_height)
        shapely.prepare(area)
        return [(col, row) for row in rows for col in cols if self._shares(area, col, row)]

    def _shares(self, area: BaseGeometry, col: int, row: int) -> bool:
        cell = shapely.box(*self.bounds(col, row))
        return bool(area.intersects(cell)) and not area.touches(cell)


def _indices(low: float, high: float, size: float) -> range:
    """Every cell that [low, high] may reach; a millionth of a cell is rounding."""
    first = math.floor(low / size + 1e-6)
    return range(first, max(first + 1, math.ceil(high / size - 1e-6)))


def ground_text(bounds: Bounds) -> str:
    """Bounds as services and people read them: left,bottom,right,top, without needless digits."""
    return ",".join(number_text(value) for value in bounds)


def number_text(value: float) -> str:
    """A coordinate with at most nanometres, or nanodegrees, never in exponents."""
    text = f"{value:.9f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def listed(parts: list[str], *, most: int = 5) -> str:
    """The first few parts, and how many more there are."""
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return "; ".join(parts[:most]) + more
