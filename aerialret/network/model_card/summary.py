"""What a model is: its configuration goes in, the first section of its card comes out."""

from pathlib import Path
from typing import Any

from aerialret.config import ModelConfig
from aerialret.manifest import Manifest
from aerialret.network.model_card.tables import facts_table
from aerialret.tiles.grid import Grid

_SEEN = {
    "image": "an image",
    "mask": "a mask of land cover",
    "either": "an image or a mask of land cover",
    "image+mask": "an image and a mask of land cover, or one of them",
}


def summary(manifest: Manifest, config: ModelConfig, *, grid: Grid, length: int) -> str:
    """What the model does, and what it is."""
    told = facts_table(
        [
            ("Method", _method(config)),
            ("Sees", _seen(config)),
            ("Vector", f"R = {length}, compared by {_compared(config)}"),
            ("Tile", f"{grid.tile_size_m:g} m, {grid.tile_px} px"),
            ("Initial weights", Path(config.weights).name if config.method == "network" else ""),
            ("Training", _training(manifest.facts.get("training", {}))),
        ]
    )
    return (
        "It turns an aerial picture into a vector. Pictures of one place have similar vectors, "
        f"whatever their dates: a search among vectors finds the place again.\n\n{told}"
    )


def _method(config: ModelConfig) -> str:
    if config.method == "hog":
        cells, directions = config.hog_cells, config.hog_orientations
        return f"histograms of {directions} gradient directions in {cells} x {cells} cells"
    if config.method == "bow-sift":
        return f"{config.words:,} visual words on SIFT"
    if config.method == "colour-histogram":
        return "histogram of colours"
    window = ", behind a spatial transformer" if config.transformer != "none" else ""
    spatial = "C1-C3 and a fully connected layer"
    head = spatial if config.head == "spatial" else f"{config.head} pooling"
    return f"{config.backbone} to {config.trunk}{window}, {head}"


def _seen(config: ModelConfig) -> str:
    if config.input != "image+mask":
        return _SEEN[config.input]
    return f"{_SEEN[config.input]} (masks as {config.mask_encoding}, fusion {config.fusion})"


def _compared(config: ModelConfig) -> str:
    distance = "cosine similarity" if config.distance == "cosine" else "Euclidean distance"
    finish = [config.normalisation] if config.normalisation not in ("l2", "none") else []
    finish += ["whitened"] if config.whitening else []
    return f"{distance} ({', '.join(finish)})" if finish else distance


def _training(facts: dict[str, Any]) -> str:
    if not facts.get("epochs"):
        return "none"
    places = f" on {facts['train_places']:,} places" if facts.get("train_places") else ""
    return f"{facts['epochs']} epochs{places}, weights of epoch {facts.get('best_epoch', 0)}"
