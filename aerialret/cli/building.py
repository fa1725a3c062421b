"""`train` and `index`: the commands that write models and indexes."""

from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aerialret.cli.calibrating import calibrate_trained
from aerialret.cli.reranking import train_missing_reranker
from aerialret.cli.shared_options import Assignments, Recipe, Replace, TileSetArgument
from aerialret.cli.telling import staged_progress, tell
from aerialret.config import IndexConfig, Pipeline, TrainConfig
from aerialret.config.toml import with_values
from aerialret.errors import ConfigurationError
from aerialret.recipes import DEFAULT_PIPELINE, find_recipe
from aerialret.workspace import find_workspace, open_workspace

if TYPE_CHECKING:
    from aerialret.network.importing.matching import WeightsReport
    from aerialret.training.run import TrainingReport

_INDEX, _TRAIN = IndexConfig(), TrainConfig()


def train(
    tileset: TileSetArgument = None,
    out: Annotated[Path | None, typer.Option(help="Model folder [workspace: paths.model]")] = None,
    pipeline: Recipe = None,
    assignments: Assignments = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help=f"Passes over the places [default: the pipeline's, else {_TRAIN.epochs}]"
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help=f"Seed of all that is drawn [default: {_TRAIN.seed}]")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with an unfinished training, with more epochs or not"),
    ] = False,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate/--no-calibrate", help="Measure at the end what the model's scores mean"
        ),
    ] = True,
    replace: Replace = False,
) -> None:
    """Train a model on the places of a tile set: a network, visual words or a whitening.

    Outside a workspace and without '--pipeline' that is the recipe 'aerialret'. The same command
    again goes on where a killed one stopped. Example:

    aerialret train tiles --out model --pipeline rfiap2020 --set train.epochs=20
    """
    recipe = _recipe(pipeline)
    if recipe is None and find_workspace() is None:
        recipe = find_recipe("pipelines", DEFAULT_PIPELINE)
    workspace = open_workspace(recipe=recipe, assignments=assignments)
    chosen = with_values(workspace.pipeline.train, epochs=epochs, seed=seed)
    train_model(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(out, "model", what="--out folder"),
        replaced(workspace.pipeline, train=chosen),
        resume=resume,
        replace=replace,
        calibrate=calibrate,
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
        str | None,
        typer.Option(
            help=f"Index recipe, file or name, as inverted-file [default: {_INDEX.recipe}]"
        ),
    ] = None,
    stride: Annotated[
        float | None,
        typer.Option(
            help="Step from window to window, a share of the window's side; 0.5: each overlaps the "
            f"next by half [default: {_INDEX.stride:g}]"
        ),
    ] = None,
    scales: Annotated[
        str | None,
        typer.Option(
            help="Sides of the windows, shares of a tile's side, as 1,0.5 "
            f"[default: {','.join(f'{scale:g}' for scale in _INDEX.scales)}]"
        ),
    ] = None,
    replace: Replace = False,
) -> None:
    """Describe the tiles of one or more dates and make them searchable.

    With a stride or scales, windows of the tiles' mosaic take the place of the tiles, so that
    photos that lie across tiles or show less than one are found, too. Example:

    aerialret index tiles --model model --out index --date 2004 --stride 0.5 --scales 1,0.5
    """
    workspace = open_workspace()
    config = with_values(
        workspace.pipeline.index, recipe=recipe, dates=tuple(date) if date else None,
        stride=stride, scales=None if scales is None else _shares(scales),
    )  # fmt: skip
    build(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(model, "model", what="--model folder"),
        workspace.path(out, "index", what="--out folder"),
        config,
        replace=replace,
    )


def train_model(
    tileset: Path,
    out: Path,
    pipeline: Pipeline,
    *,
    resume: bool = False,
    replace: bool = False,
    calibrate: bool = True,
) -> None:
    """Trains a model and its reranker, tells how that went, and calibrates its scores."""
    from aerialret.tiles.tileset import TileSet
    from aerialret.training.distributed import World
    from aerialret.training.train import train as step

    with staged_progress() as progress:
        report = step(
            TileSet(tileset), out, pipeline=pipeline, resume=resume, replace=replace,
            progress=progress, on_epoch=_tell_epoch, on_weights=_tell_weights,
        )  # fmt: skip
    if not World.from_environment().is_first:
        return  # one of torchrun's processes speaks for all
    _tell_trained(out, report)
    train_missing_reranker(tileset, out)
    if calibrate:
        calibrate_trained(tileset, out)


def _tell_trained(out: Path, report: "TrainingReport") -> None:
    if report.up_to_date:
        tell(f"{out} is up to date: {report.epochs} epochs of this request")
        return
    measured = "" if report.best_map5 != report.best_map5 else f", map@5 {report.best_map5:.3f}"
    trained = f"{report.epochs} epochs on {report.train_places} places, kept epoch "
    told = f"{trained}{report.best_epoch}" if report.epochs else "no epochs"
    tell(f"{out}: {told}{measured} on {report.val_places} validation places")


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
    if summary.cost:
        tell(f"{out}: {summary.cost}")


def _shares(text: str) -> tuple[float, ...]:
    """The numbers of a list as `1,0.5`."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigurationError(
            f"--scales is {text!r}, but must be numbers between commas, as 1,0.5"
        ) from None


def _recipe(name: str | None) -> Path | None:
    return find_recipe("pipelines", name) if name else None


def _tell_weights(report: "WeightsReport") -> None:
    for line in report.lines():
        tell(line)


def _tell_epoch(row: dict[str, Any]) -> None:
    measured = "" if row["val_map5"] != row["val_map5"] else f"  map@5 {row['val_map5']:.3f}"
    pace = f"  {row['pace']}" if row.get("pace") else ""
    tell(f"epoch {row['epoch']}  loss {row['loss']:.4f}{measured}  hard places {row['hard']}{pace}")
