"""The pixels of one date: blocks of tiles go in, tiles come out; a Zarr group on the grid.

Each array is indexed by the grid itself, [row - first_row, col - first_col, ...]; a chunk is one
tile and a shard is one block of `BLOCK_TILES` x `BLOCK_TILES` tiles, so there is one file for each
block and array. Tiles that were never written cost nothing and read as fill values.
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
            blocks.setdefault((tile.row // BLOCK_TILES, tile.col // BLOCK_TILES), []).append(i)
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
