"""The pixels of one date: blocks of tiles go in, tiles come out; a Zarr group on the grid.

Each array is indexed by the grid itself, [row - first_row, col - first_col, ...]; a chunk is one
tile and a shard is one block of tiles (`block_tiles_for`), so there is one file for each block and
array. Tiles that were never written cost nothing and read as fill values.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

from aerialret.errors import NotAnArtefactError
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE

BLOCK_TILES = 8
"""Side of a block of small tiles, in tiles; blocks begin at multiples of their side."""

BLOCK_PX = 2048
"""Blocks of large tiles are about this wide, so that one fits in memory."""


def block_tiles_for(tile_px: int) -> int:
    """Side of a block in tiles, for tiles that are `tile_px` pixels wide."""
    return max(1, min(BLOCK_TILES, BLOCK_PX // tile_px))


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
    """The cells that a store spans, half-open; all are multiples of the block's side.

    Attributes:
        first_col: The first column.
        first_row: The first row.
        end_col: The column after the last.
        end_row: The row after the last.
        block_tiles: Side of a block in tiles.
    """

    first_col: int
    first_row: int
    end_col: int
    end_row: int
    block_tiles: int = BLOCK_TILES

    @classmethod
    def around(cls, tiles: Sequence[TileId], *, block_tiles: int = BLOCK_TILES) -> "StoreExtent":
        """The smallest extent of whole blocks that holds `tiles`."""
        cols, rows = [tile.col for tile in tiles], [tile.row for tile in tiles]
        side = block_tiles
        return cls(
            first_col=min(cols) // side * side,
            first_row=min(rows) // side * side,
            end_col=(max(cols) // side + 1) * side,
            end_row=(max(rows) // side + 1) * side,
            block_tiles=side,
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
        self._block_tiles = int(str(group.attrs.get("block_tiles", BLOCK_TILES)))

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
                shards=(extent.block_tiles, extent.block_tiles, *tile_shape),
                dtype=dtype,
                fill_value=fill,
                compressors=BloscCodec(cname="zstd", clevel=3, shuffle="noshuffle"),
                dimension_names=("row", "col", *(["band"] if channels else []), "y", "x"),
            )
        group.attrs.update(
            {
                "first_col": extent.first_col,
                "first_row": extent.first_row,
                "block_tiles": extent.block_tiles,
            }
        )
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
        """Writes one whole block of n x n tiles.

        Args:
            upper_left: The block's first cell.
            images: uint8 [n, n, 3, height, width], by row and column of the block.
            masks: uint8 [n, n, height, width].
            valid: bool [n, n, height, width].
        """
        row, col = upper_left.row - self._first_row, upper_left.col - self._first_col
        side = self._block_tiles
        area = (slice(row, row + side), slice(col, col + side))
        for name, block in (("image", images), ("mask", masks), ("valid", valid)):
            self._array(name)[area] = block

    def read(self, tiles: Sequence[TileId]) -> TileBatch:
        """The pixels of `tiles`, in their order."""
        batch = TileBatch(*(self._empty(name, len(tiles)) for name in ("image", "mask", "valid")))
        for rows, rectangle in self._rectangles(tiles):
            for name, out in (
                ("image", batch.images), ("mask", batch.masks), ("valid", batch.valid),
            ):  # fmt: skip
                pixels = np.asarray(self._array(name)[rectangle])
                top, left = rectangle[0].start, rectangle[1].start
                for i in rows:
                    row, col = self._position(tiles[i])
                    out[i] = pixels[row - top, col - left]
        return batch

    def _rectangles(
        self, tiles: Sequence[TileId]
    ) -> Iterator[tuple[list[int], tuple[slice, slice]]]:
        """For each block, the rows of `tiles` in it and the smallest part of it that holds them.

        One read for each block is five times faster than one for each tile.
        """
        blocks: dict[tuple[int, int], list[int]] = {}
        for i, tile in enumerate(tiles):
            block = tile.row // self._block_tiles, tile.col // self._block_tiles
            blocks.setdefault(block, []).append(i)
        for members in blocks.values():
            rows, cols = zip(*(self._position(tiles[i]) for i in members), strict=True)
            yield members, (slice(min(rows), max(rows) + 1), slice(min(cols), max(cols) + 1))

    def _empty(self, name: str, count: int) -> NDArray[Any]:
        array = self._array(name)
        return np.empty((count, *array.shape[2:]), array.dtype)

    def _array(self, name: str) -> Any:
        return self._group[name]

    def _position(self, tile: TileId) -> tuple[int, int]:
        """Row and column in the arrays."""
        return tile.row - self._first_row, tile.col - self._first_col
