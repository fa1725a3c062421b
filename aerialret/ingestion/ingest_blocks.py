"""The tiles of one date: a mosaic and areas go in, finished blocks come out, several at a time."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from aerialret.ingestion.block_inputs import BlockInputs
from aerialret.ingestion.block_records import BlockPixels, BlockRecord
from aerialret.ingestion.catalogue import TileCounts
from aerialret.ingestion.imagery.orthophoto import OrthoMosaic
from aerialret.ingestion.ingest_report import Progress
from aerialret.ingestion.ingest_staging import PublishedBlocks, Staging
from aerialret.ingestion.reading_ahead import reading_ahead
from aerialret.ingestion.vectors.masks import MaskPainter
from aerialret.ingestion.vectors.vector_spool import VectorSpool
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import NO_COVERAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block of tiles.

    Attributes:
        corner: Its first cell.
        cells: Those of its cells that may have a tile, by row, then column.
    """

    corner: TileId
    cells: tuple[TileId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TileMaker:
    """Makes the tiles of one date.

    Attributes:
        mosaic: The orthophotos.
        spool: The areas to draw.
        coverage: Where the vectors are complete.
        grid: The grid.
        block_tiles: Side of a block in tiles.
        min_valid: Share of a tile's pixels that must be image.
    """

    mosaic: OrthoMosaic
    spool: VectorSpool
    coverage: Any
    grid: Grid
    block_tiles: int
    min_valid: float

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a tile."""
        return self.grid.tile_px, self.grid.tile_px

    def make(self, block: Block, *, inputs: str) -> tuple[BlockPixels, BlockRecord]:
        """The pixels of a block, and its record without files.

        Args:
            block: The block.
            inputs: Fingerprint of what it is made from.

        Raises:
            UnreadableInputError: An orthophoto cannot be decoded.
        """
        pixels = _empty_block(self.block_tiles, self.shape)
        painter = MaskPainter(self.spool.areas(block.corner), coverage=self.coverage)
        tiles, outside, too_empty, with_fill = [], 0, 0, 0
        for cell in block.cells:
            bounds = self.grid.bounds(cell)
            picture = self.mosaic.read(bounds, shape=self.shape)
            self.mosaic.release(bounds, shape=self.shape)
            with_fill += picture.has_fill
            share = picture.valid.mean()
            if not share:
                outside += 1
            elif share < self.min_valid:
                too_empty += 1
            else:
                mask = painter.draw(bounds, shape=self.shape)
                at = (cell.row - block.corner.row, cell.col - block.corner.col)
                pixels.images[at], pixels.valid[at] = picture.image, picture.valid
                pixels.masks[at] = mask
                tiles.append(TileCounts.of(cell, mask=mask, valid=picture.valid))
        record = BlockRecord(
            tiles=tuple(tiles), outside=outside, too_empty=too_empty, with_fill=with_fill,
            inputs=inputs, files={},
        )  # fmt: skip
        return pixels, record


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeBlocks:
    """The finished blocks of a date.

    Attributes:
        records: Each block's record, by row, then column.
        made: How many were made now.
        kept: How many were taken over from the date as it was published before.
    """

    records: Mapping[TileId, BlockRecord] = field(default_factory=dict)
    made: int = 0
    kept: int = 0


def blocks_of(mosaic: OrthoMosaic, grid: Grid, *, block_tiles: int) -> list[Block]:
    """The blocks whose cells touch an orthophoto, by row, then column."""
    cells = grid.tiles_touching_any(mosaic.footprints)

    def corner(cell: TileId) -> TileId:
        return TileId(cell.col // block_tiles * block_tiles, cell.row // block_tiles * block_tiles)

    def order(cell: TileId) -> tuple[int, int, int, int]:
        first = corner(cell)
        return first.row, first.col, cell.row, cell.col

    return [
        Block(corner=first, cells=tuple(group))
        for first, group in groupby(sorted(cells, key=order), key=corner)
    ]


def write_blocks(
    maker: TileMaker,
    staging: Staging,
    blocks: Sequence[Block],
    *,
    inputs: BlockInputs,
    published: PublishedBlocks,
    workers: int,
    progress: Progress | None,
) -> MadeBlocks:
    """Makes the blocks that are neither finished nor published with the same inputs.

    Args:
        maker: Makes them.
        staging: Where they go.
        blocks: All blocks of the date.
        inputs: Tells what a block is made from.
        published: The blocks of the date as it was published before.
        workers: How many are made at a time.
        progress: Called with `tiles`, cells done, cells in all.

    Raises:
        UnreadableInputError: An orthophoto cannot be decoded.
    """
    prints = {
        block.corner: inputs.fingerprint(block.corner, maker.spool.areas(block.corner))
        for block in blocks
    }
    records, counts = {}, {"made": 0, "kept": 0}
    for block in blocks:
        record = staging.record(block.corner)
        before = published.records.get(block.corner)
        if record is None and before is not None and before.inputs == prints[block.corner]:
            record = staging.adopt(block.corner, published)
            counts["kept"] += 1
        if record is not None:
            records[block.corner] = record
    pending = [block for block in blocks if block.corner not in records]
    counts["made"] = len(pending)
    told = _Teller(progress, total=sum(len(block.cells) for block in blocks))
    told.add(sum(len(block.cells) for block in blocks if block.corner in records))

    def work(block: Block) -> BlockRecord:
        pixels, made = maker.make(block, inputs=prints[block.corner])
        record = staging.write(block.corner, pixels if made.tiles else None, made)
        told.add(len(block.cells))
        return record

    cells = [cell for block in pending for cell in block.cells]
    with reading_ahead(maker.mosaic, cells, grid=maker.grid, workers=workers):
        made = _all_done(work, pending, workers=workers)
    records |= dict(zip([block.corner for block in pending], made, strict=True))
    return MadeBlocks(records={block.corner: records[block.corner] for block in blocks}, **counts)


def _all_done(work: Any, blocks: Sequence[Block], *, workers: int) -> list[BlockRecord]:
    """The results in the order of the blocks; the first failure stops what has not begun."""
    with ThreadPoolExecutor(workers, thread_name_prefix="tiles") as pool:
        futures: list[Future[BlockRecord]] = [pool.submit(work, block) for block in blocks]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


class _Teller:
    """Tells progress from several threads."""

    def __init__(self, progress: Progress | None, *, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0
        self._lock = threading.Lock()

    def add(self, cells: int) -> None:
        with self._lock:
            self._done += cells
            if self._progress and cells:
                self._progress("tiles", self._done, self._total)


def _empty_block(block_tiles: int, side: tuple[int, int]) -> BlockPixels:
    tiles = (block_tiles, block_tiles)
    return BlockPixels(
        np.zeros((*tiles, 3, *side), np.uint8),
        np.full((*tiles, *side), NO_COVERAGE, np.uint8),
        np.zeros((*tiles, *side), bool),
    )
