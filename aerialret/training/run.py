"""One training between its staging folder and its end: epochs, the best of them, what is fitted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file

from aerialret import atomic
from aerialret.config import Pipeline
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.network.checkpoint import (
    HISTORY_NAME,
    SIMILARITY_NAME,
    choose_device,
    save_module,
)
from aerialret.network.weights import initial_network
from aerialret.retrieval.metrics import map_at
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.training.describing import ranks_among
from aerialret.training.fitting import fit, needs_fitting
from aerialret.training.history import History
from aerialret.training.loop import Training
from aerialret.training.splits import places_in
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


class Run:
    """A training of `pipeline` on `tileset` in the folder `staging`.

    Args:
        staging: Its state after each epoch, and its best weights.
        pipeline: Its sections model and train.
        tileset: Holds the tiles.
        dates: Query date, gallery date.
        split: A row for each place: place, col, row, split.
        progress: Called with stage, done, total.

    Raises:
        ConfigurationError: Descriptors that are joined afterwards were to be trained.
        NothingToDoError: There are too few places.
    """

    def __init__(
        self,
        staging: Path,
        pipeline: Pipeline,
        tileset: TileSet,
        *,
        dates: tuple[str, str],
        split: pd.DataFrame,
        progress: Progress | None,
    ) -> None:
        config = pipeline.train
        if config.threads:
            torch.set_num_threads(config.threads)
        _check_trainable(pipeline)
        self.staging, self.config, self.dates, self.split = staging, config, dates, split
        self.progress = progress
        self.device = choose_device(config.device)
        self.network: Any = initial_network(
            pipeline.model, tile_px=tileset.grid.tile_px, seed=config.seed
        )
        self.fits = needs_fitting(self.network)
        self.train = self._load("train", tileset, pipeline)
        self.val = self._load("val", tileset, pipeline)
        self.history = History()
        self.training: Training | None = None
        if config.epochs:
            self.training = Training(
                self.network, config, places=len(self.train), device=self.device
            )

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self.training.epoch if self.training else 0

    def to_the_end(
        self, out: Path, on_epoch: Callable[[dict[str, Any]], None] | None
    ) -> TrainingReport:
        """Runs the epochs that are left, then fits what is fitted; the weights are `BEST_NAME`."""
        resumed_at = self._trained(self.training, on_epoch) if self.training else 0
        if self.fits or self.training is None:
            self._fit()
        best = self.history.best()
        return TrainingReport(
            folder=out, epochs=self.epoch, resumed_at=resumed_at,
            best_epoch=int(best["epoch"]), best_map5=float(best["val_map5"]),
            train_places=len(self.train), val_places=len(self.val),
        )  # fmt: skip

    def _trained(
        self, training: Training, on_epoch: Callable[[dict[str, Any]], None] | None
    ) -> int:
        """Trains to the last epoch; the epoch at which this run took it up."""
        resumed_at = self._restore(training)
        if training.epoch == 0 and not self.history.rows:
            self._keep_best(training, self._validate(training))
            self._save(training)
        while training.epoch < self.config.epochs:
            row = self._epoch(training)
            if on_epoch:
                on_epoch(row)
        return resumed_at

    def _epoch(self, training: Training) -> dict[str, Any]:
        stage = f"epoch {training.epoch + 1}/{self.config.epochs}"
        loss = training.run_epoch(self.train, progress=self._ticker(stage))
        row = self._keep_best(training, self._validate(training), loss=loss)
        self._save(training)
        return row

    def _validate(self, training: Training) -> float:
        due = training.epoch % self.config.validation_interval == 0
        last = training.epoch >= self.config.epochs
        if not len(self.val) or not (due or last):
            return float("nan")
        return map_at(training.ranks(self.val))

    def _keep_best(
        self, training: Training, val_map5: float, *, loss: float = float("nan")
    ) -> dict[str, Any]:
        """Notes the epoch, and keeps its weights if they are the best so far."""
        hard = len(training.knowledge.hard)
        row = self.history.add(epoch=training.epoch, loss=loss, val_map5=val_map5, hard=hard)
        if self.history.best() is row:
            save_module(self.network, self.staging / BEST_NAME)
            similarity = getattr(training.objective, "similarity", None)
            if similarity is not None:
                save_module(similarity, self.staging / SIMILARITY_NAME)
        return row

    def _fit(self) -> None:
        """Words and whitening for the best weights; for a method without epochs also its score."""
        if self.training is not None:
            self.network.load_state_dict(load_file(self.staging / BEST_NAME))
        self.network.to(self.device)
        if self.fits:
            fit(self.network, self.train, device=self.device)
        if self.training is None:
            ranks = ranks_among(self.network, self.val, device=self.device)
            self.history = History()
            self.history.add(epoch=0, loss=float("nan"), val_map5=map_at(ranks), hard=0)
        save_module(self.network, self.staging / BEST_NAME)

    def _save(self, training: Training) -> None:
        """Writes the epoch's row where a curious user may follow it, then all that it led to."""
        self.history.write(self.staging / HISTORY_NAME)
        with atomic.atomic_file(self.staging / STATE_NAME) as partial:
            torch.save({**training.state(), "history": self.history.rows}, partial)

    def _restore(self, training: Training) -> int:
        path = self.staging / STATE_NAME
        if not path.exists():
            return 0
        # A state file of our own making; the history's rows are plain numbers.
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.history = History(state["history"])
        training.restore(state)
        return training.epoch

    def _load(self, name: str, tileset: TileSet, pipeline: Pipeline) -> PlacePixels:
        places = _at_both_dates(tileset, places_in(self.split, name), self.dates)
        learns = self.config.epochs or self.fits
        if name == "train" and len(places) < 2 and learns:
            raise NothingToDoError(
                f"training needs at least 2 places with tiles at {self.dates[0]} and "
                f"{self.dates[1]}, but the split leaves {len(places)}; lower split.val_share, "
                "split.test_share or split.buffer_tiles, or ingest more"
            )
        if name == "train" and not learns:
            places = []
        return load_places(
            tileset, places, dates=self.dates, encoding=pipeline.model.mask_encoding,
            progress=self._ticker(f"reading {name} places"),
        )  # fmt: skip

    def _ticker(self, stage: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return (lambda done, total: progress(stage, done, total)) if progress else None


def _check_trainable(pipeline: Pipeline) -> None:
    model, epochs = pipeline.model, pipeline.train.epochs
    if epochs and model.method != "network":
        raise ConfigurationError(
            f"train.epochs is {epochs}, but model.method {model.method!r} is not trained by "
            "epochs; set train.epochs = 0"
        )
    if epochs and model.joins_descriptors:
        raise ConfigurationError(
            f"train.epochs is {epochs}, but model.fusion {model.fusion!r} joins descriptors after "
            "the network; set train.epochs = 0, or model.fusion to 'trained'"
        )


def _at_both_dates(tileset: TileSet, places: list[TileId], dates: tuple[str, str]) -> list[TileId]:
    both = set(tileset.tiles(dates[0])) & set(tileset.tiles(dates[1]))
    return [place for place in places if place in both]
