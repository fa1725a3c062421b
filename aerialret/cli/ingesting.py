"""`ingest`: the command that writes tile sets."""

from pathlib import Path
from typing import Annotated

import typer

from aerialret.cli.ingest_options import (
    Area,
    DateFields,
    DateGraph,
    GroundPixel,
    Keep,
    LineWidth,
    MappingOptions,
    ValueRange,
    chosen_sources,
    integers,
    numbers,
)
from aerialret.cli.ingest_summary import tell_estimate, tell_ingest
from aerialret.cli.shared_options import Assignments, Replace, TileSetArgument
from aerialret.cli.telling import staged_progress
from aerialret.config import GridConfig, ServicesConfig, SourceConfig
from aerialret.config.toml import with_values
from aerialret.workspace import open_workspace

_SOURCE, _GRID = SourceConfig(), GridConfig()


def ingest(
    tileset: TileSetArgument = None,
    date: Annotated[
        str | None,
        typer.Option(help="2004, 2004-07, 2004-07-31 or 1950..1965 [workspace: every source]"),
    ] = None,
    ortho: Annotated[
        list[str] | None,
        typer.Option(help="Orthophoto file, folder, pattern or web service; repeatable"),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(help="Vector file, folder or WFS, or PATH=CLASS for one class; repeatable"),
    ] = None,
    classes: Annotated[
        str | None, typer.Option(help=f"bdtopo, osm or a TOML file [default: {_SOURCE.classes}]")
    ] = None,
    ortho_crs: Annotated[
        str | None, typer.Option(help="CRS of orthophotos that carry none, as EPSG:2154")
    ] = None,
    vector_crs: Annotated[
        str | None, typer.Option(help="CRS of vector layers that carry none, as EPSG:2154")
    ] = None,
    vector_coverage: Annotated[
        str | None, typer.Option(help="Polygon file: where the vectors are complete")
    ] = None,
    bands: Annotated[
        str | None, typer.Option(help="Bands for red, green, blue, as 3,2,1 [default: 1 or 1,2,3]")
    ] = None,
    value_range: ValueRange = None,
    min_valid: Annotated[
        float | None,
        typer.Option(help=f"Share of a tile that must be image [default: {_SOURCE.min_valid}]"),
    ] = None,
    line_width_m: LineWidth = None,
    keep: Keep = None,
    mapping_options: MappingOptions = None,
    area: Area = None,
    gsd_m: GroundPixel = None,
    date_graph: DateGraph = None,
    date_fields: DateFields = None,
    crs: Annotated[
        str | None, typer.Option(help="CRS of the tile set [default: the first orthophoto's]")
    ] = None,
    tile_size_m: Annotated[
        float | None, typer.Option(help=f"Side of a tile in metres [default: {_GRID.tile_size_m}]")
    ] = None,
    tile_px: Annotated[
        int | None, typer.Option(help=f"Side of a tile in pixels [default: {_GRID.tile_px}]")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(help=f"Corner of cell (0, 0) as X,Y, or auto [default: {_GRID.origin}]"),
    ] = None,
    assignments: Assignments = None,
    workers: Annotated[
        int, typer.Option(help="Blocks of tiles made at a time; 0: as many as there are cores")
    ] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell tiles, size and time, and write nothing")
    ] = False,
    replace: Replace = False,
) -> None:
    """Cut orthophotos and vector layers of one date into the tiles of a tile set.

    A second date adds to the tile set. Example:

    aerialret ingest tiles --date 2019 --ortho BDORTHO/ --vectors BDTOPO/ --tile-size-m 500
    """
    workspace = open_workspace(assignments=assignments)
    folder = workspace.path(tileset, "tileset", what="TILESET")
    given = {
        "ortho": tuple(ortho) if ortho else None, "vectors": tuple(vectors) if vectors else None,
        "classes": classes, "ortho_crs": ortho_crs, "vector_crs": vector_crs,
        "vector_coverage": vector_coverage, "bands": integers("--bands", bands),
        "value_range": numbers("--value-range", value_range), "min_valid": min_valid,
        "line_width_m": line_width_m, "keep": tuple(keep) if keep else None,
        "mapping_options": tuple(mapping_options) if mapping_options else None,
        "area": area, "gsd_m": gsd_m, "date_graph": date_graph,
        "date_fields": tuple(date_fields.split(",")) if date_fields else None,
    }  # fmt: skip
    grid = with_values(
        workspace.pipeline.grid, crs=crs, tile_size_m=tile_size_m, tile_px=tile_px, origin=origin
    )
    services, whole = workspace.pipeline.services, True
    for label, source in chosen_sources(workspace, date, given).items():
        if dry_run:
            foresee(folder, label, source, grid, services=services, workers=workers)
        else:
            whole &= ingest_date(
                folder, label, source, grid, services=services, replace=replace, workers=workers
            )
    if not whole:
        raise typer.Exit(1)


def ingest_date(
    folder: Path,
    date: str,
    source: SourceConfig,
    grid: GridConfig,
    *,
    services: ServicesConfig | None = None,
    replace: bool = False,
    workers: int = 0,
) -> bool:
    """Ingests one date and tells what came of it; whether all of its inputs could be had."""
    from aerialret.ingestion.ingest import ingest as step

    with staged_progress() as progress:
        report = step(
            folder, date=date, source=source, grid=grid, services=services, replace=replace,
            workers=workers, progress=progress,
        )  # fmt: skip
    tell_ingest(report)
    return not report.missing


def foresee(
    folder: Path,
    date: str,
    source: SourceConfig,
    grid: GridConfig,
    *,
    services: ServicesConfig,
    workers: int,
) -> None:
    """Tells what ingesting a date would take."""
    from aerialret.ingestion.foresee import foresee as step

    with staged_progress() as progress:
        foreseen = step(
            folder, date=date, source=source, grid=grid, services=services, workers=workers,
            progress=progress,
        )  # fmt: skip
    tell_estimate(date, foreseen)
