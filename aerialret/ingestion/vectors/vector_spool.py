"""Areas by blocks of tiles: batches of areas go in, in any order of places, each block's come out.

Vectors are read once, in the order of their files; tiles are made block after block. In between
the areas lie in memory, or, where there are more, in one file for each block and flush.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.vectors.areas import Areas, no_areas
from aerialret.tiles.grid import Grid, TileId

KEPT_BYTES = 24 * 2**20
"""Memory for areas that wait for their block; what is more goes to files."""


class VectorSpool:
    """The areas of a date, by the blocks that they reach into.

    Args:
        folder: Where areas go that memory cannot hold; made when it is needed.
        grid: The grid.
        block_tiles: Side of a block in tiles.
        blocks: The blocks that will be asked for, by their first cells.
    """

    def __init__(
        self, folder: Path, *, grid: Grid, block_tiles: int, blocks: frozenset[TileId]
    ) -> None:
        self._folder = folder
        self._grid = grid
        self._block_tiles = block_tiles
        self._blocks = blocks
        self._kept: dict[TileId, list[Areas]] = {}
        self._bytes = 0
        self._flushes = 0

    def add(self, areas: Areas) -> None:
        """Takes in areas; those that are added later lie on top of those of their class."""
        for block, chosen in self._by_block(areas.boxes):
            if block in self._blocks:
                part = areas.take(chosen)
                self._kept.setdefault(block, []).append(part)
                self._bytes += part.size_bytes
        if self._bytes > KEPT_BYTES:
            self._flush()

    def areas(self, block: TileId) -> Areas:
        """The areas that reach into a block, in the order in which they were added."""
        name = f"{block.col}_{block.row}"
        files = [self._folder / str(flush) / f"{name}.npz" for flush in range(self._flushes)]
        parts = [Areas.load(path) for path in files if path.exists()]
        parts += self._kept.get(block, [])
        return Areas.joined(parts) if parts else no_areas()

    def clear(self) -> None:
        """Removes the files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _flush(self) -> None:
        folder = self._folder / str(self._flushes)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for block, parts in self._kept.items():
            Areas.joined(parts).save(folder / f"{block.col}_{block.row}.npz")
        self._kept.clear()
        self._bytes = 0
        self._flushes += 1

    def _by_block(self, boxes: NDArray[np.float64]) -> Iterator[tuple[TileId, NDArray[np.int64]]]:
        """Each block that some of `boxes` touch, and which of them."""
        side = self._grid.tile_size_m * self._block_tiles
        first_col = np.floor((boxes[:, 0] - self._grid.origin_x_m) / side).astype(np.int64)
        last_col = np.floor((boxes[:, 2] - self._grid.origin_x_m) / side).astype(np.int64)
        first_row = np.floor((self._grid.origin_y_m - boxes[:, 3]) / side).astype(np.int64)
        last_row = np.floor((self._grid.origin_y_m - boxes[:, 1]) / side).astype(np.int64)
        cols, rows = last_col - first_col + 1, last_row - first_row + 1
        owners = np.repeat(np.arange(len(boxes)), cols * rows)
        nth = np.arange(len(owners)) - np.repeat(np.cumsum(cols * rows) - cols * rows, cols * rows)
        col = first_col[owners] + nth % cols[owners]
        row = first_row[owners] + nth // cols[owners]
        order = np.lexsort((owners, col, row))
        cuts = np.flatnonzero(np.diff(col[order]) | np.diff(row[order])) + 1
        for group in np.split(order, cuts):
            if len(group):
                at = group[0]
                block = TileId(int(col[at]) * self._block_tiles, int(row[at]) * self._block_tiles)
                yield block, owners[group]
