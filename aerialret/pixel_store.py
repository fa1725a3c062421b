"""The pixels of one date: blocks of tiles go in, tiles come out; a Zarr group on the grid.

Each array is indexed by the grid itself, [row - first_row, col - first_col, ...]; a chunk is one
tile and a shard is one block of `BLOCK_TILES` x `BLOCK_TILES` tiles, so there is one file for each
block and array. Tiles that were never written cost nothing and read as fill values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from aerialret.errors import NotAnArtefactError
from aerialret.grid import TileId
from aerialret.palette import NO_COVERAGE

BLOCK_TILES = 8
"""Side of a block, in tiles; blocks begin at multiples of it."""


@dataclass(frozen=True, slots=True)
class TileBatch:
    """The pixels of n tiles.

    Attributes:
        images: uint8 [n, 3, height, width], red, green, blue.
        masks: uint8 [n, height, width], class codes; 255 is outside the vector coverage.
        valid: bool [n, height, width], true where there is an image.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    valid: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreExtent:
    """The cells that a store spans, half-open; all four are multiples of `BLOCK_TILES`."""

    first_col: int
    first_row: int
    end_col: int
    end_row: int

    @classmethod
    def around(cls, tiles: Sequence[TileId]) -> "StoreExtent":
        """The smallest extent of whole blocks that holds `tiles`."""
        cols, rows = [tile.col for tile in tiles], [tile.row for tile in tiles]
        return cls(
            first_col=min(cols) // BLOCK_TILES * BLOCK_TILES,
            first_row=min(rows) // BLOCK_TILES * BLOCK_TILES,
            end_col=(max(cols) // BLOCK_TILES + 1) * BLOCK_TILES,
            end_row=(max(rows) // BLOCK_TILES + 1) * BLOCK_TILES,
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, in tiles."""
        return self.end_row - self.first_row, self.end_col - self.first_col


class PixelStore:
    """One date's arrays `image`, `mask` and `valid`."""

    def __init__(self, group: zarr.Group) -> None:
        self._group = group
        self._first_col = int(str(group.attrs["first_col"]))
        self._first_row = int(str(group.attrs["first_row"]))

    @classmethod
    def create(cls, path: Path, *, extent: StoreExtent, tile_px: int) -> "PixelStore":
        """A new store of empty arrays in the folder `path`, or the one that is already there."""
        if (path / "zarr.json").exists():
            return cls.open(path, mode="r+")
        group = zarr.open_group(str(path), mode="w", zarr_format=3)
        for name, channels, dtype, fill in (
            ("image", (3,), "uint8", 0),
            ("mask", (), "uint8", NO_COVERAGE),
            ("valid", (), "bool", False),
        ):
            tile_shape = (*channels, tile_px, tile_px)
            group.create_array(
                name,
                shape=(*extent.shape, *tile_shape),
                chunks=(1, 1, *tile_shape),
                shards=(BLOCK_TILES, BLOCK_TILES, *tile_shape),
                dtype=dtype,
                fill_value=fill,
                compressors=BloscCodec(cname="zstd", clevel=3, shuffle="noshuffle"),
                dimension_names=("row", "col", *(["band"] if channels else []), "y", "x"),
            )
        group.attrs.update({"first_col": extent.first_col, "first_row": extent.first_row})
        return cls(group)

    @classmethod
    def open(cls, path: Path, *, mode: Any = "r") -> "PixelStore":
        """The store in the folder `path`.

        Raises:
            NotAnArtefactError: There is none.
        """
        try:
            return cls(zarr.open_group(str(path), mode=mode, zarr_format=3))
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise NotAnArtefactError(
                f"{path} is no pixel store ({error}); run 'aerialret ingest' for this date again"
            ) from error

    def write_block(
        self,
        upper_left: TileId,
        *,
        images: NDArray[np.uint8],
        masks: NDArray[np.uint8],
        valid: NDArray[np.bool_],
    ) -> None:
        """Writes one whole block; `upper_left` lies at multiples of `BLOCK_TILES`.

        Args:
            upper_left: The block's first cell.
            images: uint8 [8, 8, 3, height, width], by row and column of the block.
            masks: uint8 [8, 8, height, width].
            valid: bool [8, 8, height, width].
        """
        row, col = upper_left.row - self._first_row, upper_left.col - self._first_col
        area = (slice(row, row + BLOCK_TILES), slice(col, col + BLOCK_TILES))
        for name, block in (("image", images), ("mask", masks), ("valid", valid)):
            self._array(name)[area] = block

    def read(self, tiles: Sequence[TileId]) -> TileBatch:
        """The pixels of `tiles`, in their order."""
        images = [self._tile("image", tile) for tile in tiles]
        masks = [self._tile("mask", tile) for tile in tiles]
        valid = [self._tile("valid", tile) for tile in tiles]
        if not tiles:
            side = self._array("mask").shape[-1]
            return TileBatch(
                np.empty((0, 3, side, side), np.uint8),
                np.empty((0, side, side), np.uint8),
                np.empty((0, side, side), bool),
            )
        return TileBatch(np.stack(images), np.stack(masks), np.stack(valid))

    def _array(self, name: str) -> Any:
        return self._group[name]

    def _tile(self, name: str, tile: TileId) -> NDArray[Any]:
        row, col = tile.row - self._first_row, tile.col - self._first_col
        pixels: NDArray[Any] = np.asarray(self._array(name)[row, col])
        return pixels
