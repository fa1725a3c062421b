"""What was run: an evaluation goes in, the lines of the report's last section come out."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.windows import ALIGNED
from aerialret.manifest import library_versions

_HASH_LENGTH = 16


def provenance(evaluation: Evaluation, *, parents: Mapping[str, str]) -> list[tuple[str, str]]:
    """Name and value of everything that the figures depend on."""
    return [
        ("Tiles", _tiles(evaluation)),
        ("Queries", _queries(evaluation)),
        ("Network", _network(evaluation)),
        ("Training", _training(evaluation)),
        *((f"{kind.replace('_', ' ').capitalize()} hash", value[:_HASH_LENGTH])
          for kind, value in sorted(parents.items())),
        ("Versions", ", ".join(f"{name} {v}" for name, v in sorted(library_versions().items()))),
    ]  # fmt: skip


def configuration_text(evaluation: Evaluation) -> str:
    """The model's whole configuration, as JSON."""
    configuration: Any = evaluation.model.manifest.configuration
    return json.dumps(configuration, indent=2, sort_keys=True, ensure_ascii=False)


def _tiles(evaluation: Evaluation) -> str:
    grid = evaluation.tileset.grid
    return (
        f"{grid.tile_size_m:g} m, {grid.tile_px} px, {grid.resolution_m:.3g} m for each pixel, "
        f"{grid.crs}"
    )


def _queries(evaluation: Evaluation) -> str:
    photos, asking = evaluation.photos, evaluation.asking
    told = photos.protocol if photos.protocol == ALIGNED else (
        f"{photos.protocol}, seed {photos.seed}"
    )  # fmt: skip
    if asking.rotations > 1:
        told += f", {asking.rotations} turns tried"
    if asking.rerank != "none":
        told += f", first {asking.rerank_top} re-ranked by {asking.rerank}"
    return told


def _network(evaluation: Evaluation) -> str:
    config = evaluation.model.config
    if config.method != "network":
        return f"{config.method}, no network"
    head = f"R = {config.dimensions}" if config.head == "spatial" else f"{config.head} pooling"
    weights = Path(config.weights).name  # a name, or a file of the user's
    return f"{config.backbone} to {config.trunk}, {weights} weights, {config.input}, {head}"


def _training(evaluation: Evaluation) -> str:
    facts = evaluation.model.manifest.facts.get("training", {})
    if not facts.get("epochs"):
        return "none: the network is measured with its initial weights"
    told = f"{facts['epochs']} epochs"
    if facts.get("train_places"):
        told += f" on {facts['train_places']:,} places"
    if facts.get("best_epoch"):
        told += f", kept epoch {facts['best_epoch']}"
    return told
