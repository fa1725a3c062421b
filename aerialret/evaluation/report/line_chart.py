"""Line charts: points go in, an SVG element comes out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 520, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 24, 14, 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a chart.

    Attributes:
        label: What the legend calls it.
        points: Its points, x and y, by increasing x.
        colour: A CSS colour.
        dash: SVG's stroke-dasharray; empty for a solid line.
        dots: Whether each point is marked.
        width: Of the stroke, in pixels of the chart.
    """

    label: str
    points: Sequence[tuple[float, float]]
    colour: str
    dash: str = ""
    dots: bool = False
    width: float = 2.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One axis of a chart.

    Attributes:
        title: What it shows.
        ticks: Values that are labelled; the first and the last are the axis's ends.
        logarithmic: Whether equal factors are equally long.
        digits: Decimals of the labels.
    """

    title: str
    ticks: Sequence[float]
    logarithmic: bool = False
    digits: int = 0

    def share(self, value: float) -> float:
        """Where `value` lies between the ends, 0 to 1."""
        low, high, at = (self._scaled(v) for v in (self.ticks[0], self.ticks[-1], value))
        return min(max((at - low) / (high - low), 0.0), 1.0)

    def _scaled(self, value: float) -> float:
        return math.log(value) if self.logarithmic else value


def line_chart(lines: Sequence[Line], *, x: Axis, y: Axis, label: str) -> str:
    """The chart as SVG text; its legend is the page's.

    Args:
        lines: Drawn in this order.
        x: The horizontal axis.
        y: The vertical axis.
        label: What the chart shows, for those who cannot see it.
    """
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(label)}">',
        *_horizontals(y),
        *_verticals(x),
        *(part for line in lines for part in _line(line, x, y)),
        "</svg>",
    ]
    return "\n".join(parts)


def even_ticks(highest: float) -> list[float]:
    """Three to seven round values from 0 to `highest` or a little more."""
    if highest <= 0:
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(highest))
    steps = (magnitude * factor / 10 for factor in (1, 2, 2.5, 5, 10, 20, 25, 50))
    step = next(step for step in steps if highest / step <= 6)
    return [round(n * step, 10) for n in range(math.ceil(highest / step - 1e-9) + 1)]


def _horizontals(axis: Axis) -> list[str]:
    parts = []
    for tick in axis.ticks:
        y = _y(axis, tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(
            f'<text x="{_LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{tick:.{axis.digits}f}</text>'
        )
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text class="title" transform="translate(14 {middle:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(axis.title)}</text>'
    )
    return parts


def _verticals(axis: Axis) -> list[str]:
    base = _HEIGHT - _BOTTOM
    parts = [f'<line class="base" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>']
    for tick in axis.ticks:
        x = _x(axis, tick)
        parts.append(f'<line class="base" x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}"/>')
        parts.append(
            f'<text x="{x}" y="{base + 18}" text-anchor="middle">{tick:.{axis.digits}f}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text class="title" x="{middle:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f"{escape(axis.title)}</text>"
    )
    return parts


def _line(line: Line, x: Axis, y: Axis) -> list[str]:
    points = [(_x(x, at), _y(y, value)) for at, value in line.points]
    path = " ".join(f"{at},{value}" for at, value in points)
    dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
    parts = [
        f'<polyline points="{path}" fill="none" stroke="{line.colour}" '
        f'stroke-width="{line.width:g}" stroke-linejoin="round"{dash}>'
        f"<title>{escape(line.label)}</title></polyline>"
    ]
    if line.dots:
        parts += [
            f'<circle cx="{at}" cy="{value}" r="2.6" fill="{line.colour}"/>' for at, value in points
        ]
    return parts


def _x(axis: Axis, value: float) -> float:
    return round(_LEFT + axis.share(value) * (_WIDTH - _LEFT - _RIGHT), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_HEIGHT - _BOTTOM - axis.share(value) * (_HEIGHT - _TOP - _BOTTOM), 1)
