"""How a training goes: its epochs and the clock go in, files and a line for people come out."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aerialret.training.events import EVENTS_NAME, Events, publish_events
from aerialret.training.history import TIMING_NAME, Timing
from aerialret.training.rates import Pace


class Course:
    """The clock, the pace and the TensorBoard files of one run.

    Nothing that a training computes depends on it.

    Args:
        staging: Where the files are while the training goes.
        epochs: Epochs of the whole training.
        done: Epochs that an earlier run has done; -1 if not even the start was measured.
    """

    def __init__(self, staging: Path, *, epochs: int, done: int) -> None:
        self._staging = staging
        self._pace = Pace(epochs=epochs)
        self._timing = Timing.read(staging / TIMING_NAME, epochs=done)
        self._events = Events(staging / EVENTS_NAME, first_epoch=done + 1)
        self._trained_at = 0.0
        self.told = ""

    def begin(self) -> None:
        """An epoch begins."""
        self._pace.start_epoch()

    def trained(self) -> None:
        """Its batches are done; its validation begins."""
        self._trained_at = time.perf_counter()

    def end(
        self,
        row: Mapping[str, Any],
        *,
        places: int,
        mining_s: float,
        best_map5: float,
        rates: Mapping[str, float],
    ) -> None:
        """The epoch is kept.

        Args:
            row: Of the history.
            places: Places trained on.
            mining_s: Seconds of the search for hard places.
            best_map5: The best on the validation places so far.
            rates: Adam's rate for each part.
        """
        validation_s = time.perf_counter() - self._trained_at
        timed = self._timing.add(
            epoch=row["epoch"], seconds=self._pace.end_epoch(), mining_s=mining_s,
            validation_s=validation_s, places=places,
        )  # fmt: skip
        self._timing.write(self._staging / TIMING_NAME)
        figures = {f"rate/{name}": rate for name, rate in rates.items()}
        figures["time/places_per_s"] = timed["places_per_s"]
        figures["time/mining_s"] = mining_s
        self.measured(row, **figures)
        self.told = self._pace.told(places=places, done_epochs=row["epoch"], best_map5=best_map5)

    def measured(self, row: Mapping[str, Any], **figures: float) -> None:
        """Tells TensorBoard the row of the history, and further `figures` by name."""
        named = {"loss": row["loss"], "val/map5": row["val_map5"], "hard_places": row["hard"]}
        known = {name: value for name, value in named.items() if not math.isnan(value)}
        self._events.add(row["epoch"], {**known, **figures})

    def close(self) -> None:
        """Ends the files."""
        self._events.close()


def publish_course(staging: Path, out: Path) -> None:
    """Copies timing and event files of a training, where it has any, into its model's folder."""
    if (staging / TIMING_NAME).is_file():
        (out / TIMING_NAME).write_bytes((staging / TIMING_NAME).read_bytes())
    if (staging / EVENTS_NAME).is_dir():
        publish_events(staging / EVENTS_NAME, out / EVENTS_NAME)
