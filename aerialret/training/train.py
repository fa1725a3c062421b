"""Training: a tile set and a configuration go in, a model folder comes out.

Everything is built in a staging folder beside the model. After each epoch the whole state is
written there, so that a killed training goes on from its last epoch and ends, on a CPU with the
same number of threads, byte for byte where an undisturbed one ends.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from aerialret import atomic
from aerialret.config import Pipeline
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.manifest import already_made, hash_files, new_manifest, write_manifest
from aerialret.network.checkpoint import (
    CURVES_NAME,
    HISTORY_NAME,
    SIMILARITY_NAME,
    SPLIT_NAME,
    WEIGHTS_NAME,
    choose_device,
    save_module,
)
from aerialret.network.weights import initial_network
from aerialret.retrieval.metrics import map_at
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet, grid_facts
from aerialret.training.history import History, draw_curves
from aerialret.training.request import TrainingRequest
from aerialret.training.siamese import SiameseTraining
from aerialret.training.splits import places_in, split_places
from aerialret.training.training_data import PlacePixels, load_places

STATE_NAME = "state.pt"
BEST_NAME = "best.safetensors"

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingReport:
    """What a training did.

    Attributes:
        folder: The model.
        epochs: Epochs of the finished training.
        resumed_at: Epochs that were already done when this run began.
        best_epoch: The epoch whose weights were kept; 0 for an untrained model.
        best_map5: Its validation map@5; NaN without validation places.
        train_places: Places trained on.
        val_places: Places validated on.
        up_to_date: The model was already there, made by the same request.
    """

    folder: Path
    epochs: int
    resumed_at: int
    best_epoch: int
    best_map5: float
    train_places: int
    val_places: int
    up_to_date: bool = False


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
        on_epoch: Called with each epoch's row of the history.

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
    staging = request.claim(atomic.staging_folder(out), resume=resume, replace=replace)
    dates = training_dates(tileset, pipeline.train.dates)
    split = _split(tileset, dates, pipeline, base)
    run = _Run(staging, pipeline, tileset, dates, split, progress)
    report = run.to_the_end(out, on_epoch)
    _publish(staging, out, run, request, tileset)
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


class _Run:
    """One training between its staging folder and its end."""

    def __init__(
        self,
        staging: Path,
        pipeline: Pipeline,
        tileset: TileSet,
        dates: tuple[str, str],
        split: pd.DataFrame,
        progress: Progress | None,
    ) -> None:
        config = pipeline.train
        if config.threads:
            torch.set_num_threads(config.threads)
        self.staging, self.config, self.dates, self.split = staging, config, dates, split
        self.progress = progress
        self.train = self._load("train", tileset, pipeline)
        self.val = self._load("val", tileset, pipeline)
        network = initial_network(pipeline.model, tile_px=tileset.grid.tile_px, seed=config.seed)
        self.training = SiameseTraining(network, config, device=choose_device(config.device))
        self.history = History()

    def to_the_end(
        self, out: Path, on_epoch: Callable[[dict[str, Any]], None] | None
    ) -> TrainingReport:
        """Runs the epochs that are left."""
        resumed_at = self._restore()
        if self.training.epoch == 0 and not self.history.rows:
            self._keep_best(self._validate())
            self._save()
        while self.training.epoch < self.config.epochs:
            row = self._epoch()
            if on_epoch:
                on_epoch(row)
        best = self.history.best()
        return TrainingReport(
            folder=out, epochs=self.training.epoch, resumed_at=resumed_at,
            best_epoch=int(best["epoch"]), best_map5=float(best["val_map5"]),
            train_places=len(self.train), val_places=len(self.val),
        )  # fmt: skip

    def _epoch(self) -> dict[str, Any]:
        stage = f"epoch {self.training.epoch + 1}/{self.config.epochs}"
        loss = self.training.run_epoch(self.train, progress=self._ticker(stage))
        row = self._keep_best(self._validate(), loss=loss)
        self._save()
        return row

    def _validate(self) -> float:
        due = self.training.epoch % self.config.validation_interval == 0
        last = self.training.epoch >= self.config.epochs
        if not len(self.val) or not (due or last):
            return float("nan")
        return map_at(self.training.ranks(self.val))

    def _keep_best(self, val_map5: float, *, loss: float = float("nan")) -> dict[str, Any]:
        """Notes the epoch, and keeps its weights if they are the best so far."""
        row = self.history.add(
            epoch=self.training.epoch, loss=loss, val_map5=val_map5, hard=len(self.training.hard)
        )
        if self.history.best() is row:
            save_module(self.training.network, self.staging / BEST_NAME)
            save_module(self.training.similarity, self.staging / SIMILARITY_NAME)
        return row

    def _save(self) -> None:
        """Writes the epoch's row where a curious user may follow it, then all that it led to."""
        self.history.write(self.staging / HISTORY_NAME)
        with atomic.atomic_file(self.staging / STATE_NAME) as partial:
            torch.save({**self.training.state(), "history": self.history.rows}, partial)

    def _restore(self) -> int:
        path = self.staging / STATE_NAME
        if not path.exists():
            return 0
        # A state file of our own making; the history's rows are plain numbers.
        state = torch.load(path, weights_only=True, map_location=self.training.device)
        self.history = History(state["history"])
        self.training.restore(state)
        return self.training.epoch

    def _load(self, name: str, tileset: TileSet, pipeline: Pipeline) -> PlacePixels:
        places = _at_both_dates(tileset, places_in(self.split, name), self.dates)
        if name == "train" and len(places) < 2 and self.config.epochs:
            raise NothingToDoError(
                f"training needs at least 2 places with tiles at {self.dates[0]} and "
                f"{self.dates[1]}, but the split leaves {len(places)}; lower split.val_share, "
                "split.test_share or split.buffer_tiles, or ingest more"
            )
        if name == "train" and not self.config.epochs:
            places = []
        return load_places(
            tileset, places, dates=self.dates, encoding=pipeline.model.mask_encoding,
            progress=self._ticker(f"reading {name} places"),
        )  # fmt: skip

    def _ticker(self, stage: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return (lambda done, total: progress(stage, done, total)) if progress else None


def _at_both_dates(tileset: TileSet, places: list[TileId], dates: tuple[str, str]) -> list[TileId]:
    both = set(tileset.tiles(dates[0])) & set(tileset.tiles(dates[1]))
    return [place for place in places if place in both]


def _split(
    tileset: TileSet, dates: tuple[str, str], pipeline: Pipeline, base: Path
) -> pd.DataFrame:
    tiles = [*tileset.tiles(dates[0]), *tileset.tiles(dates[1])]
    return split_places(tiles, config=pipeline.split, grid=tileset.grid, base=base)


def _publish(
    staging: Path,
    out: Path,
    run: _Run,
    request: TrainingRequest,
    tileset: TileSet,
) -> None:
    """Writes the model beside the training's state, then gives it its name."""
    whole = staging / "whole"
    shutil.rmtree(whole, ignore_errors=True)
    whole.mkdir()
    shutil.copyfile(staging / BEST_NAME, whole / WEIGHTS_NAME)
    shutil.copyfile(staging / SIMILARITY_NAME, whole / SIMILARITY_NAME)
    run.split.to_parquet(whole / SPLIT_NAME, index=False)
    run.history.write(whole / HISTORY_NAME)
    draw_curves(run.history, whole / CURVES_NAME)
    best = run.history.best()
    facts = {
        "request": request.fingerprint,
        "grid": grid_facts(tileset.grid),
        "dates": {"query": run.dates[0], "gallery": run.dates[1]},
        "places": _counts(run.split),
        "training": {
            "epochs": run.training.epoch, "resumed_at": 0, "best_epoch": int(best["epoch"]),
            "best_map5": None if best["val_map5"] != best["val_map5"] else float(best["val_map5"]),
            "train_places": len(run.train), "val_places": len(run.val),
        },
    }  # fmt: skip
    meaning = [whole / name for name in (WEIGHTS_NAME, SIMILARITY_NAME, SPLIT_NAME)]
    facts["content"] = sorted(path.name for path in meaning)
    manifest = new_manifest(
        "model",
        content_hash=hash_files(meaning, root=whole),
        parents={"tile_set": tileset.content_hash},
        configuration=request.configuration,
        facts=facts,
    )
    write_manifest(whole, manifest)
    atomic.publish_folder(whole, out)
    shutil.rmtree(staging)


def _counts(split: pd.DataFrame) -> dict[str, int]:
    """Places in each split."""
    return {str(name): int(n) for name, n in split["split"].value_counts().sort_index().items()}
