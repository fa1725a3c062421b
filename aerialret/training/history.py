"""The course of a training: a row for each epoch goes in, a CSV file and a plot come out."""

import csv
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aerialret.atomic import atomic_file

COLUMNS = ("epoch", "loss", "val_map5", "hard")


@dataclass(slots=True)
class History:
    """Rows in the order of the epochs.

    Attributes:
        rows: epoch (0 is before training), loss (mean of the epoch's batches), val_map5 (NaN
            where it was not measured), hard (places that were hard during the epoch).
    """

    rows: list[dict[str, Any]] = field(default_factory=list)

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


def draw_curves(history: History, path: Path) -> None:
    """Draws loss and validation map@5 over the epochs as SVG, the same bytes for the same rows."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    epochs = [row["epoch"] for row in history.rows]
    with rc_context({"svg.hashsalt": "aerialret", "font.family": "DejaVu Sans"}):
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.plot(epochs, [row["loss"] for row in history.rows], color="#b3541e")
        left.set(title="Training loss", xlabel="epoch", ylabel="binary cross-entropy")
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
