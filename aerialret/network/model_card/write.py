"""The card of a model folder: the folder goes in, its README.md and card.json are written."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from aerialret.atomic import write_text
from aerialret.config import ModelConfig
from aerialret.config.toml import parse_section
from aerialret.errors import StaleArtefactError
from aerialret.manifest import Manifest, hash_file, read_manifest
from aerialret.network.checkpoint import SPLIT_NAME, WEIGHTS_NAME
from aerialret.network.methods import build_network, vector_length
from aerialret.network.model_card.facts import (
    CardFacts,
    ReportFigures,
    read_facts,
    sources_of,
    write_facts,
)
from aerialret.network.model_card.render import render_card
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.tileset import TileSet

CARD_NAME = "README.md"


def write_model_card(
    folder: Path,
    *,
    tileset: TileSet | None = None,
    licence: str = "",
    reports: Sequence[ReportFigures] = (),
) -> CardFacts:
    """Writes the card, with what was told before and what is told now.

    Neither file counts for the model's content hash.

    Args:
        folder: The model.
        tileset: What it was trained on, for the sources of its dates.
        licence: The model's licence; empty: as before, unknown at first.
        reports: Further figures.

    Raises:
        NotAnArtefactError: The folder is no model, or its card cannot be read.
        StaleArtefactError: The model was not trained on `tileset`.
    """
    manifest = read_manifest(folder, kind="model")
    facts = read_facts(folder)
    if tileset is not None:
        _require_parent(manifest, tileset, folder)
        facts = replace(facts, sources=sources_of(tileset))
    if licence:
        facts = replace(facts, licence=licence)
    facts = facts.with_reports(reports)
    write_facts(folder, facts)
    text = render_card(
        manifest,
        facts=facts,
        length=_length(manifest),
        weights_sha256=hash_file(folder / WEIGHTS_NAME),
        extent=_extent(folder, manifest),
    )
    write_text(folder / CARD_NAME, text)
    return facts


def _require_parent(manifest: Manifest, tileset: TileSet, folder: Path) -> None:
    trained_on = manifest.parents.get("tile_set", "none")
    if trained_on != tileset.content_hash:
        raise StaleArtefactError(
            f"model {folder} was trained on tile set {trained_on[:12]}, but {tileset.folder} is "
            f"{tileset.content_hash[:12]}; name the one that it was trained on"
        )


def _length(manifest: Manifest) -> int:
    section = manifest.configuration["model"]
    config = parse_section(ModelConfig, section, origin="manifest")
    with torch.device("meta"):  # shapes only
        return vector_length(build_network(config, tile_px=manifest.facts["grid"]["tile_px"]))


def _extent(folder: Path, manifest: Manifest) -> Bounds | None:
    """The rectangle of all places of the split."""
    split = pd.read_parquet(folder / SPLIT_NAME, columns=["col", "row"])
    if split.empty:
        return None
    first, last = split.min(), split.max()
    return Grid(**manifest.facts["grid"]).block_bounds(
        TileId(int(first["col"]), int(first["row"])),
        cols=int(last["col"] - first["col"]) + 1,
        rows=int(last["row"] - first["row"]) + 1,
    )
