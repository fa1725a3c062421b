"""The comparison's charts: rows and ranks go in, SVG elements and their legends come out."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import pandas as pd

from aerialret.comparison.figures import recall_curve
from aerialret.comparison.method_table import Cell, Row
from aerialret.evaluation.report.line_chart import Axis, Line, line_chart
from aerialret.evaluation.scores import MAP_KEY

_DEPTHS = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, 100)
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_COLOURS = (
    "#1f5fa8", "#c8641b", "#12806a", "#8a4fb0", "#b3261e", "#7a6a00", "#2f8fc4", "#a83f78",
    "#5c6b2f", "#4a4f57",
)  # fmt: skip
_DASHES = ("", "7 4", "2 3", "9 3 2 3")

_BARS, _LABEL, _RIGHT, _BAR, _GAP, _TOP = 450, 90, 60, 13, 12, 8
_LETTER = 7.2
"""Width of a letter of a label, at most."""


class Chart(NamedTuple):
    """A chart, its title, and the lines that its legend names."""

    title: str
    svg: str
    lines: tuple[Line, ...]


def recall_charts(rows: Sequence[Row], queries: pd.DataFrame) -> list[Chart]:
    """Recall at 1 to 100 of every method by its headline: a chart for each protocol."""
    counted = queries[queries["in_scope"].astype(bool)]
    return [
        _recall_chart(str(protocol), rows, table)
        for protocol, table in counted.groupby("protocol", sort=False)
    ]


def bar_chart(rows: Sequence[Row], *, protocols: Sequence[str]) -> str:
    """map@5 of every method by its headline with its interval, a bar for each protocol, as SVG."""
    left = max([_LABEL, *(len(row.name) * _LETTER + 12 for row in rows)])
    group = len(protocols) * _BAR + _GAP
    height = _TOP + group * len(rows) + 26
    parts = [
        f'<svg class="chart bars" viewBox="{-left:g} 0 {left + _BARS + _RIGHT:g} {height}" '
        'role="img" aria-label="map@5 of every method under every protocol, with its interval">',
        *(_tick(tick, height) for tick in _TICKS),
    ]
    for number, row in enumerate(rows):
        top = _TOP + number * group
        parts += _group(row, top, protocols)
    return "\n".join([*parts, "</svg>"])


def protocol_colour(place: int) -> str:
    """The colour of a protocol's bars, by its place in the list."""
    return _COLOURS[place % len(_COLOURS)]


def _recall_chart(protocol: str, rows: Sequence[Row], queries: pd.DataFrame) -> Chart:
    lines = []
    for number, row in enumerate(rows):
        own = (queries["method"] == row.facts.name) & (queries["comparison"] == row.comparison)
        dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
        points = recall_curve(queries.loc[own, "rank"], depths=_DEPTHS)
        lines.append(Line(label=row.name, points=points, colour=protocol_colour(number), dash=dash))
    x = Axis(title="k", ticks=(1, 2, 5, 10, 20, 50, 100), logarithmic=True)
    y = Axis(title="share found", ticks=_TICKS, digits=1)
    label = f"Share of places found among the first k answers by each method, queries {protocol}"
    return Chart(protocol, line_chart(lines, x=x, y=y, label=label), tuple(lines))


def _group(row: Row, top: float, protocols: Sequence[str]) -> list[str]:
    """The label and the bars of one method."""
    middle = top + len(protocols) * _BAR / 2 + 4
    parts = [f'<text x="-8" y="{middle:g}" text-anchor="end">{escape(row.name)}</text>']
    for place, protocol in enumerate(protocols):
        cell = row.cells.get((protocol, MAP_KEY))
        if cell is not None:
            label = f"{row.name}, {protocol}"
            parts += _bar(cell, top + place * _BAR, protocol_colour(place), label)
    return parts


def _bar(cell: Cell, top: float, colour: str, label: str) -> list[str]:
    end, low, high = (_x(value) for value in (cell.value, cell.low, cell.high))
    middle = top + _BAR / 2 - 1
    title = escape(f"{label}: {cell.value:.3f}, interval {cell.low:.3f} to {cell.high:.3f}")
    return [
        f'<rect x="0" y="{top:g}" width="{max(end, 0.5):g}" height="{_BAR - 2}" '
        f'fill="{colour}" fill-opacity=".75"><title>{title}</title></rect>',
        f'<path d="M{low:g} {middle - 3:g}v6M{low:g} {middle:g}H{high:g}M{high:g} {middle - 3:g}v6"'
        ' fill="none" stroke="#1c2024" stroke-width="1.2"/>',
        f'<text class="value" x="{high + 6:g}" y="{middle + 4:g}">{cell.value:.3f}</text>',
    ]


def _tick(tick: float, height: int) -> str:
    x = _x(tick)
    return (
        f'<line class="grid" x1="{x:g}" x2="{x:g}" y1="{_TOP - 4}" y2="{height - 20}"/>'
        f'<text x="{x:g}" y="{height - 5}" text-anchor="middle">{tick:.1f}</text>'
    )


def _x(value: float) -> float:
    return round(value * _BARS, 1)
