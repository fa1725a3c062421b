"""`train-reranker`: how second looks are judged, learnt on a model's own training places."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aerialret.cli.shared_options import GalleryDate, QueriesDate, TileSetArgument
from aerialret.cli.telling import staged_progress, tell
from aerialret.config import EvaluateConfig
from aerialret.config.toml import with_values
from aerialret.errors import NothingToDoError
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.evaluation.reranker.train import RerankerReport


def train_reranker(
    tileset: TileSetArgument = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder [workspace: paths.model]")
    ] = None,
    queries: QueriesDate = None,
    gallery: GalleryDate = None,
    seed: Annotated[int, typer.Option(help="Seed of photos and weights")] = 0,
) -> None:
    """Train how a grid model judges photos at a second look.

    Lays photos of its training places on right and wrong places, and writes
    reranker.safetensors into the model's folder; index and query take it from there. Calibrate
    again afterwards. Example:

    aerialret train-reranker tiles --model model
    """
    workspace = open_workspace()
    config = with_values(workspace.pipeline.evaluate, queries=queries, gallery=gallery)
    train_reranker_of(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(model, "model", what="--model folder"),
        config,
        seed=seed,
    )


def train_reranker_of(tileset: Path, model: Path, config: EvaluateConfig, *, seed: int) -> None:
    """Trains the reranker of a model and tells on how much."""
    from aerialret.evaluation.evaluate import dates_of
    from aerialret.evaluation.reranker.train import train_reranker as step
    from aerialret.network.checkpoint import load_model
    from aerialret.tiles.tileset import TileSet

    opened = TileSet(tileset)
    with staged_progress() as progress:
        report = step(
            opened, load_model(model), dates=dates_of(config, opened), seed=seed, progress=progress
        )
    _tell(model, report)


def train_missing_reranker(tileset: Path, model: Path) -> None:
    """Trains the reranker of a model that was just trained, where its recipe asks for one."""
    from aerialret.evaluation.reranker.train import train_missing_reranker as step
    from aerialret.tiles.tileset import TileSet

    try:
        with staged_progress() as progress:
            report = step(TileSet(tileset), model, progress=progress)
    except NothingToDoError as error:
        tell(f"no reranker: {error}")
        return
    if report:
        _tell(model, report)


def _tell(model: Path, report: "RerankerReport") -> None:
    tell(f"{model}: reranker trained on {report.photos} photos of {report.places} training places")
