"""The course of a training: a row for each epoch goes in, CSV files and a plot come out."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aerialret.atomic import atomic_file

COLUMNS = ("epoch", "loss", "val_map5", "hard")

TIMING_NAME = "timing.csv"
"""Beside the history, for the history is the same whenever and wherever it is made."""

TIMING_COLUMNS = ("epoch", "seconds", "mining_s", "validation_s", "places_per_s")


@dataclass(slots=True)
class History:
    """Rows in the order of the epochs.

    Attributes:
        rows: epoch (0 is before training), loss (mean of the epoch's batches), val_map5 (NaN
            where it was not measured), hard (places that were hard during the epoch).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    def kept(self, keep: str) -> dict[str, Any]:
        """The row of the epoch that becomes the model: the best, or the last."""
        return self.best() if keep == "best" else self.rows[-1]

    def add(self, *, epoch: int, loss: float, val_map5: float, hard: int) -> dict[str, Any]:
        """The new last row."""
        row = {"epoch": epoch, "loss": loss, "val_map5": val_map5, "hard": hard}
        self.rows.append(row)
        return row

    def best(self) -> dict[str, Any]:
        """The first row with the highest validation map@5; the last row if none was measured.

        The row before training counts only while it is the only one.
        """
        trained = [row for row in self.rows if row["epoch"] > 0] or self.rows
        measured = [row for row in trained if not math.isnan(row["val_map5"])]
        return max(measured, key=lambda row: row["val_map5"]) if measured else trained[-1]

    def write(self, path: Path) -> None:
        """Writes the rows as CSV; what was not measured is empty."""
        with atomic_file(path) as partial, partial.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([_cell(row[name]) for name in COLUMNS] for row in self.rows)


@dataclass(slots=True)
class Timing:
    """What each epoch took by the clock, a row for each.

    Attributes:
        rows: epoch, seconds (of all of it), mining_s and validation_s (of which), places_per_s
            (places trained on by seconds without validation).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, path: Path, *, epochs: int | None = None) -> "Timing":
        """The rows of an earlier run, of the first `epochs` if given; none if there was none."""
        if not path.is_file():
            return cls()
        with path.open(newline="") as stream:
            told = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(stream)]
        rows = [{**row, "epoch": int(row["epoch"])} for row in told]
        return cls([row for row in rows if epochs is None or row["epoch"] <= epochs])

    def add(
        self, *, epoch: int, seconds: float, mining_s: float, validation_s: float, places: int
    ) -> dict[str, Any]:
        """The new last row."""
        row = {
            "epoch": epoch, "seconds": seconds, "mining_s": mining_s, "validation_s": validation_s,
            "places_per_s": places / max(seconds - validation_s, 1e-9),
        }  # fmt: skip
        self.rows.append(row)
        return row

    @property
    def total_s(self) -> float:
        """Seconds of all epochs."""
        return float(sum(row["seconds"] for row in self.rows))

    def write(self, path: Path) -> None:
        """Writes the rows as CSV, to the millisecond."""
        with atomic_file(path) as partial, partial.open("w", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(TIMING_COLUMNS)
            writer.writerows(
                [row["epoch"], *(f"{row[name]:.3f}" for name in TIMING_COLUMNS[1:])]
                for row in self.rows
            )


def draw_curves(history: History, path: Path) -> None:
    """Draws loss and validation map@5 over the epochs as SVG, the same bytes for the same rows."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history.rows]
    with rc_context({"svg.hashsalt": "aerialret", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [row["loss"] for row in history.rows], color="#b3541e")
        left.set(title="Training loss", xlabel="epoch", ylabel="loss")
        right.plot(epochs, [row["val_map5"] for row in history.rows], color="#1e6fb3", marker=".")
        right.set(title="Validation", xlabel="epoch", ylabel="map@5", ylim=(0, 1))
        for axes in (left, right):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        with atomic_file(path) as partial:
            figure.savefig(partial, format="svg", metadata={"Date": None})


def _cell(value: float) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6f}"
    return str(value)
