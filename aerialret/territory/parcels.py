"""Dividing land: in go the blocks between roads and waters, out come parcels and the cuts."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.features import Features, concatenate, polygon_parts, table
from aerialret.territory.shapes import long_side

ESTATE_M2 = 130_000.0
"""Pieces below this area are tilled by one owner after another; above it, tracks divide them."""

_DEEPEST = 16
_SMALLEST_M2 = 60.0

Targets = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Parcels and the lines that divide them.

    Attributes:
        parcels: Polygons with `block`, the position of the polygon they lie in, and `holding`, a
            number that parcels share which were cut from one piece of at most ESTATE_M2.
        cuts: Lines with `area_m2` of the piece that they cut, and its `holding`, -1 above.
    """

    parcels: Features
    cuts: Features


def blocks_between(lines: NDArray[np.object_], domain: shapely.Polygon) -> NDArray[np.object_]:
    """The polygons into which lines cut the domain."""
    noded = shapely.union_all([*lines, domain.exterior])
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    faces = faces[shapely.intersects(domain, shapely.point_on_surface(faces))]
    return polygon_parts(faces, smallest_m2=_SMALLEST_M2)


def divide(
    blocks: NDArray[np.object_],
    *,
    target_area_m2: Targets,
    rng: np.random.Generator,
    longest_strip: float = 3.5,
    skew: float = 0.05,
) -> Division:
    """Cuts blocks in two, again and again, until they are near the wanted area.

    Args:
        blocks: Polygons.
        target_area_m2: Points [n, 2] -> the wanted areas [n].
        rng: Where the cuts come from.
        longest_strip: Parcels become strips up to this ratio of length to width.
        skew: Standard deviation of a cut's angle in radians.
    """
    pending, block = _polygons(blocks)
    holding = np.full(len(pending), -1)
    leaves: list[Features] = [_leaves(pending[:0], block[:0], holding[:0])]
    cuts: list[Features] = [table([], area_m2=np.empty(0), holding=np.empty(0, int))]
    holdings = 0
    for depth in range(_DEEPEST):
        area = shapely.area(pending)
        fresh = (holding < 0) & (area <= ESTATE_M2)
        holding[fresh] = holdings + np.arange(int(fresh.sum()))
        holdings += int(fresh.sum())
        centre = shapely.get_coordinates(shapely.centroid(pending))
        wanted = target_area_m2(centre) * rng.uniform(0.8, 1.7, len(pending))
        done = (area <= wanted) | (depth == _DEEPEST - 1)
        leaves.append(_leaves(pending[done], block[done], holding[done]))
        pending, block, holding, area = pending[~done], block[~done], holding[~done], area[~done]
        if not len(pending):
            break
        strip = np.where(area < 90_000, rng.uniform(1.0, longest_strip, len(pending)), 1.1)
        halves, owner, lines = _cut(pending, strip=strip, skew=skew, rng=rng)
        cuts.append(table(lines, area_m2=area, holding=holding))
        pending, block, holding = halves, block[owner], holding[owner]
    return Division(parcels=concatenate(leaves), cuts=concatenate(cuts))


def _polygons(blocks: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.intp]]:
    parts, owner = shapely.get_parts(blocks, return_index=True)
    keep = (shapely.get_type_id(parts) == shapely.GeometryType.POLYGON) & (
        shapely.area(parts) >= _SMALLEST_M2
    )
    return parts[keep], owner[keep]


def _leaves(
    shapes: NDArray[np.object_], block: NDArray[np.intp], holding: NDArray[np.intp]
) -> Features:
    return table(shapes, block=block, holding=holding)


def _cut(
    polygons: NDArray[np.object_],
    *,
    strip: NDArray[np.float64],
    skew: float,
    rng: np.random.Generator,
) -> tuple[NDArray[np.object_], NDArray[np.intp], NDArray[np.object_]]:
    """The halves, the polygon that each comes from, and the line of each cut."""
    centre, angle, size = long_side(polygons)
    across = size[:, 0] >= strip * size[:, 1]
    along = np.where(across, size[:, 0], size[:, 1])
    normal = np.where(across, angle, angle + np.pi / 2)
    offset = rng.uniform(-0.13, 0.13, len(polygons)) * along
    at = centre + offset[:, None] * _unit(normal)
    n = _unit(normal + rng.normal(0, skew, len(polygons)))
    reach = 2.0 * size[:, :1] + 10
    w = np.column_stack([-n[:, 1], n[:, 0]]) * reach
    sides = []
    for sign in (1.0, -1.0):
        far = sign * n * reach
        ring = np.stack([at - w, at + w, at + w + far, at - w + far, at - w], axis=1)
        sides.append(shapely.intersection(polygons, shapely.polygons(ring)))
    halves, owner = _polygons(np.concatenate(sides))
    lines = shapely.intersection(polygons, shapely.linestrings(np.stack([at - w, at + w], axis=1)))
    return halves, owner % len(polygons), lines


def _unit(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.column_stack([np.cos(angle), np.sin(angle)])
