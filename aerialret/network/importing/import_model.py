"""An imported model: a source of weights and a configuration go in, a model folder comes out.

It is what training for no epochs would give, but that no place was looked at: its split is empty.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from aerialret import atomic
from aerialret.config import ModelConfig, Pipeline, as_plain
from aerialret.manifest import (
    Manifest,
    already_made,
    hash_files,
    hash_value,
    new_manifest,
    write_manifest,
)
from aerialret.network.checkpoint import (
    CONFIG_NAME,
    SPLIT_NAME,
    WEIGHTS_NAME,
    save_config,
    save_module,
)
from aerialret.network.importing.matching import WeightsReport
from aerialret.network.importing.sources import SourceWeights
from aerialret.network.model_card import write_model_card
from aerialret.network.weights import fill_network, random_network
from aerialret.tiles.grid import Grid
from aerialret.tiles.tileset import grid_facts

_UNTRAINED = {
    "epochs": 0, "resumed_at": 0, "best_epoch": 0, "best_map5": None, "train_places": 0,
    "val_places": 0,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOutcome:
    """What an import did.

    Attributes:
        folder: The model.
        facts: What of the weights fitted, as `WeightsReport.to_plain`, and the source's hash.
        report: The same for a person; None where the model was already there.
        notes: What to know before the model is used.
    """

    folder: Path
    facts: dict[str, Any]
    report: WeightsReport | None
    notes: tuple[str, ...]

    @property
    def up_to_date(self) -> bool:
        """The model was already there, made by the same request."""
        return self.report is None


def import_model(
    source: SourceWeights,
    out: Path,
    *,
    pipeline: Pipeline,
    grid: Grid,
    licence: str = "",
    replace: bool = False,
) -> ImportOutcome:
    """Writes a model with the source's weights to `out`.

    Args:
        source: The weights, see `aerialret.network.importing.sources.read_source`.
        out: The model folder.
        pipeline: Its section model says what to build, `train.seed` what the source lacks.
        grid: Of the tiles that the model will see.
        licence: For the model card; empty: unknown.
        replace: Whether a model of another request in `out` may be replaced.

    Raises:
        ConfigurationError: The weights do not fit.
        WouldOverwriteError: `out` exists and was not made by this request.
    """
    configuration = _configuration(pipeline, source)
    request = hash_value([source.content_hash, configuration, grid_facts(grid)])
    found = already_made(
        out,
        kind="model",
        is_ours=lambda manifest: manifest.facts.get("request") == request,
        made_of="source, configuration or grid",
        replace=replace,
    )
    if found:
        facts = dict(found.facts["import"])
        return ImportOutcome(folder=out, facts=facts, report=None, notes=())
    config = pipeline.model
    network = random_network(config, tile_px=grid.tile_px, seed=pipeline.train.seed)
    report = fill_network(network, source.tensors, source=source.name, config=config)
    facts = {**report.to_plain(), "sha256": source.content_hash}
    staging = out.with_name(f".{out.name}.import")  # training keeps unfinished work in its own
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    save_config(configuration["model"], staging / CONFIG_NAME)
    save_module(network, staging / WEIGHTS_NAME)
    _empty_split().to_parquet(staging / SPLIT_NAME, index=False)
    told = {"request": request, "asking": as_plain(pipeline.query), "import": facts}
    write_manifest(staging, _manifest(staging, configuration, grid, told=told))
    write_model_card(staging, licence=licence)
    atomic.publish_folder(staging, out)
    return ImportOutcome(folder=out, facts=facts, report=report, notes=_notes(report, config))


def _configuration(pipeline: Pipeline, source: SourceWeights) -> dict[str, Any]:
    """The sections that a trained model has, too."""
    model = replace(pipeline.model, weights=source.name)
    train = replace(pipeline.train, epochs=0)
    sections = {"model": model, "train": train, "split": pipeline.split}
    return {name: as_plain(section) for name, section in sections.items()}


def _manifest(
    folder: Path, configuration: dict[str, Any], grid: Grid, *, told: dict[str, Any]
) -> Manifest:
    files = [folder / name for name in (CONFIG_NAME, WEIGHTS_NAME, SPLIT_NAME)]
    return new_manifest(
        "model",
        content_hash=hash_files(files, root=folder),
        configuration=configuration,
        facts={
            **told,
            "grid": grid_facts(grid),
            "places": {},
            "training": _UNTRAINED,
            "content": sorted(path.name for path in files),
        },
    )


def _empty_split() -> pd.DataFrame:
    """No place: each is one that the model has never seen."""
    types = {"place": "string", "col": "int64", "row": "int64", "split": "string"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()})


def _notes(report: WeightsReport, config: ModelConfig) -> tuple[str, ...]:
    notes = []
    if report.trunk_share < 1:
        notes.append(
            f"{1 - report.trunk_share:.0%} of the trunk's convolutions keep random values: train "
            "the model before you use it"
        )
    if any(name.startswith("head.") for name in report.missing):
        notes.append(
            "the head keeps random values: train the model, or describe without a head with "
            "--set model.head=gem"
        )
    finish = any(name.startswith(("finish.", "mask_finish.")) for name in report.missing)
    if finish and (config.whitening or config.normalisation == "standardised"):
        notes.append(
            "whitening and standardisation learn from training places, of which an import has "
            "none: use 'aerialret train' with train.epochs=0 and model.weights=SOURCE"
        )
    return tuple(notes)
