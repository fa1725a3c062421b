"""The comparison's charts: rows and ranks go in, SVG elements and their legends come out."""

from collections.abc import Mapping, Sequence
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

GREY = "#b8c0c6"
"""Of the curves of all other methods."""

HIGHLIGHTED = 5
"""Methods that have a colour in a chart of curves; more could not be told apart."""

_BARS, _LABEL, _RIGHT, _BAR, _GAP, _TOP = 450, 90, 60, 13, 12, 8
_LETTER = 7.2
"""Width of a letter of a label, at most."""


class Chart(NamedTuple):
    """A chart, its title, the lines that its legend names, and how many others there are."""

    title: str
    svg: str
    lines: tuple[Line, ...]
    others: int


def recall_charts(rows: Sequence[Row], queries: pd.DataFrame) -> list[Chart]:
    """Recall at 1 to 100 of every method by its headline: a chart for each protocol.

    The best `HIGHLIGHTED` by map@5 have a colour, the same in every chart; the others are grey.
    """
    counted = queries[queries["in_scope"].astype(bool)]
    tables = {str(name): table for name, table in counted.groupby("protocol", sort=False)}
    best = {protocol: _best(rows, protocol) for protocol in tables}
    coloured = dict.fromkeys(name for names in best.values() for name in names)
    styles = {name: _style(place) for place, name in enumerate(coloured)}
    return [
        _recall_chart(protocol, rows, table, {name: styles[name] for name in best[protocol]})
        for protocol, table in tables.items()
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


def _best(rows: Sequence[Row], protocol: str) -> list[str]:
    """Names of the best methods under a protocol, the best first."""
    found = {row.name: row.cells.get((protocol, MAP_KEY)) for row in rows}
    values = {name: cell.value for name, cell in found.items() if cell is not None}
    return sorted(values, key=lambda name: -values[name])[:HIGHLIGHTED]


def _style(place: int) -> tuple[str, str]:
    """Colour and dashes of a method's curves."""
    return protocol_colour(place), _DASHES[place // len(_COLOURS) % len(_DASHES)]


def _recall_chart(
    protocol: str,
    rows: Sequence[Row],
    queries: pd.DataFrame,
    styles: Mapping[str, tuple[str, str]],
) -> Chart:
    """The chart; `styles` are those of the highlighted methods, the best first."""
    points = {row.name: _curve(row, queries) for row in rows}
    grey = [
        Line(label=name, points=found, colour=GREY, width=1.1)
        for name, found in points.items()
        if name not in styles
    ]
    bright = [
        Line(label=name, points=points[name], colour=colour, dash=dash)
        for name, (colour, dash) in styles.items()
    ]
    x = Axis(title="k", ticks=(1, 2, 5, 10, 20, 50, 100), logarithmic=True)
    y = Axis(title="share found", ticks=_TICKS, digits=1)
    label = f"Share of places found among the first k answers by each method, queries {protocol}"
    svg = line_chart([*grey, *reversed(bright)], x=x, y=y, label=label)
    return Chart(protocol, svg, tuple(bright), len(grey))


def _curve(row: Row, queries: pd.DataFrame) -> list[tuple[int, float]]:
    own = (queries["method"] == row.facts.name) & (queries["comparison"] == row.comparison)
    return recall_curve(queries.loc[own, "rank"], depths=_DEPTHS)


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
