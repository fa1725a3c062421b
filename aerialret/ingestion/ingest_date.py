"""One date of a tile set: a request goes in, a finished and published date folder comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aerialret import atomic
from aerialret.config.sources import SourceConfig
from aerialret.errors import AerialretError, NothingToDoError
from aerialret.ingestion.catalogue import catalogue_of, class_shares, write_catalogue
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.ingest_blocks import TileMaker, cells_of, write_blocks
from aerialret.ingestion.ingest_report import IngestReport, Progress
from aerialret.ingestion.ingest_request import IngestRequest
from aerialret.ingestion.ingest_staging import (
    TILES_NAME,
    BlockRecord,
    Staging,
    read_date,
    strip_staging,
    write_date,
)
from aerialret.ingestion.masks import MaskPainter
from aerialret.ingestion.ortho_files import OrthoFile
from aerialret.ingestion.orthophoto import OrthoMosaic, open_mosaic
from aerialret.ingestion.vector import VectorFeatures, read_vectors
from aerialret.manifest import hash_file, hash_value
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.pixel_store import StoreExtent


@dataclass(frozen=True, slots=True, kw_only=True)
class DateJob:
    """The making of one date.

    Attributes:
        target: The date's folder; its name is the date's label.
        source: Paths and settings.
        base: The folder that relative paths refer to.
        request: What the date is made from.
        orthos: The orthophotos, the uppermost first.
        grid: The tile set's grid.
    """

    target: Path
    source: SourceConfig
    base: Path
    request: IngestRequest
    orthos: tuple[OrthoFile, ...]
    grid: Grid


def build_date(job: DateJob, *, progress: Progress | None) -> None:
    """Makes the date in a staging folder, going on where a killed run stopped, and publishes it.

    Raises:
        AerialretError: An input cannot be used, as `aerialret.ingestion.ingest.ingest` lists.
        NothingToDoError: No tile holds enough image.
    """
    staged = atomic.staging_folder(job.target)
    done = read_date(staged)
    if not done or done["request"] != job.request.fingerprint:
        _make(job, staged, progress=progress)
    strip_staging(staged)
    atomic.publish_folder(staged, job.target)


def _make(job: DateJob, staged: Path, *, progress: Progress | None) -> None:
    crs = parse_crs(job.grid.crs, option="grid.crs")
    with open_mosaic(job.orthos, crs=crs, source=job.source) as mosaic:
        features = _read_vectors(job, mosaic, progress=progress)
        cells = cells_of(mosaic, job.grid)
        staging = Staging(staged, extent=StoreExtent.around(cells), tile_px=job.grid.tile_px)
        staging.prepare(job.request.fingerprint)
        maker = TileMaker(
            mosaic=mosaic,
            painter=MaskPainter(features),
            grid=job.grid,
            min_valid=job.source.min_valid,
        )
        records = _write_blocks(maker, staging, cells, progress=progress)
    report = _report(job, mosaic=mosaic, features=features, records=records)
    if not report.tiles_written:
        staging.discard()
        raise NothingToDoError(_nothing(report, job=job))
    _finish(job, staging, records, report=report)


def _write_blocks(
    maker: TileMaker, staging: Staging, cells: Sequence[TileId], *, progress: Progress | None
) -> list[BlockRecord]:
    try:
        return write_blocks(maker, staging, cells, progress=progress)
    except AerialretError:
        if not staging.has_blocks():
            staging.discard()
        raise


def _read_vectors(
    job: DateJob, mosaic: OrthoMosaic, *, progress: Progress | None
) -> VectorFeatures:
    boxes = mosaic.footprints
    extent = Bounds(
        min(box.left for box in boxes),
        min(box.bottom for box in boxes),
        max(box.right for box in boxes),
        max(box.top for box in boxes),
    )
    return read_vectors(
        job.source,
        base=job.base,
        crs=job.grid.crs,
        extent=extent,
        least_width_m=job.grid.resolution_m,
        progress=progress,
    )


def _finish(
    job: DateJob, staging: Staging, records: Sequence[BlockRecord], *, report: IngestReport
) -> None:
    """Writes what stands beside the pixels; the staging folder then is a date's folder."""
    counts = [tile for record in records for tile in record.tiles]
    tiles = staging.folder / TILES_NAME
    write_catalogue(tiles, catalogue_of(counts, date=job.target.name, grid=job.grid))
    hashes = {name: digest for record in records for name, digest in record.files.items()}
    hashes |= staging.store_hashes()
    hashes[TILES_NAME] = hash_file(tiles)
    interval = parse_interval(job.target.name)
    content = {
        "date": job.target.name,
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
    write_date(staging.folder, content)


def _report(
    job: DateJob,
    *,
    mosaic: OrthoMosaic,
    features: VectorFeatures,
    records: Sequence[BlockRecord],
) -> IngestReport:
    counts = [tile for record in records for tile in record.tiles]
    stretch = mosaic.value_range
    return IngestReport(
        date=job.target.name,
        tiles_written=len(counts),
        tiles_outside=sum(record.outside for record in records),
        tiles_too_empty=sum(record.too_empty for record in records),
        orthophotos=len(job.orthos),
        value_range=(stretch.low, stretch.high) if stretch else (),
        layers=features.layers,
        unmapped_layers=features.unmapped,
        coverage=features.coverage.origin,
        class_shares=class_shares(counts),
        warnings=tuple(_warnings(job, features=features, records=records)),
    )


def _warnings(
    job: DateJob, *, features: VectorFeatures, records: Sequence[BlockRecord]
) -> list[str]:
    warnings = list(features.warnings)
    warnings += [
        f"vector layer {layer.layer} has no feature near the imagery; check its CRS"
        for layer in features.layers
        if layer.features and not layer.read
    ]
    tiles = [tile for record in records for tile in record.tiles]
    if tiles and features.layers and not any(tile.covered for tile in tiles):
        warnings.append("the vectors cover no tile: all masks are 'no coverage'; check their CRS")
    with_fill = sum(record.with_fill for record in records)
    if with_fill:
        warnings.append(
            f"in {with_fill} tiles, areas of pure black or white were taken for no image, as their "
            "orthophotos declare no nodata"
        )
    holes = [ortho.path.name for ortho in job.orthos if ortho.missing_blocks]
    return warnings + [
        f"orthophoto {name} has blocks that were never written; there it counts as no image"
        for name in holes
    ]


def _nothing(report: IngestReport, *, job: DateJob) -> str:
    return (
        f"date {report.date} gives no tile: of the cells that touch its {report.orthophotos} "
        f"orthophotos, {report.tiles_outside} hold no image and {report.tiles_too_empty} less than "
        f"the share min_valid = {job.source.min_valid:g}; a tile is {job.grid.tile_size_m:g} m "
        "wide: give a smaller --tile-size-m for a new tile set, or lower min_valid"
    )
