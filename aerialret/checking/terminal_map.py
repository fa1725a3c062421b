"""The coverage map in a terminal: rectangles go in, lines of characters come out, north up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.checking.canvas import Canvas, DateGround, named_dates, same_ground
from aerialret.checking.distances import round_distance, spoken_distance
from aerialret.tiles.grid import Bounds

WIDTH = 78
"""Most columns of a map, its frame included."""

_HEIGHT = 20
_CELL_ASPECT = 2.0  # a character is about twice as high as wide
_SOLID, _SOME = 0.5, 0.01

Share = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glyphs:
    """The characters of a map.

    Attributes:
        both: Imagery with vectors.
        imagery: Imagery alone.
        some: Imagery on less than half of the character.
        vectors: Vectors alone.
        missing: A sheet that is missing.
        damaged: A sheet that cannot be used.
        frame: Corners, horizontal and vertical lines.
        bar: Ends and middle of the scale bar.
    """

    both: str
    imagery: str
    some: str
    vectors: str
    missing: str
    damaged: str
    frame: str
    bar: str


UNICODE = Glyphs(
    both="█",
    imagery="▓",
    some="░",
    vectors="·",
    missing="?",
    damaged="!",
    frame="┌┐└┘─│",
    bar="├─┤",
)
ASCII = Glyphs(
    both="#",
    imagery="+",
    some="-",
    vectors=".",
    missing="?",
    damaged="!",
    frame="++++-|",
    bar="|-|",
)


def glyphs_for(encoding: str | None) -> Glyphs:
    """The characters that a terminal of this encoding can show."""
    try:
        "".join((UNICODE.both, UNICODE.imagery, UNICODE.frame, UNICODE.bar)).encode(encoding or "")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def terminal_maps(canvas: Canvas, *, glyphs: Glyphs = UNICODE) -> list[str]:
    """The lines of the maps: one for all dates that show the same ground, else one for each."""
    lines: list[str] = []
    for group in same_ground(canvas):
        title = named_dates(group, most=_shape(canvas.extent)[1] - 4)
        lines += _map(canvas, _shares(canvas, group[0]), title=title, glyphs=glyphs)
    return lines


def _shares(canvas: Canvas, date: DateGround) -> tuple[Share, ...]:
    """The shares of each character that sheets, missing and damaged ones, and vectors cover."""
    shape = _shape(canvas.extent)
    boxes = (date.cells, date.missing, date.damaged, date.vectors)
    sheets, *others = (_covered(found, canvas.extent, shape) for found in boxes)
    return sheets * date.density, *others


def _shape(extent: Bounds) -> tuple[int, int]:
    """Rows and columns of characters, without the frame."""
    cols = WIDTH - 2
    rows = extent.height / extent.width * cols / _CELL_ASPECT
    if rows > _HEIGHT:
        cols, rows = max(round(cols * _HEIGHT / rows), 1), _HEIGHT
    return max(round(rows), 1), cols


def _covered(boxes: Sequence[Bounds], extent: Bounds, shape: tuple[int, int]) -> Share:
    rows, cols = shape
    total: Share = np.zeros(shape)
    for box in boxes:
        across = _along(box.left - extent.left, box.right - extent.left, extent.width, cols)
        down = _along(extent.top - box.top, extent.top - box.bottom, extent.height, rows)
        (x0, x), (y0, y) = across, down
        total[y0 : y0 + len(y), x0 : x0 + len(x)] += np.outer(y, x)
    return np.minimum(total, 1.0)


def _along(start: float, end: float, length: float, count: int) -> tuple[int, Share]:
    """The first of `count` cells that an interval touches, and the share it covers of each."""
    low, high = (min(max(value / length * count, 0.0), count) for value in (start, end))
    first = min(math.floor(low), count - 1)
    edges = np.arange(first, max(math.ceil(high), first + 1) + 1)
    return first, np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, 1)


def _map(canvas: Canvas, shares: tuple[Share, ...], *, title: str, glyphs: Glyphs) -> list[str]:
    sheets, missing, damaged, vectors = shares
    drawn = np.full(sheets.shape, " ")
    here, there = _shown(sheets), _shown(vectors)
    drawn[there] = glyphs.vectors
    drawn[here & (sheets < _SOLID)] = glyphs.some
    drawn[here & (sheets >= _SOLID)] = glyphs.imagery
    drawn[here & there & (sheets >= _SOLID)] = glyphs.both
    drawn[_shown(missing) & (sheets < _SOLID)] = glyphs.missing
    drawn[_shown(damaged)] = glyphs.damaged
    rows = ["".join(row) for row in drawn]
    width = len(rows[0])
    upper_left, upper_right, lower_left, lower_right, line, side = tuple(glyphs.frame)
    head = f" {title} "[:width] if title else ""
    return [
        f"{upper_left}{head}{line * (width - len(head))}{upper_right}",
        *(f"{side}{row}{side}" for row in rows),
        f"{lower_left}{line * width}{lower_right}",
        *_legend(set("".join(rows)), glyphs),
        _scale(canvas.extent, width, glyphs),
    ]


def _shown(share: Share) -> NDArray[np.bool_]:
    """Where a character is drawn: half covered at least, or a little, far from such a one.

    A little beside a full character is the edge of the same area.
    """
    solid = share >= _SOLID
    near = np.pad(solid, 1)
    near = near[:-2, 1:-1] | near[2:, 1:-1] | near[1:-1, :-2] | near[1:-1, 2:]
    return solid | ((share >= _SOME) & ~near)


def _legend(used: set[str], glyphs: Glyphs) -> list[str]:
    named = (
        (glyphs.both, "imagery and vectors"),
        (glyphs.imagery, "imagery"),
        (glyphs.some, "some imagery"),
        (glyphs.vectors, "vectors"),
        (glyphs.missing, "missing sheet"),
        (glyphs.damaged, "unusable sheet"),
    )
    shown = [f"{glyph} {what}" for glyph, what in named if glyph in used]
    return ["  ".join(shown)] if shown else []


def _scale(extent: Bounds, width: int, glyphs: Glyphs) -> str:
    length = round_distance(extent.width / 4)
    cells = max(round(length / extent.width * width), 2)
    first, middle, last = tuple(glyphs.bar)
    return f"{first}{middle * (cells - 2)}{last} {spoken_distance(length)}, north is up"
