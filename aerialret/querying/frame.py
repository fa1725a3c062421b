"""Frames of scanned photographs: a picture goes in, where it shows the ground comes out.

A side has a frame where its outermost pixels are nearly of one colour, very dark or very bright,
and where that colour ends along one straight line, as an enlarger's mask or a scanner's bed does
and as water, forest and snow do not. Marks and letters inside the frame interrupt the line in some
columns only. What lies beyond the line at rounded corners is followed by its colour.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid

_Grey = NDArray[np.float32]

MOST_FRAMES = 3
"""Frames inside each other: the scanner's bed, the paper's margin, the film's mask."""

_DARK, _BRIGHT = 48.0, 208.0  # a frame is darker or brighter, from 0 to 255
_PURE_DARK, _PURE_BRIGHT, _PURE_SPREAD = 10.0, 245.0, 3.0
_LEAST_SIDES = 3  # of a frame that is not purely black or white
_LEAST_ON_EDGE = 0.85  # share of the outermost pixels that have the frame's colour
_LEAST_ON_LINE = 0.6  # share of the columns whose frame ends on the line
_LEAST_ON_LONE_LINE = 0.8  # likewise, of a frame on one or two sides
_LARGEST_SLOPE = 0.09  # 5 degrees
_DEEPEST = 0.35  # of the picture
_STRIP = 0.15  # of the picture: a strip of data is not broader
_LEAST_ACROSS = 0.92  # share of a line of the frame's colour that closes off a strip
_CORNER = 0.15  # of the picture's shorter side: corners are not rounded beyond
_MARK = 0.05  # likewise: fiducial marks do not reach in farther
_LEAST_PX = 48  # on a side: smaller pictures are no scans
_LEAST_CONTENT = 0.2  # of the picture


@dataclass(frozen=True, slots=True)
class _Side:
    """The frame along the upper side: the picture begins at row `depth + slope * (col - centre)`.

    Attributes:
        depth: In pixels, at the middle of the side.
        slope: Rows for each column.
        on_line: Share of the columns that agree.
        pure: Whether it is purely black or white.
        near: bool [h, w], what has its colour.
    """

    depth: float
    slope: float
    on_line: float
    pure: bool
    near: Valid

    def inside(self) -> Valid:
        """What lies below the line: bool [h, w]."""
        height, width = self.near.shape
        line = self.depth + self.slope * (np.arange(width) - (width - 1) / 2)
        below: Valid = np.arange(height)[:, None] >= line
        return below


def find_content(image: Image) -> Valid | None:
    """Where the picture shows the ground: bool [h, w]; None where it has no frame.

    Args:
        image: uint8 [3, h, w]; pictures reduced to about 1000 pixels show their frames best.
    """
    grey = _smooth(image)
    content = np.ones(grey.shape, bool)
    rows, cols = slice(0, grey.shape[0]), slice(0, grey.shape[1])
    found = False
    for _ in range(MOST_FRAMES):
        inner = _inside_frame(grey[rows, cols])
        if inner is None:
            break
        found = True
        content[rows, cols] &= inner
        outside = np.ones_like(content)
        outside[rows, cols] = False
        content &= ~outside
        top, left, bottom, right = upright_box(inner)
        rows = slice(rows.start + top, rows.start + bottom)
        cols = slice(cols.start + left, cols.start + right)
    return _shrunk(content) if found and content.mean() >= _LEAST_CONTENT else None


def upright_box(content: Valid) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (half-open) of a rectangle that is content nearly throughout.

    Whichever side of the rectangle has the least content moves inwards, until all have enough.
    """
    rows, cols = np.flatnonzero(content.any(axis=1)), np.flatnonzero(content.any(axis=0))
    if not len(rows):
        return 0, 0, 0, 0
    top, bottom, left, right = rows[0], rows[-1] + 1, cols[0], cols[-1] + 1
    while bottom - top > 1 and right - left > 1:
        box = content[top:bottom, left:right]
        shares = [box[0].mean(), box[:, 0].mean(), box[-1].mean(), box[:, -1].mean()]
        worst = int(np.argmin(shares))
        if shares[worst] >= _LEAST_ACROSS:
            break
        top, left = top + (worst == 0), left + (worst == 1)
        bottom, right = bottom - (worst == 2), right - (worst == 3)
    return int(top), int(left), int(bottom), int(right)


def _smooth(image: Image) -> _Grey:
    """The luma without grain: float32 [h, w]."""
    grey = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
    size = 5 if min(grey.shape) >= 200 else 3
    return np.asarray(cv2.medianBlur(grey, size), np.float32)


def _inside_frame(grey: _Grey) -> Valid | None:
    """What one frame encloses; None where there is none."""
    if min(grey.shape) < _LEAST_PX:
        return None
    found = _sides(grey)
    if not found:
        return None
    inside = np.ones(grey.shape, bool)
    near = np.zeros(grey.shape, bool)
    for turns, side in found.items():
        inside &= np.rot90(side.inside(), -turns)
        near |= np.rot90(side.near, -turns)
    return inside & ~_reaching_in(inside, near)


def _sides(grey: _Grey) -> dict[int, _Side]:
    """The sides that have a frame, by the quarter turns that bring them up."""
    sides = {turns: _side(np.rot90(grey, turns)) for turns in range(4)}
    found = {turns: side for turns, side in sides.items() if side is not None}
    if len(found) >= _LEAST_SIDES:
        slope = float(np.median([side.slope for side in found.values()]))
        for turns in set(sides) - set(found):
            side = _side(np.rot90(grey, turns), slope=slope)
            found |= {turns: side} if side else {}
        return found
    return {
        turns: side
        for turns, side in found.items()
        if side.pure and side.on_line >= _LEAST_ON_LONE_LINE
    }


def _side(grey: _Grey, *, slope: float | None = None) -> _Side | None:
    """The frame along the upper side of the picture.

    Args:
        grey: float32 [h, w].
        slope: Known from the other sides, where letters hide the line of this one.
    """
    height = grey.shape[0]
    edge = grey[:2]
    colour = float(np.median(edge))
    spread = 1.4826 * float(np.median(np.abs(edge - colour)))
    if _DARK < colour < _BRIGHT:
        return None
    near = np.abs(grey - colour) <= np.clip(6 + 3 * spread, 10, 28)
    if near[:2].mean() < _LEAST_ON_EDGE:
        return None
    depth, on_line = 0.0, 1.0
    if slope is None:
        depths = np.where(near.all(axis=0), height, near.argmin(axis=0)).astype(np.float64)
        depth, slope, on_line = _line(depths)
    depth = _beyond_strip(near, depth, slope)
    if on_line < _LEAST_ON_LINE or not 1.5 <= depth <= _DEEPEST * height:
        return None
    pure = (colour <= _PURE_DARK or colour >= _PURE_BRIGHT) and spread <= _PURE_SPREAD
    return _Side(depth, slope, on_line, pure, near)


def _line(depths: NDArray[np.float64]) -> tuple[float, float, float]:
    """The line that most columns end on: its depth in the middle, its slope, and their share."""
    across = np.arange(len(depths)) - (len(depths) - 1) / 2
    tolerance = 1.5 + 0.002 * len(depths)
    count = 2 * int(np.ceil(_LARGEST_SLOPE * len(depths) / 2)) + 1
    best = (0.0, 0.0, 0)
    for slope in np.linspace(-_LARGEST_SLOPE, _LARGEST_SLOPE, count):
        level = depths - slope * across
        bins, counts = np.unique(np.round(level / tolerance), return_counts=True)
        if counts.max() > best[2]:
            best = float(bins[counts.argmax()] * tolerance), float(slope), int(counts.max())
    depth, slope = best[:2]
    for _ in range(2):
        near = np.abs(depths - depth - slope * across) <= tolerance
        if near.sum() >= 2:
            slope, depth = map(float, np.polyfit(across[near], depths[near], 1))
    near = np.abs(depths - depth - slope * across) <= tolerance
    return depth, slope, float(near.mean())


def _beyond_strip(near: Valid, depth: float, slope: float) -> float:
    """The depth beyond a strip of clocks and letters that a line of the frame's colour closes."""
    height, width = near.shape
    line = depth + slope * (np.arange(width) - (width - 1) / 2)
    for step in range(int(_STRIP * height), 2, -1):
        rows = np.round(line + step).astype(int)
        if near[rows.clip(0, height - 1), np.arange(width)].mean() >= _LEAST_ACROSS:
            return depth + step + 1
    return depth


def _reaching_in(inside: Valid, near: Valid) -> Valid:
    """Rounded corners and fiducial marks: what hangs together with the frame, by its colour."""
    rows, cols = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return np.zeros_like(inside)
    side = min(inside.shape)
    corner, mark = round(_CORNER * side), round(_MARK * side)
    zone = _ends(rows, inside.shape[0], corner)[:, None] & _ends(cols, inside.shape[1], corner)
    zone |= _ends(rows, inside.shape[0], mark)[:, None] | _ends(cols, inside.shape[1], mark)
    labels = cv2.connectedComponents((~inside | near & zone).astype(np.uint8), connectivity=4)[1]
    joined = np.isin(labels, np.unique(labels[~inside]))
    kernel = np.ones((mark | 1, mark | 1), np.uint8)  # closes over the cross in a mark
    closed = cv2.morphologyEx(joined.astype(np.uint8), cv2.MORPH_CLOSE, kernel)
    return (joined | np.asarray(closed, bool) & zone) & inside


def _ends(held: NDArray[np.int64], length: int, reach: int) -> NDArray[np.bool_]:
    """Bool [length]: outside of `held` (sorted), and within `reach` of its ends."""
    ends = np.ones(length, bool)
    ends[held[0] + reach : held[-1] + 1 - reach] = False
    return ends


def _shrunk(content: Valid) -> Valid:
    """`content` without its outermost pixels, in which picture and frame mix."""
    reach = 1 + round(0.002 * min(content.shape))
    padded = np.pad(content, 1, mode="edge").astype(np.uint8)
    kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    shrunk = cv2.erode(padded, kernel, borderType=cv2.BORDER_REPLICATE)[1:-1, 1:-1]
    return np.asarray(shrunk, bool)
