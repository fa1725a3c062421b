"""The tiles of one date: a mosaic and a mask painter go in, finished blocks come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from aerialret.ingestion.catalogue import TileCounts
from aerialret.ingestion.ingest_report import Progress
from aerialret.ingestion.ingest_staging import BlockPixels, BlockRecord, Staging
from aerialret.ingestion.masks import MaskPainter
from aerialret.ingestion.orthophoto import OrthoMosaic
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import BLOCK_TILES


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMaker:
    """Makes the tiles of one date.

    Attributes:
        mosaic: The orthophotos.
        painter: The masks.
        grid: The grid.
        min_valid: Share of a tile's pixels that must be image.
    """

    mosaic: OrthoMosaic
    painter: MaskPainter
    grid: Grid
    min_valid: float

    def make(self, block: TileId, cells: Sequence[TileId]) -> tuple[BlockPixels, BlockRecord]:
        """The pixels of a block, and its record without files.

        Args:
            block: The block's first cell.
            cells: The cells of the block that may have a tile.

        Raises:
            UnreadableInputError: An orthophoto cannot be decoded.
        """
        side = (self.grid.tile_px, self.grid.tile_px)
        pixels = _empty_block(side)
        tiles, outside, too_empty, with_fill = [], 0, 0, 0
        for cell in cells:
            bounds = self.grid.bounds(cell)
            picture = self.mosaic.read(bounds, shape=side)
            with_fill += picture.has_fill
            if not picture.valid.any():
                outside += 1
            elif picture.valid.mean() < self.min_valid:
                too_empty += 1
            else:
                mask = self.painter.draw(bounds, shape=side)
                at = (cell.row - block.row, cell.col - block.col)
                pixels.images[at], pixels.valid[at] = picture.image, picture.valid
                pixels.masks[at] = mask
                tiles.append(TileCounts.of(cell, mask=mask, valid=picture.valid))
        record = BlockRecord(
            tiles=tuple(tiles), outside=outside, too_empty=too_empty, with_fill=with_fill, files={}
        )
        return pixels, record


def cells_of(mosaic: OrthoMosaic, grid: Grid) -> list[TileId]:
    """The cells that touch an orthophoto, by row, then column."""
    cells = {cell for bounds in mosaic.footprints for cell in grid.tiles_touching(bounds)}
    return sorted(cells, key=lambda cell: (cell.row, cell.col))


def write_blocks(
    maker: TileMaker, staging: Staging, cells: Sequence[TileId], *, progress: Progress | None
) -> list[BlockRecord]:
    """Makes the blocks that are not finished; the records of all of them come back.

    Raises:
        UnreadableInputError: An orthophoto cannot be decoded.
    """
    records, done = [], 0
    for block, group in groupby(sorted(cells, key=_block_order), key=_block_of):
        inside = list(group)
        record = staging.record(block)
        if record is None:
            pixels, made = maker.make(block, inside)
            record = staging.write(block, pixels if made.tiles else None, made)
        records.append(record)
        done += len(inside)
        if progress:
            progress("tiles", done, len(cells))
    return records


def _block_of(cell: TileId) -> TileId:
    return TileId(cell.col // BLOCK_TILES * BLOCK_TILES, cell.row // BLOCK_TILES * BLOCK_TILES)


def _block_order(cell: TileId) -> tuple[int, int, int, int]:
    block = _block_of(cell)
    return block.row, block.col, cell.row, cell.col


def _empty_block(side: tuple[int, int]) -> BlockPixels:
    tiles = (BLOCK_TILES, BLOCK_TILES)
    return BlockPixels(
        np.zeros((*tiles, 3, *side), np.uint8),
        np.full((*tiles, *side), NO_COVERAGE, np.uint8),
        np.zeros((*tiles, *side), bool),
    )
