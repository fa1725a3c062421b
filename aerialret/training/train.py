"""Training: a tile set and a configuration go in, a model folder comes out.

Everything is built in a staging folder beside the model. After each epoch the whole state is
written there, so that a killed training goes on from its last epoch and ends, on a CPU with the
same number of threads, byte for byte where an undisturbed one ends. Started by torchrun, several
processes train one model, and the first of them writes it.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from aerialret import atomic
from aerialret.config import Pipeline, as_plain
from aerialret.errors import ConfigurationError
from aerialret.manifest import already_made, hash_files, new_manifest, write_manifest
from aerialret.network.checkpoint import (
    CONFIG_NAME,
    CURVES_NAME,
    HISTORY_NAME,
    SIMILARITY_NAME,
    SPLIT_NAME,
    WEIGHTS_NAME,
    save_config,
)
from aerialret.network.importing.matching import WeightsReport
from aerialret.network.model_card import write_model_card
from aerialret.tiles.tileset import TileSet, grid_facts
from aerialret.training.course import publish_course
from aerialret.training.distributed import World
from aerialret.training.history import draw_curves
from aerialret.training.request import TrainingRequest
from aerialret.training.run import BEST_NAME, Progress, Run, TrainingReport
from aerialret.training.splits import split_places


def train(
    tileset: TileSet,
    out: Path,
    *,
    pipeline: Pipeline,
    base: Path = Path(),
    resume: bool = False,
    replace: bool = False,
    progress: Progress | None = None,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
    on_weights: Callable[[WeightsReport], None] | None = None,
) -> TrainingReport:
    """Trains a model on `tileset` and writes it to `out`.

    Args:
        tileset: Tiles of at least two dates.
        out: The model folder.
        pipeline: Its sections model, train and split.
        base: What relative paths in the configuration are relative to.
        resume: Go on with an unfinished training even if its number of epochs was another.
        replace: Replace a model that is there.
        progress: Called with stage, done, total.
        on_epoch: Called with each epoch's row of the history and `pace`, a line about its speed.
        on_weights: Told what of the initial weights fitted, where any are loaded.

    Raises:
        UnknownDateError: The tile set lacks a date to pair.
        WouldOverwriteError: `out` holds another model or another unfinished training.
        NothingToDoError: Fewer than two places can be trained on.
    """
    request = TrainingRequest.of(tileset, pipeline)
    finished = already_made(
        out,
        kind="model",
        is_ours=request.made,
        made_of="tile set or configuration",
        replace=replace,
    )
    if finished:
        return TrainingReport(folder=out, up_to_date=True, **finished.facts["training"])
    dates = training_dates(tileset, pipeline.train.dates)
    split = _split(tileset, dates, pipeline, base)
    world = World.join()
    try:
        staging = atomic.staging_folder(out)
        if world.is_first:
            request.claim(staging, resume=resume, replace=replace)
        world.barrier()
        run = Run(
            staging, pipeline, tileset, dates=dates, split=split, world=world, progress=progress,
            on_weights=on_weights,
        )  # fmt: skip
        report = run.to_the_end(out, on_epoch)
        if world.is_first:
            _publish(staging, out, run, request, tileset, asking=as_plain(pipeline.query))
        world.barrier()
    finally:
        world.leave()
    return report


def training_dates(tileset: TileSet, dates: tuple[str, ...]) -> tuple[str, str]:
    """Query date and gallery date: those asked for, or the newest and the oldest.

    Raises:
        UnknownDateError: The tile set lacks one of them.
        ConfigurationError: The tile set has one date only.
    """
    if dates:
        return tileset.require_date(dates[0]), tileset.require_date(dates[1])
    if len(tileset.dates) < 2:
        raise ConfigurationError(
            f"training pairs two dates, but {tileset.folder} holds only {tileset.dates[0]}; "
            f"add another with 'aerialret ingest {tileset.folder} --date ... --ortho ...'"
        )
    return tileset.dates[-1], tileset.dates[0]


def _split(
    tileset: TileSet, dates: tuple[str, str], pipeline: Pipeline, base: Path
) -> pd.DataFrame:
    tiles = [*tileset.tiles(dates[0]), *tileset.tiles(dates[1])]
    return split_places(tiles, config=pipeline.split, grid=tileset.grid, base=base)


def _publish(
    staging: Path,
    out: Path,
    run: Run,
    request: TrainingRequest,
    tileset: TileSet,
    *,
    asking: dict[str, Any],
) -> None:
    """Writes the model beside the training's state, then gives it its name."""
    whole = staging / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    shutil.copyfile(staging / BEST_NAME, whole / WEIGHTS_NAME)
    save_config(request.configuration["model"], whole / CONFIG_NAME)
    names = [CONFIG_NAME, WEIGHTS_NAME, SPLIT_NAME]
    if (staging / SIMILARITY_NAME).is_file():
        shutil.copyfile(staging / SIMILARITY_NAME, whole / SIMILARITY_NAME)
        names.append(SIMILARITY_NAME)
    run.split.to_parquet(whole / SPLIT_NAME, index=False)
    run.history.write(whole / HISTORY_NAME)
    draw_curves(run.history, whole / CURVES_NAME)
    publish_course(staging, whole)
    best = run.history.kept(run.config.keep)
    facts = {
        "request": request.fingerprint,
        "asking": asking,
        "grid": grid_facts(tileset.grid),
        "dates": {"query": run.dates[0], "gallery": run.dates[1]},
        "places": _counts(run.split),
        "training": {
            "epochs": run.epoch, "resumed_at": 0, "best_epoch": int(best["epoch"]),
            "best_map5": None if best["val_map5"] != best["val_map5"] else float(best["val_map5"]),
            "train_places": len(run.train), "val_places": len(run.val),
        },
    }  # fmt: skip
    meaning = [whole / name for name in names]
    facts["content"] = sorted(path.name for path in meaning)
    manifest = new_manifest(
        "model",
        content_hash=hash_files(meaning, root=whole),
        parents={"tile_set": tileset.content_hash},
        configuration=request.configuration,
        facts=facts,
    )
    write_manifest(whole, manifest)
    write_model_card(whole, tileset=tileset)
    atomic.publish_folder(whole, out)
    shutil.rmtree(staging)


def _counts(split: pd.DataFrame) -> dict[str, int]:
    """Places in each split."""
    return {str(name): int(n) for name, n in split["split"].value_counts().sort_index().items()}
