"""Drawing with chance: lines that wander, blobs, rectangles set at an angle."""

import math
from itertools import pairwise

import numpy as np
import shapely
import shapely.ops
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Geometries = NDArray[np.object_]


def wandering_line(
    start: ArrayLike,
    end: ArrayLike,
    *,
    amplitude_m: float,
    rng: np.random.Generator,
    step_m: float = 35.0,
    bends: tuple[int, int] = (1, 6),
    decay: float = 0.8,
    pinned: bool = True,
) -> shapely.LineString:
    """A line from `start` to `end` that swings to both sides.

    Args:
        start: Its first point.
        end: Its last point.
        amplitude_m: How far it swings.
        rng: Where the bends come from.
        step_m: Distance of its vertices.
        bends: The numbers of half waves between which it swings.
        decay: How much weaker short bends are than long ones.
        pinned: Whether it begins and ends exactly in the two points.
    """
    first, last = np.asarray(start, float), np.asarray(end, float)
    length = float(np.hypot(*(last - first)))
    t = np.linspace(0, 1, max(int(length / step_m), 3) + 1)
    waves = np.arange(bends[0], bends[1] + 1)
    weights = rng.standard_normal(len(waves)) / waves**decay
    phases = np.zeros(len(waves)) if pinned else rng.uniform(0, 2 * math.pi, len(waves))
    swing = np.sin(math.pi * np.outer(t, waves) + phases) @ weights
    normal = np.array([first[1] - last[1], last[0] - first[0]]) / max(length, 1e-9)
    swing = amplitude_m * swing / max(float(np.abs(weights).sum()) * 0.6, 1e-9)
    return shapely.LineString(first + np.outer(t, last - first) + np.outer(swing, normal))


def blob(
    centre: ArrayLike, *, radius_m: float, rng: np.random.Generator, roughness: float = 0.25
) -> shapely.Polygon:
    """A round, lobed polygon of about this radius."""
    angle = np.linspace(0, 2 * math.pi, 28, endpoint=False)
    waves = np.arange(2, 7)
    phase = rng.uniform(0, 2 * math.pi, len(waves))
    weight = roughness * rng.standard_normal(len(waves)) / np.sqrt(waves)
    lobes = 1 + np.sin(np.outer(angle, waves) + phase) @ weight
    stretch = rng.uniform(0.65, 1.0)
    turn = rng.uniform(0, math.pi)
    x = radius_m * np.clip(lobes, 0.35, 2.0) * np.cos(angle)
    y = radius_m * np.clip(lobes, 0.35, 2.0) * np.sin(angle) * stretch
    turned = np.column_stack(
        [x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)]
    )
    return shapely.Polygon(np.asarray(centre, float) + turned)


def rectangles(
    centres: Points, *, angle: ArrayLike, length_m: ArrayLike, depth_m: ArrayLike
) -> Geometries:
    """Polygons [n]: rectangles whose long side points along `angle` (radians, east is 0)."""
    return quads(
        centres, angle=angle, along=(-0.5, 0.5), across=(-0.5, 0.5), size=(length_m, depth_m)
    )


def quads(
    centres: Points,
    *,
    angle: ArrayLike,
    along: tuple[float, float],
    across: tuple[float, float],
    size: tuple[ArrayLike, ArrayLike],
) -> Geometries:
    """Polygons [n]: the part of each rectangle between these shares of its length and depth."""
    count = len(centres)
    angles = np.broadcast_to(np.asarray(angle, float), count)
    length = np.broadcast_to(np.asarray(size[0], float), count)
    depth = np.broadcast_to(np.asarray(size[1], float), count)
    u = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    v = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    corners = [
        (along[0], across[0]),
        (along[1], across[0]),
        (along[1], across[1]),
        (along[0], across[1]),
    ]
    ring = np.stack(
        [
            centres + u * (a * length)[:, None] + v * (b * depth)[:, None]
            for a, b in [*corners, corners[0]]
        ],
        axis=1,
    )
    return np.asarray(shapely.polygons(ring), object) if count else np.empty(0, object)


def long_side(polygons: Geometries) -> tuple[Points, NDArray[np.float64], Points]:
    """Centre [n, 2], angle [n] and size [n, 2] (long, short) of each smallest rectangle around."""
    box = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(-1, 5, 2)
    first, second = box[:, 1] - box[:, 0], box[:, 2] - box[:, 1]
    a, b = np.hypot(*first.T), np.hypot(*second.T)
    axis = np.where((a >= b)[:, None], first, second)
    angle = np.arctan2(axis[:, 1], axis[:, 0])
    return box[:, :4].mean(axis=1), angle, np.column_stack([np.maximum(a, b), np.minimum(a, b)])


def smoothed(line: shapely.LineString, *, rounds: int = 2) -> shapely.LineString:
    """The line with its corners cut (Chaikin), its ends kept."""
    points = np.asarray(line.coords)[:, :2]
    for _ in range(rounds):
        cut = np.empty((2 * len(points) - 2, 2))
        cut[0::2] = 0.75 * points[:-1] + 0.25 * points[1:]
        cut[1::2] = 0.25 * points[:-1] + 0.75 * points[1:]
        points = np.vstack([points[:1], cut[1:-1], points[-1:]])
    return shapely.LineString(points)


def pieces(line: shapely.LineString, *, longest_m: float) -> list[shapely.LineString]:
    """The line cut into equal pieces that are not longer than `longest_m`."""
    count = max(math.ceil(line.length / longest_m), 1)
    if count == 1:
        return [line]
    ends = np.linspace(0, line.length, count + 1)
    return [substring(line, a, b) for a, b in pairwise(ends.tolist())]


def substring(line: shapely.LineString, start_m: float, end_m: float) -> shapely.LineString:
    """The line between two distances from its start, which must differ."""
    part = shapely.ops.substring(line, start_m, end_m)
    assert isinstance(part, shapely.LineString)
    return part
