"""The report on locating: an evaluation and its figures go in, table rows and curves come out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.located_words import error_text, share
from aerialret.evaluation.report.curves import Chart
from aerialret.evaluation.report.line_chart import Axis, Line, line_chart
from aerialret.evaluation.report.wording import percent
from aerialret.evaluation.scores import MAP_KEY
from aerialret.retrieval.metrics import NOT_FOUND

_LEAST_M, _POINTS = 0.1, 120
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_BEFORE, _AFTER = "#7b848c", "#1f5fa8"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedRow:
    """One row of the table: a name and texts by column."""

    name: str
    meaning: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocatedSection:
    """What the page shows of locating.

    Attributes:
        heads: Columns of the table.
        rows: Of the table.
        words: What the believed ones came to.
        chart: Share of the photos whose corners lie within a distance.
    """

    heads: tuple[str, ...]
    rows: tuple[LocatedRow, ...]
    words: str
    chart: Chart


_HEADS = (
    "recall@1", "recall@5", MAP_KEY, "right", "centre, m", "corners, m", "turn, °", "scale, %",
)  # fmt: skip


def located_section(evaluation: Evaluation, figures: dict[str, Any]) -> LocatedSection | None:
    """The section; None where no photo was verified."""
    if evaluation.located is None:
        return None
    believed, queries = figures["believed"], figures["verified"]["queries"]
    words = (
        f"{believed['photos']:,} of {queries:,} photos are believed to lie where they were laid; "
        f"{percent(believed['precision'])} of these in the right place, "
        f"{percent(believed['near'])} with corners off by at most "
        f"{percent(figures['near_share'])} of the photo's side."
    )
    files = figures.get("files")
    if files:
        words += (
            f" Written as GeoTIFFs and read again: {files['photos']:,}, their corners off by "
            f"{error_text(files, 'corner_error_m')} m."
        )
    rows = (
        _row(
            "search alone",
            "where the method tells no more, the centre of the tile",
            figures["search"],
        ),
        _row(
            "verified", "by the fit where it is believed, else by the search", figures["verified"]
        ),
        _row("believed ones", "of the verified, those that are right", believed),
    )
    return LocatedSection(heads=_HEADS, rows=rows, words=words, chart=_chart(evaluation))


def _row(name: str, meaning: str, figures: dict[str, Any]) -> LocatedRow:
    ranked = tuple(share(figures[key]) if key in figures else "" for key in _HEADS[:3])
    errors = (
        error_text(figures, "centre_error_m"), error_text(figures, "corner_error_m"),
        error_text(figures, "turn_error_deg"), error_text(figures, "scale_error", factor=100),
    )  # fmt: skip
    return LocatedRow(name=name, meaning=meaning, cells=(*ranked, f"{figures['right']:,}", *errors))


def _chart(evaluation: Evaluation) -> Chart:
    """Of all photos in scope: how many have their corners within a distance of the truth."""
    located = evaluation.located
    assert located is not None
    counted = evaluation.in_scope & located.asked & (located.ranks != NOT_FOUND)
    farthest = evaluation.tileset.grid.tile_size_m
    last = np.ceil(np.log10(max(farthest, 10 * _LEAST_M)))
    at = np.geomspace(_LEAST_M, 10.0**last, _POINTS)
    measured = (
        ("corners, search alone", evaluation.searched.corner_m, _BEFORE, "7 4"),
        ("centre, search alone", evaluation.searched.centre_m, _BEFORE, ""),
        ("corners, verified", located.errors.corner_m, _AFTER, "7 4"),
        ("centre, verified", located.errors.centre_m, _AFTER, ""),
    )
    lines = tuple(
        Line(label=label, points=_within(values[counted], at), colour=colour, dash=dash)
        for label, values, colour, dash in measured
        if not np.isnan(values[counted]).all()
    )
    ticks = [float(10.0**power) for power in range(-1, int(last) + 1)]
    x = Axis(title="distance from the truth, in metres", ticks=ticks, logarithmic=True, digits=1)
    y = Axis(title="share of all photos within", ticks=_TICKS, digits=1)
    label = "Share of photos whose centre and corners lie within a distance of the truth"
    return Chart(line_chart(lines, x=x, y=y, label=label), lines)


def _within(values: NDArray[np.float64], at: NDArray[np.float64]) -> list[tuple[float, float]]:
    return [(float(limit), float((values <= limit).mean())) for limit in at]
