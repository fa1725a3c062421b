"""The reference of a location: a tile set and a rectangle go in, a north-up mosaic comes out."""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.grid import Bounds, TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.tileset import TileSet
from aerialret.verification.pose import Matrix, inverse

_Mosaic: TypeAlias = tuple[Image, Valid, Mask]

_KEPT = 128
"""Mosaics in memory; one of 2 x 2 tiles of 256 px takes 1.3 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A picture of known place, north up.

    Attributes:
        image: uint8 [3, height, width].
        valid: bool [height, width], true where there is an image.
        left: Easting of its left side.
        top: Northing of its upper side.
        resolution_m: Side of a pixel in metres.
        mask: uint8 [height, width], class codes; 255 is outside the vector coverage. None where
            there are no vectors.
    """

    image: Image
    valid: Valid
    left: float
    top: float
    resolution_m: float
    mask: Mask | None = None

    @property
    def to_map(self) -> Matrix:
        """From its pixels (col, row) to the map (x, y)."""
        return np.array(
            [[self.resolution_m, 0, self.left], [0, -self.resolution_m, self.top], [0, 0, 1.0]]
        )

    @property
    def from_map(self) -> Matrix:
        """The inverse of `to_map`."""
        return inverse(self.to_map)


@dataclass(frozen=True, slots=True)
class ReferenceReader:
    """Cuts references out of a tile set.

    Attributes:
        tileset: Where the pixels come from.
    """

    tileset: TileSet
    _held: dict[str, frozenset[TileId]] = field(default_factory=dict)
    _recent: dict[tuple[str, TileId, int, int], _Mosaic] = field(default_factory=dict)

    def around(self, bounds: Bounds, *, date: str, margin_m: float) -> Reference:
        """The tiles of `date` that touch `bounds` widened by `margin_m` on every side.

        Where the tile set has no tile, `valid` is false.

        Raises:
            UnknownDateError: The tile set does not hold `date`.
        """
        grid = self.tileset.grid
        wide = Bounds(
            bounds.left - margin_m, bounds.bottom - margin_m,
            bounds.right + margin_m, bounds.top + margin_m,
        )  # fmt: skip
        tiles = list(grid.tiles_touching(wide))
        first, last = tiles[0], tiles[-1]
        cols, rows = last.col - first.col + 1, last.row - first.row + 1
        image, valid, mask = self._recently(date, first, cols, rows)
        extent = grid.block_bounds(first, cols=cols, rows=rows)
        return Reference(
            image=image, valid=valid, mask=mask, left=extent.left, top=extent.top,
            resolution_m=grid.resolution_m,
        )  # fmt: skip

    def _recently(self, date: str, first: TileId, cols: int, rows: int) -> _Mosaic:
        """`_mosaic`, or the same as a short while ago: photos share many of their candidates."""
        key = date, first, cols, rows
        if key not in self._recent:
            if len(self._recent) >= _KEPT:
                del self._recent[next(iter(self._recent))]
            self._recent[key] = self._mosaic(*key)
        return self._recent[key]

    def _mosaic(self, date: str, first: TileId, cols: int, rows: int) -> tuple[Image, Valid, Mask]:
        px = self.tileset.grid.tile_px
        image = np.zeros((3, rows * px, cols * px), np.uint8)
        valid = np.zeros(image.shape[1:], bool)
        mask = np.full(valid.shape, NO_COVERAGE, np.uint8)
        wanted = [
            TileId(first.col + col, first.row + row) for row in range(rows) for col in range(cols)
        ]
        there = [tile for tile in wanted if tile in self._tiles(date)]
        batch = self.tileset.read(date, there)
        layers = zip(there, batch.images, batch.valid, batch.masks, strict=True)
        for tile, pixels, seen, codes in layers:
            y, x = (tile.row - first.row) * px, (tile.col - first.col) * px
            image[:, y : y + px, x : x + px] = pixels
            valid[y : y + px, x : x + px] = seen
            mask[y : y + px, x : x + px] = codes
        return image, valid, mask

    def _tiles(self, date: str) -> frozenset[TileId]:
        if date not in self._held:
            self._held[date] = frozenset(self.tileset.tiles(date))
        return self._held[date]
