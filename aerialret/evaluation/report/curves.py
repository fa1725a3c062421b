"""The report's curves: measurements or a training's history go in, lines and charts come out."""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report.line_chart import Axis, Line, even_ticks, line_chart
from aerialret.evaluation.report.wording import comparison_label
from aerialret.evaluation.windows import ALIGNED
from aerialret.retrieval.metrics import NOT_FOUND, recall_at

DEPTHS = range(1, 101)

_COLOURS = ("#1f5fa8", "#c8641b", "#12806a", "#8a4fb0")
_GREY = "#7b848c"
_INK = "#1c2024"
_WHOLE_TILES = "14 3 2 3"  # dashes of the lines for whole tiles
_SHARE_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class Chart(NamedTuple):
    """A chart and the lines that its legend names."""

    svg: str
    lines: tuple[Line, ...]


def recall_chart(evaluation: Evaluation) -> Chart:
    """Recall at 1 to 100 of every comparison, before training, of whole tiles, and by chance."""
    lines = [
        _recall_line(comparison_label(name), found.ranks[evaluation.in_scope], colour)
        for (name, found), colour in zip(evaluation.trained.items(), _COLOURS, strict=False)
    ]
    before = evaluation.untrained.get(evaluation.main)
    if before is not None:
        label = f"{comparison_label(evaluation.main)}, before training"
        lines.append(_recall_line(label, before.ranks[evaluation.in_scope], _GREY, dash="7 4"))
    if evaluation.whole_tiles is not None:
        label = f"{comparison_label(evaluation.main)}, whole tiles ({ALIGNED})"
        ranks = evaluation.whole_tiles.ranks[evaluation.in_scope]
        lines.append(_recall_line(label, ranks, _INK, dash=_WHOLE_TILES))
    gallery = len(evaluation.tileset.tiles(evaluation.dates.gallery))
    chance = [(depth, min(depth / gallery, 1.0)) for depth in DEPTHS]
    lines.append(Line(label="chance", points=chance, colour=_GREY, dash="2 3"))
    x = Axis(
        title="k, number of answers looked at", ticks=(1, 2, 5, 10, 20, 50, 100), logarithmic=True
    )
    y = Axis(title="share found", ticks=_SHARE_TICKS, digits=1)
    label = "Share of places found among the first k answers, by what they are searched by"
    return Chart(line_chart(lines, x=x, y=y, label=label), tuple(lines))


def error_chart(evaluation: Evaluation) -> Chart:
    """Share of the photos whose first answer lies within a distance, for every comparison."""
    measured = [
        (comparison_label(name), found.distance_m, colour, "")
        for (name, found), colour in zip(evaluation.trained.items(), _COLOURS, strict=False)
    ]
    if evaluation.whole_tiles is not None:
        label = f"{comparison_label(evaluation.main)}, whole tiles ({ALIGNED})"
        measured.append((label, evaluation.whole_tiles.distance_m, _INK, _WHOLE_TILES))
    scoped = evaluation.in_scope
    farthest = max(float(np.nanmax(d[scoped], initial=0)) for _, d, _, _ in measured)
    ticks = _distance_ticks(evaluation.tileset.grid.tile_size_m / 20, farthest)
    at = np.geomspace(ticks[0], ticks[-1], 120)
    lines = [
        Line(label=label, points=_shares_within(distance_m[scoped], at), colour=colour, dash=dash)
        for label, distance_m, colour, dash in measured
    ]
    x = Axis(title="distance of the first answer, in metres", ticks=ticks, logarithmic=True)
    y = Axis(title="share within", ticks=_SHARE_TICKS, digits=1)
    label = "Share of photos whose first answer lies within a distance of the truth"
    return Chart(line_chart(lines, x=x, y=y, label=label), tuple(lines))


def training_charts(history_csv: Path) -> list[Chart]:
    """Loss and validation map@5 over the epochs; nothing without a history of two epochs."""
    if not history_csv.is_file():
        return []
    history = pd.read_csv(history_csv)
    charts = []
    for column, title, colour in (
        ("loss", "training loss", _COLOURS[1]),
        ("val_map5", "validation map@5", _COLOURS[0]),
    ):
        measured = history.loc[history[column].notna(), ["epoch", column]]
        if len(measured) > 1:
            charts.append(_epoch_chart(measured, column, title, colour))
    return charts


def _shares_within(
    distance_m: NDArray[np.float64], at: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Share of distances up to each of `at`; photos without an answer are within none."""
    return [(float(limit), float((distance_m <= limit).mean())) for limit in at]


def _distance_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, from at most `low` to at least `high`."""
    first = math.floor(math.log10(low))
    last = max(math.ceil(math.log10(max(high, low))), first + 1)
    return [10.0**power for power in range(first, last + 1)]


def _recall_line(label: str, ranks: NDArray[np.int64], colour: str, *, dash: str = "") -> Line:
    ranks = ranks[ranks != NOT_FOUND]
    points = [(depth, recall_at(ranks, depth=depth)) for depth in DEPTHS]
    return Line(label=label, points=points, colour=colour, dash=dash)


def _epoch_chart(measured: pd.DataFrame, column: str, title: str, colour: str) -> Chart:
    points = list(zip(measured["epoch"].astype(float), measured[column].astype(float), strict=True))
    line = Line(label=title, points=points, colour=colour, dots=len(points) <= 40)
    x = Axis(title="epoch", ticks=even_ticks(points[-1][0]))
    highest = max(value for _, value in points)
    ticks = _SHARE_TICKS if column == "val_map5" else even_ticks(highest)
    y = Axis(title=title, ticks=ticks, digits=1 if ticks[1] >= 0.1 else 2)
    return Chart(line_chart([line], x=x, y=y, label=f"{title} over the epochs"), (line,))
