"""One date of a tile set: a request goes in, a finished and published date folder comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerialret import atomic
from aerialret.errors import AerialretError, NothingToDoError
from aerialret.ingestion.block_inputs import BlockInputs
from aerialret.ingestion.catalogue import (
    TileCounts,
    catalogue_of,
    in_order,
    write_catalogue,
)
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.date_report import date_report, flight_days, nothing_to_do
from aerialret.ingestion.flights.tile_intervals import TileIntervals
from aerialret.ingestion.freed_memory import give_back_freed_memory
from aerialret.ingestion.gathered import Gathered
from aerialret.ingestion.imagery.orthophoto import OrthoMosaic, open_mosaic
from aerialret.ingestion.ingest_blocks import (
    Block,
    MadeBlocks,
    TileMaker,
    blocks_of,
    write_blocks,
)
from aerialret.ingestion.ingest_report import IngestReport, Progress
from aerialret.ingestion.ingest_request import IngestRequest
from aerialret.ingestion.ingest_staging import (
    BLOCKS_NAME,
    TILES_NAME,
    PublishedBlocks,
    Staging,
    read_date,
    strip_staging,
    write_blocks_file,
    write_date,
)
from aerialret.ingestion.reading_ahead import reading_ahead
from aerialret.ingestion.vectors.areas import Areas
from aerialret.ingestion.vectors.vector import stream_vectors
from aerialret.ingestion.vectors.vector_spool import VectorSpool
from aerialret.ingestion.vectors.vector_summary import VectorSummary
from aerialret.manifest import hash_file, hash_value
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.pixel_store import StoreExtent, block_tiles_for


@dataclass(frozen=True, slots=True, kw_only=True)
class DateJob:
    """The making of one date.

    Attributes:
        target: The date's folder; its name is the date's label.
        gathered: The inputs.
        base: The folder that relative paths refer to.
        request: What the date is made from.
        grid: The tile set's grid.
        workers: Blocks made at a time.
    """

    target: Path
    gathered: Gathered
    base: Path
    request: IngestRequest
    grid: Grid
    workers: int

    @property
    def block_tiles(self) -> int:
        """Side of a block in tiles."""
        return block_tiles_for(self.grid.tile_px)


def build_date(job: DateJob, *, progress: Progress | None) -> IngestReport:
    """Makes the date in a staging folder, going on where a killed run stopped, and publishes it.

    Blocks that were published before with the same inputs are taken over.

    Raises:
        AerialretError: An input cannot be used, as `aerialret.ingestion.ingest.ingest` lists.
        NothingToDoError: No tile holds enough image.
    """
    staged = atomic.staging_folder(job.target)
    done = read_date(staged)
    if done and done["request"] == job.request.fingerprint:
        report = IngestReport.from_plain(done["report"])
    else:
        report = _make(job, staged, progress=progress)
    strip_staging(staged)
    atomic.publish_folder(staged, job.target)
    return report


def _make(job: DateJob, staged: Path, *, progress: Progress | None) -> IngestReport:
    give_back_freed_memory()
    crs = parse_crs(job.grid.crs, option="grid.crs")
    with open_mosaic(
        job.gathered.orthos, crs=crs, source=job.gathered.source, decoders=job.workers
    ) as mosaic:
        blocks = blocks_of(mosaic, job.grid, block_tiles=job.block_tiles)
        cells = [cell for block in blocks for cell in block.cells]
        extent = StoreExtent.around(cells, block_tiles=job.block_tiles)
        staging = Staging(staged, extent=extent, tile_px=job.grid.tile_px)
        staging.prepare(job.request.fingerprint)
        try:
            summary, made = _fill(job, staging, mosaic, blocks, progress=progress)
        except AerialretError:
            if not staging.has_blocks():
                staging.discard()
            raise
        tiles = in_order(tile for record in made.records.values() for tile in record.tiles)
        days = flight_days(tiles, job.gathered, grid=job.grid, label=job.target.name, base=job.base)
        report = date_report(
            job.gathered, label=job.target.name, grid=job.grid, value_range=mosaic.value_range,
            summary=summary, records=list(made.records.values()), days=days,
        )  # fmt: skip
    if not tiles:
        staging.discard()
        raise NothingToDoError(
            nothing_to_do(report, min_valid=job.gathered.source.min_valid, grid=job.grid)
        )
    _finish(job, staging, made, tiles=tiles, days=days, report=report, extent=extent)
    return report.with_blocks(made=made.made, kept=made.kept)


def _fill(
    job: DateJob,
    staging: Staging,
    mosaic: OrthoMosaic,
    blocks: Sequence[Block],
    *,
    progress: Progress | None,
) -> tuple[VectorSummary, MadeBlocks]:
    """Reads the vectors, then makes what blocks are missing."""
    spool = VectorSpool(
        staging.vectors,
        grid=job.grid,
        block_tiles=job.block_tiles,
        blocks=frozenset(block.corner for block in blocks),
    )
    # Decoding begins while the vectors are read, unless blocks may turn out to be there already.
    afresh = not staging.has_blocks() and not PublishedBlocks(job.target).records
    cells = [cell for block in blocks for cell in block.cells] if afresh else []
    with reading_ahead(mosaic, cells, grid=job.grid, workers=job.workers):
        summary = _stream(job, spool, mosaic, progress=progress)
    maker = TileMaker(
        mosaic=mosaic,
        spool=spool,
        coverage=summary.coverage.area,
        grid=job.grid,
        block_tiles=job.block_tiles,
        min_valid=job.gathered.source.min_valid,
    )
    inputs = BlockInputs(
        mosaic,
        job.request.orthos,
        coverage=summary.coverage.area,
        grid=job.grid,
        block_tiles=job.block_tiles,
        settings=job.request.settings | job.request.grid,
    )
    made = write_blocks(
        maker, staging, blocks, inputs=inputs, published=PublishedBlocks(job.target),
        workers=job.workers, progress=progress,
    )  # fmt: skip
    spool.clear()
    return summary, made


def _stream(
    job: DateJob, spool: VectorSpool, mosaic: OrthoMosaic, *, progress: Progress | None
) -> VectorSummary:
    return stream_vectors(
        job.gathered.source,
        lambda geometries, codes: spool.add(Areas.of(geometries, codes)),
        base=job.base,
        crs=job.grid.crs,
        extent=_around(mosaic.footprints),
        least_width_m=job.grid.resolution_m,
        progress=progress,
    )


def _around(boxes: Sequence[Bounds]) -> Bounds:
    return Bounds(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )


def _finish(
    job: DateJob,
    staging: Staging,
    made: MadeBlocks,
    *,
    tiles: Sequence[TileCounts],
    days: TileIntervals,
    report: IngestReport,
    extent: StoreExtent,
) -> None:
    """Writes what stands beside the pixels; the staging folder then is a date's folder."""
    label, folder = job.target.name, staging.folder
    write_catalogue(folder / TILES_NAME, catalogue_of(tiles, date=label, grid=job.grid, days=days))
    write_blocks_file(folder, made.records, extent=extent)
    hashes = _hashes(staging, made.records)
    interval = parse_interval(label)
    content = {
        "date": label,
        "first_day": interval.first.isoformat(),
        "last_day": interval.last.isoformat(),
        "request": job.request.fingerprint,
        "settings": job.request.settings,
        "files": job.request.files,
        "grid": job.request.grid,
        "content": hashes,
        "content_hash": hash_value(hashes),
        "report": report.to_plain(),
    }
    write_date(folder, content)


def _hashes(staging: Staging, records: Mapping[TileId, Any]) -> dict[str, str]:
    """SHA-256 of every file of the date, but for `date.json` itself."""
    hashes = staging.store_hashes()
    for block, record in records.items():
        hashes |= staging.hashes(block, record)
    return hashes | {name: hash_file(staging.folder / name) for name in (TILES_NAME, BLOCKS_NAME)}
