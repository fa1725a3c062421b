"""The overview: an index and outlines of photos go in, a map of where they lie comes out as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from aerialret.pages.swipe import length_text, place_text, polygon_points, round_length
from aerialret.retrieval.index_store import Index

_WIDTH, _LEAST_WIDTH, _MOST_HEIGHT = 960.0, 320.0, 640.0
_PAD = 14.0
_FOOT = 34.0  # for the scale bar
_MOST_CELLS = 240
_SMALL_PX = 10.0  # smaller outlines get a dot
_ROOMY_PX = 32.0  # larger ones hold their number
_MOST_NUMBERS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """A photo on the overview.

    Attributes:
        number: Its place on the page.
        title: What it is.
        css: Its look: found, unsure or absent.
        outline: float64 [n, 2], x and y on the map.
    """

    number: int
    title: str
    css: str
    outline: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Frame:
    """From the map to the drawing; its width and height in pixels, without the scale bar."""

    left: float
    top: float
    scale: float
    width: float
    height: float

    def drawn(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of the map (float64 [n, 2]) in the drawing."""
        return (points - [self.left, self.top]) * [self.scale, -self.scale] + _PAD


def overview_map(footprints: Sequence[Footprint], index: Index) -> str:
    """The ground of the index in grey, the photos where they lie, each a link to its answers."""
    frame = _frame(footprints, index)
    height = frame.height + _FOOT
    parts = [
        f'<svg class="overview" viewBox="0 0 {frame.width:.0f} {height:.0f}" role="group" '
        f'style="max-width: {frame.width:.0f}px" '
        f'aria-label="Map of where the photos lie, north up">',
        f'<path class="ground" d="{_ground(index, frame)}"/>',
        # What was found lies on top of what was not.
        *(_drawn(each, frame, numbered=len(footprints) <= _MOST_NUMBERS)
          for each in sorted(footprints, key=lambda each: each.css == "found")),
        *_scale_bar(frame, height),
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts)


def extent_text(index: Index) -> str:
    """The corners of the index's ground, and its system."""
    left, bottom, right, top = index.tiles.total_bounds
    return f"{place_text(left, top)} to {place_text(right, bottom)} ({index.grid.crs})"


def _frame(footprints: Sequence[Footprint], index: Index) -> _Frame:
    bounds = np.asarray(index.tiles.total_bounds, np.float64)
    points = np.concatenate([bounds.reshape(2, 2), *(each.outline for each in footprints)])
    low, high = points.min(axis=0), points.max(axis=0)
    across, down = high - low
    scale = min((_WIDTH - 2 * _PAD) / across, (_MOST_HEIGHT - 2 * _PAD) / down)
    width, height = (float(side) * scale + 2 * _PAD for side in (across, down))
    return _Frame(float(low[0]), float(high[1]), scale, max(width, _LEAST_WIDTH), height)


def _ground(index: Index, frame: _Frame) -> str:
    """The index's tiles as runs of coarse cells, so that millions of them stay small."""
    left, bottom, right, top = index.tiles.total_bounds
    side = max(index.grid.tile_size_m, max(right - left, top - bottom) / _MOST_CELLS)
    bounds = index.tiles.geometry.bounds.to_numpy()
    centres = (bounds[:, :2] + bounds[:, 2:]) / 2
    cols = np.floor((centres[:, 0] - left) / side).astype(int)
    rows = np.floor((top - centres[:, 1]) / side).astype(int)
    held = np.zeros((rows.max() + 1, cols.max() + 2), np.int8)
    held[rows, cols] = 1
    edges = np.diff(held, axis=1, prepend=0)
    runs = []
    for row, (starts, ends) in enumerate(zip(edges == 1, edges == -1, strict=True)):
        for start, end in zip(np.flatnonzero(starts), np.flatnonzero(ends), strict=True):
            x, y = frame.drawn(np.array([[left + start * side, top - row * side]]))[0]
            width, height = (end - start) * side * frame.scale, side * frame.scale
            runs.append(f"M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h-{width:.1f}z")
    return "".join(runs)


def _drawn(footprint: Footprint, frame: _Frame, *, numbered: bool) -> str:
    ring = frame.drawn(footprint.outline)
    x, y = ring.mean(axis=0)
    parts = [f'<polygon points="{polygon_points(ring)}"/>']
    side = float((ring.max(axis=0) - ring.min(axis=0)).max())
    if side < _SMALL_PX:
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_SMALL_PX / 2:g}"/>')
    if numbered:
        above = y + 4 if side > _ROOMY_PX else y - max(side, _SMALL_PX) / 2 - 4
        parts.append(f'<text x="{x:.1f}" y="{above:.1f}">{footprint.number}</text>')
    title = escape(footprint.title)
    return (
        f'<a href="#p{footprint.number}" class="{footprint.css}" aria-label="{title}">'
        f"<title>{title}</title>{''.join(parts)}</a>"
    )


def _scale_bar(frame: _Frame, height: float) -> list[str]:
    length_m = round_length(0.25 * (frame.width - 2 * _PAD) / frame.scale)
    length, y, right = length_m * frame.scale, height - 12, frame.width - _PAD
    return [
        f'<path class="bar" d="M{_PAD:g} {y - 6:.1f}v6h{length:.1f}v-6"/>',
        f'<text class="bar" x="{_PAD + length + 8:.1f}" y="{y:.1f}">{length_text(length_m)}</text>',
        f'<text class="bar" x="{right:.0f}" y="{y:.1f}" text-anchor="end">↑ north</text>',
    ]
