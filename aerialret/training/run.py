"""One training between its staging folder and its end: epochs, the best of them, what is fitted."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file

from aerialret import atomic
from aerialret.config import Pipeline
from aerialret.errors import DivergedTrainingError
from aerialret.network.checkpoint import (
    HISTORY_NAME,
    SIMILARITY_NAME,
    choose_device,
    save_module,
)
from aerialret.network.importing.matching import WeightsReport
from aerialret.network.model import DescriptorNetwork
from aerialret.network.weights import initial_network
from aerialret.retrieval.metrics import map_at
from aerialret.tiles.tileset import TileSet
from aerialret.training.course import Course
from aerialret.training.describing import ranks_among
from aerialret.training.distributed import World
from aerialret.training.fitting import fit, needs_fitting
from aerialret.training.history import History
from aerialret.training.loading import (
    require_masks,
    require_trainable,
    training_pixels,
    validation_pixels,
)
from aerialret.training.loop import Training
from aerialret.training.request import STATE_NAME
from aerialret.training.room import require_room

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
        world: The processes that share the work; only the first of them writes.
        progress: Called with stage, done, total.
        on_weights: Told what of the initial weights fitted, where any are loaded.

    Raises:
        ConfigurationError: Descriptors that are joined afterwards were to be trained, a method
            that sees masks by themselves on tiles without, or more than fits the memory.
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
        world: World,
        progress: Progress | None,
        on_weights: Callable[[WeightsReport], None] | None = None,
    ) -> None:
        config = pipeline.train
        if config.threads:
            torch.set_num_threads(config.threads)
        require_trainable(pipeline)
        require_masks(tileset, dates=dates, pipeline=pipeline)
        self.staging, self.config, self.dates, self.split = staging, config, dates, split
        self.world = world
        self.progress = progress if world.is_first else None
        self.device = world.device(choose_device(config.device))
        self.network = initial_network(
            pipeline.model, tile_px=tileset.grid.tile_px, seed=config.seed,
            on_weights=on_weights if world.is_first else None,
        )  # fmt: skip
        self.fits = needs_fitting(self.network)
        self.train = training_pixels(
            tileset, split, dates=dates, pipeline=pipeline, learns=bool(config.epochs) or self.fits,
            progress=self._ticker("reading train places"),
        ).to(self.device)  # fmt: skip
        self.val = validation_pixels(
            tileset, split, dates=dates, pipeline=pipeline,
            progress=self._ticker("reading val places"),
        ).to(self.device)  # fmt: skip
        self.history = History()
        self.training: Training | None = None
        if config.epochs:
            assert isinstance(self.network, DescriptorNetwork)  # by `require_trainable`
            require_room(
                config, dimensions=self.network.length, places=len(self.train), device=self.device
            )
            self.training = Training(
                self.network, config, places=len(self.train), device=self.device, world=world
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
        if self.world.is_first and (self.fits or self.training is None):
            self._fit()
        self.history = History(self.world.broadcast_object(self.history.rows))
        best = self.history.kept(self.config.keep)
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
        done = self.history.rows[-1]["epoch"] if self.history.rows else -1
        first = self.world.is_first
        course = Course(self.staging, epochs=self.config.epochs, done=done) if first else None
        if done < 0:
            row = self._kept(training, self._validate(training))
            if course:
                course.measured(row)
        while training.epoch < self.config.epochs:
            row = self._epoch(training, course)
            if on_epoch and course:
                on_epoch({**row, "pace": course.told})
        if course:
            course.close()
        return resumed_at

    def _epoch(self, training: Training, course: Course | None) -> dict[str, Any]:
        stage = f"epoch {training.epoch + 1}/{self.config.epochs}"
        if course:
            stage += f" ({course.told})" if course.told else ""
            course.begin()
        loss = training.run_epoch(self.train, progress=self._ticker(stage))
        _require_number(loss, epoch=training.epoch)
        if course:
            course.trained()
        row = self._kept(training, self._validate(training), loss=loss)
        if course:
            course.end(
                row, places=len(self.train), mining_s=training.mining_s,
                best_map5=self.history.best()["val_map5"], rates=training.rates(),
            )  # fmt: skip
        return row

    def _validate(self, training: Training) -> float:
        due = training.epoch % self.config.validation_interval == 0
        last = training.epoch >= self.config.epochs
        if not len(self.val) or not (due or last):
            return float("nan")
        return map_at(training.ranks(self.val))

    def _kept(
        self, training: Training, val_map5: float, *, loss: float = float("nan")
    ) -> dict[str, Any]:
        """Notes the epoch and writes its state, and its weights if they are the best so far."""
        hard = len(training.knowledge.hard)
        row = self.history.add(epoch=training.epoch, loss=loss, val_map5=val_map5, hard=hard)
        if not self.world.is_first:
            return row
        if self.history.kept(self.config.keep) is row:
            save_module(self.network, self.staging / BEST_NAME)
            similarity = getattr(training.objective, "similarity", None)
            if similarity is not None:
                save_module(similarity, self.staging / SIMILARITY_NAME)
        self._save(training)
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
        """Takes up what the first process finds; the epochs that are done."""
        path = self.staging / STATE_NAME
        state: dict[str, Any] | None = None
        if self.world.is_first and path.exists():
            # A state file of our own making; the history's rows are plain numbers.
            state = torch.load(path, weights_only=True, map_location="cpu")
        state = self.world.broadcast_object(state)
        if state is None:
            return 0
        self.history = History(state["history"])
        training.restore(state)
        return training.epoch

    def _ticker(self, stage: str) -> Callable[[int, int], None] | None:
        progress = self.progress
        return (lambda done, total: progress(stage, done, total)) if progress else None


def _require_number(loss: float, *, epoch: int) -> None:
    """Does nothing for a finite loss; weights that are no numbers would find nothing.

    Raises:
        DivergedTrainingError: It is NaN or infinite.
    """
    if not math.isfinite(loss):
        raise DivergedTrainingError(
            f"the training has diverged: its loss is {loss} in epoch {epoch}; lower the rates "
            "(train.rate_trunk, ...) or train.colour_jitter, and run it again with --replace"
        )
