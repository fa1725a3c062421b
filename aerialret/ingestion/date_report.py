"""The report on one date: features, blocks and days go in, counts and warnings come out."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from aerialret.ingestion.block_records import BlockRecord
from aerialret.ingestion.catalogue import TileCounts, class_shares
from aerialret.ingestion.crs import grid_warnings, parse_crs
from aerialret.ingestion.flights.flight_dates import FlightDates, joined
from aerialret.ingestion.flights.flight_graph import file_flight_dates, read_flight_dates
from aerialret.ingestion.flights.tile_intervals import TileIntervals, tile_intervals
from aerialret.ingestion.gathered import Gathered
from aerialret.ingestion.imagery.value_range import ValueRange
from aerialret.ingestion.ingest_report import IngestReport, class_reports
from aerialret.ingestion.source_files import matches
from aerialret.ingestion.vectors.vector_summary import VectorSummary
from aerialret.tiles.grid import Grid, TileId


def flight_days(
    tiles: Sequence[TileCounts], gathered: Gathered, *, grid: Grid, label: str, base: Path
) -> TileIntervals:
    """When each tile was flown: by the date graph, else by the files, else by the label.

    Raises:
        ConfigurationError: The date graph has no dates.
        UnreadableInputError: It cannot be decoded.
    """
    cells = [TileId(tile.col, tile.row) for tile in tiles]
    return tile_intervals(
        cells, grid=grid, label=label, flights=_flights(gathered, crs=grid.crs, base=base)
    )


def _flights(gathered: Gathered, *, crs: str, base: Path) -> FlightDates | None:
    source = gathered.source
    if source.date_graph:
        paths = matches(source.date_graph, base=base) or [base / source.date_graph]
        return read_flight_dates(
            paths, crs=crs, fields=source.date_fields, given_crs=source.vector_crs
        )
    if gathered.intervals:
        return joined([file_flight_dates(gathered.intervals, crs=crs)], crs=crs)
    return None


def date_report(
    gathered: Gathered,
    *,
    label: str,
    grid: Grid,
    value_range: ValueRange | None,
    summary: VectorSummary,
    records: Sequence[BlockRecord],
    days: TileIntervals,
) -> IngestReport:
    """The report on a date whose blocks are finished."""
    tiles = [tile for record in records for tile in record.tiles]
    shares = class_shares(tiles)
    covered_km2 = sum(tile.covered for tile in tiles) * grid.resolution_m**2 / 1e6
    return IngestReport(
        date=label,
        tiles_written=len(tiles),
        tiles_outside=sum(record.outside for record in records),
        tiles_too_empty=sum(record.too_empty for record in records),
        orthophotos=len(gathered.orthos),
        value_range=(value_range.low, value_range.high) if value_range else (),
        layers=summary.layers,
        unmapped_layers=summary.unmapped,
        coverage=summary.coverage.origin,
        class_shares=shares,
        warnings=(
            *_warnings(gathered, summary=summary, records=records, days=days),
            *grid_warnings(
                (ortho.crs for ortho in gathered.orthos),
                parse_crs(grid.crs, option="grid.crs"),
                what="orthophotos",
            ),
        ),
        classes=class_reports(summary.classes, shares=shares, covered_km2=covered_km2),
        edition=summary.edition,
        covered_km2=round(covered_km2, 6),
        dated_tiles=int(days.known.sum()),
        missing=gathered.missing,
    )


def _warnings(
    gathered: Gathered,
    *,
    summary: VectorSummary,
    records: Sequence[BlockRecord],
    days: TileIntervals,
) -> Iterator[str]:
    yield from gathered.notes
    yield from summary.warnings
    yield from days.warnings
    for layer in summary.layers:
        if layer.features and not layer.read:
            yield f"vector layer {layer.layer} has no feature near the imagery; check its CRS"
    tiles = [tile for record in records for tile in record.tiles]
    if tiles and summary.layers and not any(tile.covered for tile in tiles):
        yield "the vectors cover no tile: all masks are 'no coverage'; check their CRS"
    with_fill = sum(record.with_fill for record in records)
    if with_fill:
        yield (
            f"in {with_fill} tiles, areas of pure black or white were taken for no image, as their "
            "orthophotos declare no nodata"
        )
    for ortho in gathered.orthos:
        if ortho.missing_blocks:
            yield (
                f"orthophoto {ortho.path.name} has blocks that were never written; there it "
                "counts as no image"
            )


def nothing_to_do(report: IngestReport, *, min_valid: float, grid: Grid) -> str:
    """Why a date gives no tile, and what to do."""
    return (
        f"date {report.date} gives no tile: of the cells that touch its {report.orthophotos} "
        f"orthophotos, {report.tiles_outside} hold no image and {report.tiles_too_empty} less than "
        f"the share min_valid = {min_valid:g}; a tile is {grid.tile_size_m:g} m "
        "wide: give a smaller --tile-size-m for a new tile set, or lower min_valid"
    )
