"""`ingest`, `train` and `index`: the commands that write tile sets, models and indexes."""

from dataclasses import replace as replaced
from pathlib import Path
from typing import Annotated, Any

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
from aerialret.cli.ingest_summary import tell_ingest
from aerialret.cli.telling import staged_progress, tell
from aerialret.config import GridConfig, IndexConfig, Pipeline, SourceConfig, TrainConfig
from aerialret.config.toml import with_values
from aerialret.recipes import find_recipe
from aerialret.workspace import open_workspace

_SOURCE, _GRID, _INDEX, _TRAIN = SourceConfig(), GridConfig(), IndexConfig(), TrainConfig()

TileSetArgument = Annotated[
    Path | None,
    typer.Argument(metavar="TILESET", help="Tile set folder [workspace: paths.tileset]"),
]
Recipe = Annotated[
    str | None,
    typer.Option("--pipeline", help="Pipeline file or name; its sections replace the workspace's"),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Override one key")
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace what is there")]


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
    replace: Replace = False,
) -> None:
    """Cut orthophotos and vector layers of one date into the tiles of a tile set.

    A second date adds to the tile set. Example:

    aerialret ingest tiles --date 2019 --ortho BDORTHO/ --vectors BDTOPO/ --tile-size-m 500
    """
    workspace = open_workspace()
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
    for label, source in chosen_sources(workspace, date, given).items():
        ingest_date(folder, label, source, grid, replace=replace)


def train(
    tileset: TileSetArgument = None,
    out: Annotated[Path | None, typer.Option(help="Model folder [workspace: paths.model]")] = None,
    pipeline: Recipe = None,
    assignments: Assignments = None,
    epochs: Annotated[
        int | None, typer.Option(help=f"Passes over the places [default: {_TRAIN.epochs}]")
    ] = None,
    seed: Annotated[int | None, typer.Option(help=f"Seed [default: {_TRAIN.seed}]")] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with an unfinished training, with more epochs or not"),
    ] = False,
    replace: Replace = False,
) -> None:
    """Train the descriptor network on the places of a tile set.

    The same command again goes on where a killed one stopped. Example:

    aerialret train tiles --out model --pipeline rfiap2020 --set train.epochs=20
    """
    workspace = open_workspace(recipe=_recipe(pipeline), assignments=assignments)
    chosen = with_values(workspace.pipeline.train, epochs=epochs, seed=seed)
    train_model(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(out, "model", what="--out folder"),
        replaced(workspace.pipeline, train=chosen),
        resume=resume,
        replace=replace,
    )


def index(
    tileset: TileSetArgument = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder [workspace: paths.model]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Index folder [workspace: paths.index]")] = None,
    date: Annotated[
        list[str] | None, typer.Option(help="Date to index; repeatable [default: the oldest]")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help=f"Index recipe [default: {_INDEX.recipe}]")
    ] = None,
    replace: Replace = False,
) -> None:
    """Describe the tiles of one or more dates and make them searchable.

    Example: aerialret index tiles --model model --out index --date 2004
    """
    workspace = open_workspace()
    config = with_values(
        workspace.pipeline.index, recipe=recipe, dates=tuple(date) if date else None
    )
    build(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(model, "model", what="--model folder"),
        workspace.path(out, "index", what="--out folder"),
        config,
        replace=replace,
    )


def ingest_date(
    folder: Path, date: str, source: SourceConfig, grid: GridConfig, *, replace: bool = False
) -> None:
    """Ingests one date and tells what came of it."""
    from aerialret.ingestion.ingest import ingest as step

    with staged_progress() as progress:
        report = step(
            folder, date=date, source=source, grid=grid, replace=replace, progress=progress
        )
    tell_ingest(report)


def train_model(
    tileset: Path, out: Path, pipeline: Pipeline, *, resume: bool = False, replace: bool = False
) -> None:
    """Trains a model and tells its epochs and its outcome."""
    from aerialret.tiles.tileset import TileSet
    from aerialret.training.train import train as step

    with staged_progress() as progress:
        report = step(
            TileSet(tileset), out, pipeline=pipeline, resume=resume, replace=replace,
            progress=progress, on_epoch=_tell_epoch,
        )  # fmt: skip
    if report.up_to_date:
        tell(f"{out} is up to date: {report.epochs} epochs of this request")
        return
    measured = "" if report.best_map5 != report.best_map5 else f", map@5 {report.best_map5:.3f}"
    tell(
        f"{out}: {report.epochs} epochs on {report.train_places} places, kept epoch "
        f"{report.best_epoch}{measured} on {report.val_places} validation places"
    )


def build(
    tileset: Path, model: Path, out: Path, config: IndexConfig, *, replace: bool = False
) -> None:
    """Builds an index and tells what it holds."""
    from aerialret.network.checkpoint import load_model
    from aerialret.retrieval.index_build import build_index
    from aerialret.retrieval.index_recipe import read_recipe
    from aerialret.tiles.tileset import TileSet

    recipe = read_recipe(find_recipe("index", config.recipe))
    with staged_progress() as progress:
        summary = build_index(
            TileSet(tileset), load_model(model), out, config=config, recipe=recipe,
            replace=replace, progress=lambda done, total: progress("describing", done, total),
        )  # fmt: skip
    tell(
        f"{out}{'' if summary.built else ' is up to date'}: {summary.tiles} tiles of "
        f"{', '.join(summary.dates)}, {summary.dimensions} dimensions from {summary.modality}"
    )


def _recipe(name: str | None) -> Path | None:
    return find_recipe("pipelines", name) if name else None


def _tell_epoch(row: dict[str, Any]) -> None:
    measured = "" if row["val_map5"] != row["val_map5"] else f"  map@5 {row['val_map5']:.3f}"
    tell(f"epoch {row['epoch']}  loss {row['loss']:.4f}{measured}  hard places {row['hard']}")
