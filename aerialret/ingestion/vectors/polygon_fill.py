"""Polygons to pixels: areas as flat arrays go in, their codes are drawn into a mask.

The rule is that of GDAL's polygon filler, pixel for pixel (tests compare them): a pixel belongs to
an area that holds its centre; crossings of a row are counted at the row's middle, and the lower
edges of a ring that run along a row's middle belong to the area.
"""

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.compiled import compiled
from aerialret.ingestion.vectors.areas import Areas
from aerialret.tiles.arrays import Mask
from aerialret.tiles.grid import Bounds


def draw_areas(mask: Mask, areas: Areas, chosen: NDArray[np.int64], *, bounds: Bounds) -> None:
    """Draws the chosen areas, one over the other, into the mask of a rectangle.

    Args:
        mask: uint8 [height, width].
        areas: The areas.
        chosen: Which of them, the lowest first.
        bounds: The rectangle in the CRS of the areas.
    """
    height, width = mask.shape
    step_x, step_y = bounds.width / width, -bounds.height / height
    _draw(
        mask, areas.codes, areas.rings, areas.points, areas.xy, chosen,
        -bounds.left / step_x, 1 / step_x, -bounds.top / step_y, 1 / step_y,
    )  # fmt: skip


@compiled
def _draw(mask, codes, rings, points, xy, chosen, x0, dx, y0, dy):  # type: ignore[no-untyped-def]
    height, width = mask.shape
    crossings = np.empty(64, np.float64)
    begins = np.zeros(height + 1, np.int64)
    used = np.zeros(height, np.int64)
    for index in chosen:
        code = codes[index]
        first, last = points[rings[index]], points[rings[index + 1]]
        top, bottom = np.inf, -np.inf
        for point in range(first, last):
            y = y0 + xy[point, 1] * dy
            top, bottom = min(top, y), max(bottom, y)
        low = max(0, int(np.ceil(max(top, -1.0) - 0.5)))
        high = min(height, int(np.floor(min(bottom, height + 1.0) + 0.5)) + 1)
        if low >= high:
            continue
        for row in range(low, high + 1):
            begins[row] = 0
        for ring in range(rings[index], rings[index + 1]):
            for point in range(points[ring], points[ring + 1] - 1):
                start, stop = _rows_crossed(xy, point, y0, dy, low, high)
                for row in range(start, stop):
                    begins[row + 1] += 1
        begins[low] = 0
        for row in range(low, high):
            begins[row + 1] += begins[row]
            used[row] = begins[row]
        if begins[high] > len(crossings):
            crossings = np.empty(2 * begins[high], np.float64)
        for ring in range(rings[index], rings[index + 1]):
            for point in range(points[ring], points[ring + 1] - 1):
                ya, yb = y0 + xy[point, 1] * dy, y0 + xy[point + 1, 1] * dy
                xa, xb = x0 + xy[point, 0] * dx, x0 + xy[point + 1, 0] * dx
                if ya == yb:
                    row = int(np.floor(max(min(ya, 1e9), -1e9)))
                    on_middle = row >= low and row < high and row + 0.5 == ya
                    if on_middle and (xa < xb) == _is_anticlockwise(xy, points, ring):
                        _fill(mask, row, min(xa, xb), max(xa, xb), width, code)
                    continue
                if ya > yb:
                    xa, ya, xb, yb = xb, yb, xa, ya
                start, stop = _rows_crossed(xy, point, y0, dy, low, high)
                for row in range(start, stop):
                    crossings[used[row]] = (row + 0.5 - ya) * (xb - xa) / (yb - ya) + xa
                    used[row] += 1
        for row in range(low, high):
            inside = crossings[begins[row] : begins[row + 1]]
            _sort(inside)
            for pair in range(0, len(inside) - 1, 2):
                _fill(mask, row, inside[pair], inside[pair + 1], width, code)


@compiled
def _rows_crossed(xy, point, y0, dy, low, high):  # type: ignore[no-untyped-def]
    """The rows, half-open, whose middle a piece of outline crosses: its upper end takes part."""
    ya, yb = y0 + xy[point, 1] * dy, y0 + xy[point + 1, 1] * dy
    if ya > yb:
        ya, yb = yb, ya
    if yb <= low or ya >= high:
        return low, low
    start = max(low, int(np.ceil(max(ya, -1.0) - 0.5)))
    stop = min(high, int(np.ceil(min(yb, high + 1.0) - 0.5)))
    return start, stop


@compiled
def _is_anticlockwise(xy, points, ring):  # type: ignore[no-untyped-def]
    """Whether a ring's inside lies to its left, in coordinates that grow northwards."""
    first = points[ring]
    doubled = 0.0
    for point in range(first, points[ring + 1] - 1):
        xa, ya = xy[point, 0] - xy[first, 0], xy[point, 1] - xy[first, 1]
        xb, yb = xy[point + 1, 0] - xy[first, 0], xy[point + 1, 1] - xy[first, 1]
        doubled += xa * yb - xb * ya
    return doubled > 0


@compiled
def _fill(mask, row, left, right, width, code):  # type: ignore[no-untyped-def]
    start = int(max(0.0, np.floor(max(left, -1.0) + 0.5)))
    stop = int(min(float(width), np.floor(min(right, width + 1.0) + 0.5)))
    for col in range(start, stop):
        mask[row, col] = code


@compiled
def _sort(values):  # type: ignore[no-untyped-def]
    """Sorts a few numbers where they are."""
    if len(values) > 32:
        values.sort()
        return
    for place in range(1, len(values)):
        value = values[place]
        below = place - 1
        while below >= 0 and values[below] > value:
            values[below + 1] = values[below]
            below -= 1
        values[below + 1] = value
