"""`calibrate`: what a model's scores mean, measured on places that it was not trained on."""

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
    from aerialret.retrieval.calibration import Calibration

_EVALUATE = EvaluateConfig()


def calibrate(
    tileset: TileSetArgument = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder [workspace: paths.model]")
    ] = None,
    queries: QueriesDate = None,
    gallery: GalleryDate = None,
    seed: Annotated[
        int | None, typer.Option(help=f"Seed of the photos [default: {_EVALUATE.seed}]")
    ] = None,
) -> None:
    """Measure how probable a model's answers are, and when a photo is of no place of an index.

    Asks for validation places, as photos of every protocol, and writes calibration.json into the
    model's folder; index and query take it from there. Example:

    aerialret calibrate tiles --model model
    """
    workspace = open_workspace()
    config = with_values(workspace.pipeline.evaluate, queries=queries, gallery=gallery, seed=seed)
    calibrate_model(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(model, "model", what="--model folder"),
        config,
    )


def calibrate_model(tileset: Path, model: Path, config: EvaluateConfig) -> None:
    """Calibrates a model and tells what its probabilities and verdicts reach."""
    from aerialret.evaluation.calibration.calibrate import calibrate as step
    from aerialret.evaluation.evaluate import dates_of
    from aerialret.network.checkpoint import load_model
    from aerialret.tiles.tileset import TileSet

    opened = TileSet(tileset)
    with staged_progress() as progress:
        found = step(
            opened, load_model(model), dates=dates_of(config, opened), seed=config.seed,
            progress=progress,
        )  # fmt: skip
    for modality, calibration in found.by.items():
        tell(
            f"calibrated on {len(found.places)} places by {modality}: probabilities are off by "
            f"{calibration.measured['ece']:.3f} on average; {_refusals(calibration)}"
        )


def calibrate_trained(tileset: Path, model: Path) -> None:
    """Calibrates a model that was just trained, on its own dates, where that can be done."""
    from aerialret.manifest import read_manifest
    from aerialret.retrieval.calibration import read_calibration

    manifest = read_manifest(model, kind="model")
    dates = manifest.facts["dates"]
    if read_calibration(model, model=manifest.content_hash):
        return
    config = EvaluateConfig(queries=dates["query"], gallery=dates["gallery"])
    try:
        calibrate_model(tileset, model, config)
    except NothingToDoError as error:
        tell(f"not calibrated: {error}")


def _refusals(calibration: "Calibration") -> str:
    refused = calibration.measured["refused"]
    if calibration.refused_from is None:
        return "photos from outside cannot be told from others, and none is refused"
    return (
        f"{refused['recall']:.0%} of the photos from outside are refused, and "
        f"{refused['precision']:.0%} of the refused are from outside"
    )
