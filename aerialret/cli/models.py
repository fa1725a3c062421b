"""`model import` and `model card`: models from the weights of others, and for others."""

import json
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aerialret.cli.shared_options import Assignments, Recipe, Replace
from aerialret.cli.telling import tell
from aerialret.config import GridConfig, ModelConfig, Pipeline, override
from aerialret.config.toml import parse_section, with_values
from aerialret.errors import ConfigurationError, StaleArtefactError
from aerialret.recipes import find_recipe
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.network.importing.import_model import ImportOutcome
    from aerialret.network.importing.sources import SourceWeights
    from aerialret.network.model_card import ReportFigures
    from aerialret.tiles.grid import Grid

_GRID = GridConfig()

model_app = typer.Typer(
    help="Make models from the weights of others, and describe models for others.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Licence = Annotated[
    str, typer.Option(help="The model's licence, as etalab-2.0 or cc-by-4.0 [default: unknown]")
]


@model_app.command("import", short_help="Make a model from the weights of others.")
def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="torchvision:resnet50, timm:resnet50.a1_in1k, a file (.pth, .pt, .safetensors), "
            "or a model folder",
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Model folder [workspace: paths.model]")] = None,
    pipeline: Recipe = None,
    assignments: Assignments = None,
    tileset: Annotated[Path | None, typer.Option(help="Tile set whose grid the model gets")] = None,
    tile_size_m: Annotated[
        float | None,
        typer.Option(help=f"Side of a tile in metres [default: {_GRID.tile_size_m:g}]"),
    ] = None,
    tile_px: Annotated[
        int | None, typer.Option(help=f"Side of a tile in pixels [default: {_GRID.tile_px}]")
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the tiles, as EPSG:2154")] = None,
    origin: Annotated[
        str | None,
        typer.Option(help=f"Corner of cell (0, 0) as X,Y in metres [default: {_GRID.origin}]"),
    ] = None,
    output_format: Annotated[
        Literal["text", "json"],
        typer.Option("--format", help="text: on stderr; json: also on stdout, tensor by tensor"),
    ] = "text",
    licence: Licence = "",
    replace: Replace = False,
) -> None:
    """Make a model from the weights of others, and tell what of them fitted.

    The same command again changes nothing. Example:

    aerialret model import timm:resnet50.a1_in1k --out model --tileset tiles --set model.head=gem
    """
    from aerialret.network.importing.import_model import import_model
    from aerialret.network.importing.sources import read_source

    workspace = open_workspace(recipe=find_recipe("pipelines", pipeline) if pipeline else None)
    folder = workspace.path(out, "model", what="--out folder")
    weights = read_source(source)
    chosen = workspace.pipeline if pipeline else _as_source(workspace.pipeline, weights)
    chosen = override(chosen, assignments or [])
    options = {"tile_size_m": tile_size_m, "tile_px": tile_px, "crs": crs, "origin": origin}
    grid = _grid(tileset, chosen.grid, weights, asked=options)
    outcome = import_model(
        weights, folder, pipeline=chosen, grid=grid, licence=licence, replace=replace
    )
    _tell(outcome)
    if output_format == "json":
        typer.echo(json.dumps({"model": str(folder), **outcome.facts}, indent=2))


@model_app.command("card", short_help="Write a model's README.md, with figures and licence.")
def card(
    model: Annotated[
        Path | None, typer.Argument(metavar="MODEL", help="Model folder [workspace: paths.model]")
    ] = None,
    report: Annotated[
        list[Path] | None, typer.Option(help="Report folder whose figures are added; repeatable")
    ] = None,
    tileset: Annotated[
        Path | None, typer.Option(help="Tile set it was trained on, to name its sources")
    ] = None,
    licence: Licence = "",
) -> None:
    """Write the model's README.md: what it is, what it was trained on, what it reaches.

    What was told before stays. Example: aerialret model card model --report report
    """
    from aerialret.network.model_card import CARD_NAME, write_model_card
    from aerialret.tiles.tileset import TileSet

    folder = open_workspace().path(model, "model", what="MODEL")
    facts = write_model_card(
        folder,
        tileset=TileSet(tileset) if tileset else None,
        licence=licence,
        reports=[_figures(one, folder) for one in report or []],
    )
    tell(f"{folder / CARD_NAME}: licence {facts.licence}, reports {len(facts.reports)}")


def _figures(report: Path, model: Path) -> "ReportFigures":
    """The figures of a report on this model."""
    from aerialret.evaluation.evaluate import METRICS_NAME
    from aerialret.manifest import read_manifest
    from aerialret.network.model_card import ReportFigures

    measured = read_manifest(report, kind="report")
    own = read_manifest(model, kind="model").content_hash
    if measured.parents["model"] != own:
        raise StaleArtefactError(
            f"report {report} measured model {measured.parents['model'][:12]}, but {model} is "
            f"{own[:12]}; run 'aerialret evaluate' with this model"
        )
    metrics = json.loads((report / METRICS_NAME).read_text("utf-8"))
    tile_set = measured.parents["tile_set"]
    return ReportFigures.of(metrics, report=measured.content_hash, tile_set=tile_set)


def _as_source(pipeline: Pipeline, weights: "SourceWeights") -> Pipeline:
    """`pipeline` with the model section of the source, where that is an aerialret model."""
    if weights.manifest is None:
        return pipeline
    section = weights.manifest.configuration["model"]
    return replaced(pipeline, model=parse_section(ModelConfig, section, origin=weights.name))


def _grid(
    tileset: Path | None, config: GridConfig, weights: "SourceWeights", *, asked: dict[str, Any]
) -> "Grid":
    """The grid of the tile set; else the source's own or the workspace's, with what was asked."""
    from aerialret.ingestion.grid_choice import AUTO, new_grid
    from aerialret.tiles.tileset import TileSet

    given = [f"--{name.replace('_', '-')}" for name, value in asked.items() if value is not None]
    if tileset is not None:
        if given:
            raise ConfigurationError(
                f"--tileset {tileset} has a grid of its own; leave out {', '.join(given)}"
            )
        return TileSet(tileset).grid
    config = with_values(_grid_of(weights, config), **asked)
    if not config.crs or config.origin == AUTO:
        missing = "origin" if config.crs else "coordinate system"
        raise ConfigurationError(
            f"an imported model needs a grid, but its {missing} is not known; give --tileset "
            "TILESET, or --crs EPSG:2154 --tile-size-m 1000 --tile-px 256 --origin 0,0"
        )
    return new_grid(config, [])


def _grid_of(weights: "SourceWeights", otherwise: GridConfig) -> GridConfig:
    """The grid of an aerialret model as a configuration writes it."""
    if weights.manifest is None:
        return otherwise
    own = dict(weights.manifest.facts["grid"])
    return GridConfig(origin=f"{own.pop('origin_x_m')!r},{own.pop('origin_y_m')!r}", **own)


def _tell(outcome: "ImportOutcome") -> None:
    if outcome.report is None:
        tell(f"{outcome.folder} is up to date: imported from {outcome.facts['source']}")
        return
    for line in outcome.report.lines():
        tell(line)
    for note in outcome.notes:
        tell(f"note: {note}")
    tell(f"{outcome.folder}: a model with {len(outcome.report.loaded)} tensors of its source")
