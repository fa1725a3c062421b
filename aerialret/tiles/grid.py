"""The grid of places: in goes a coordinate system, a tile size and an origin; out come cells."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from aerialret.errors import ConfigurationError


class TileId(NamedTuple):
    """A cell of the grid: columns grow eastwards, rows grow southwards from the origin."""

    col: int
    row: int

    @property
    def place(self) -> str:
        """The cell's name, the same at every date, as in `c12_r-3`."""
        return f"c{self.col}_r{self.row}"

    @classmethod
    def from_place(cls, place: str) -> "TileId":
        """The cell named `place`.

        Raises:
            ConfigurationError: `place` is no cell name.
        """
        try:
            col, row = place.removeprefix("c").split("_r")
            return cls(int(col), int(row))
        except ValueError:
            raise ConfigurationError(
                f"{place!r} is not a place; places look like c12_r-3"
            ) from None


class Bounds(NamedTuple):
    """A rectangle in CRS units, half-open: left and top are inside, right and bottom are not."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """Extent along x in CRS units."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Extent along y in CRS units."""
        return self.top - self.bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Square cells of one size in one projected CRS; a cell is a place.

    Attributes:
        crs: Coordinate reference system, as `EPSG:2154` or WKT; its unit is the metre.
        tile_size_m: Side of a cell in metres.
        tile_px: Side of a tile's rasters in pixels.
        origin_x_m: Easting of the upper-left corner of cell (0, 0).
        origin_y_m: Northing of the upper-left corner of cell (0, 0).
    """

    crs: str
    tile_size_m: float = 1000.0
    tile_px: int = 256
    origin_x_m: float = 0.0
    origin_y_m: float = 0.0

    def __post_init__(self) -> None:
        if not self.tile_size_m > 0:
            raise ConfigurationError(f"tile_size_m is {self.tile_size_m}, but must be above 0")
        if self.tile_px < 16:
            raise ConfigurationError(f"tile_px is {self.tile_px}, but must be at least 16")

    @property
    def resolution_m(self) -> float:
        """Side of a pixel in metres."""
        return self.tile_size_m / self.tile_px

    def bounds(self, tile: TileId) -> Bounds:
        """The rectangle of a cell in CRS units."""
        return self.block_bounds(tile, cols=1, rows=1)

    def block_bounds(self, upper_left: TileId, *, cols: int, rows: int) -> Bounds:
        """The rectangle of `cols` x `rows` cells whose upper-left cell is `upper_left`."""
        left = self.origin_x_m + upper_left.col * self.tile_size_m
        top = self.origin_y_m - upper_left.row * self.tile_size_m
        return Bounds(left, top - rows * self.tile_size_m, left + cols * self.tile_size_m, top)

    def tile_at(self, *, x: float, y: float) -> TileId:
        """The cell that contains a point given in CRS units."""
        return TileId(
            math.floor((x - self.origin_x_m) / self.tile_size_m),
            math.floor((self.origin_y_m - y) / self.tile_size_m),
        )

    def tiles_touching(self, bounds: Bounds, *, tolerance: float = 1e-6) -> Iterator[TileId]:
        """The cells that share area with `bounds`, row by row from the upper left.

        Args:
            bounds: A rectangle in CRS units.
            tolerance: Overlaps below this share of a cell's side do not count.
        """
        slack = tolerance * self.tile_size_m
        first = self.tile_at(x=bounds.left + slack, y=bounds.top - slack)
        last = self.tile_at(x=bounds.right - slack, y=bounds.bottom + slack)
        for row in range(first.row, last.row + 1):
            for col in range(first.col, last.col + 1):
                yield TileId(col, row)

    def tiles_touching_any(self, boxes: Iterable[Bounds]) -> set[TileId]:
        """The cells that share area with one of `boxes`."""
        return {tile for bounds in boxes for tile in self.tiles_touching(bounds)}
