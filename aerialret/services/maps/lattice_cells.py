"""Squares that cut an area in parts: bounds go in, cells that never depend on the area come out.

The sides are powers of two in units of the CRS and the corners are their multiples, so that areas
that share ground share questions, and the answers to them.
"""

import math
from typing import NamedTuple

from aerialret.tiles.grid import Bounds


class Cell(NamedTuple):
    """A square: column and row count from the CRS's origin, eastwards and northwards.

    Attributes:
        level: The side is 2 to this power, in units of the CRS.
        col: How many sides it lies east of the origin.
        row: How many sides it lies north of the origin.
    """

    level: int
    col: int
    row: int

    @property
    def bounds(self) -> Bounds:
        """The square in CRS units."""
        side = 2.0**self.level
        left, bottom = self.col * side, self.row * side
        return Bounds(left, bottom, left + side, bottom + side)

    def quarters(self) -> tuple["Cell", ...]:
        """The four squares of half the side that make up this one."""
        col, row = 2 * self.col, 2 * self.row
        return tuple(
            Cell(self.level - 1, col + east, row + north) for north in (0, 1) for east in (0, 1)
        )


def cells_around(bounds: Bounds) -> tuple[Cell, ...]:
    """The squares, at most four, that cover `bounds` and are no smaller than its longer side."""
    side = max(bounds.width, bounds.height)
    level = math.ceil(math.log2(side)) if side > 0 else 0
    size = 2.0**level
    return tuple(
        Cell(level, col, row)
        for row in range(math.floor(bounds.bottom / size), math.floor(bounds.top / size) + 1)
        for col in range(math.floor(bounds.left / size), math.floor(bounds.right / size) + 1)
    )
