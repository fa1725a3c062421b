"""Buildings with a name: in go settlements and parcels, out come churches, castles, forts."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.buildings import building_table
from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate, geometries
from aerialret.territory.settlements import Settlements
from aerialret.territory.shapes import rectangles

Shape = shapely.Geometry


def churches(settlements: Settlements, parcels: Features, *, rng: np.random.Generator) -> Features:
    """A church, and a town hall beside it, in the parcel nearest to each settlement's centre."""
    built = parcels.take(np.isin(parcels["use"], ("core", "urban", "estate", "park")))
    tables = []
    for one in np.flatnonzero(settlements.inside) if len(built) else []:
        xy, town = settlements.xy[one], settlements.town[one]
        gap = shapely.distance(built.geometry, shapely.Point(xy))
        block = built.geometry[int(np.argmin(gap))]
        spot = np.asarray(shapely.maximum_inscribed_circle(block).coords[0])
        scale = 1.35 if town else rng.uniform(0.8, 1.1)
        turn = rng.uniform(-0.4, 0.4)
        tables.append(_one(_church(spot, turn, scale), kind="church", height_m=13.0, roof=2))
        hall = spot + rng.uniform(26, 34) * np.array([math.cos(turn), math.sin(turn) + 0.6])
        tables.append(_one(_box(hall, turn, 20, 12), kind="town hall", height_m=11.0, roof=2))
    return concatenate(tables) if tables else building_none()


def scattered(config: TerritoryConfig, parcels: Features, *, rng: np.random.Generator) -> Features:
    """Chapels, castles, towers, forts and blockhouses, each on a parcel of its own."""
    plan = (
        ("chapel", 0.30, ("meadow", "crop")),
        ("castle", 0.12, ("park", "meadow")),
        ("tower", 0.16, ("broadleaf", "meadow", "crop")),
        ("fort", 0.07, ("broadleaf", "meadow", "crop")),
        ("blockhouse", 0.6, ("crop", "meadow", "broadleaf")),
    )
    inside = shapely.contains(config.frame, parcels.geometry) & (
        shapely.area(parcels.geometry) > 6000
    )
    tables = [building_none()]
    for kind, each_km2, uses in plan:
        pool = np.flatnonzero(inside & np.isin(parcels["use"], uses))
        count = min(len(pool), max(round(each_km2 * config.area_km2), int(kind == "blockhouse")))
        chosen = rng.choice(pool, count, replace=False) if count else pool[:0]
        tables += [_scattered_one(parcels.geometry[i], kind=kind, rng=rng) for i in chosen]
    return concatenate(tables)


def _scattered_one(parcel: shapely.Polygon, *, kind: str, rng: np.random.Generator) -> Features:
    spot = np.asarray(shapely.maximum_inscribed_circle(parcel).coords[0])
    turn = rng.uniform(0, math.pi)
    if kind == "chapel":
        return _one(_box(spot, turn, 14, 8), kind=kind, height_m=8.0, roof=0)
    if kind == "castle":
        return _one(_castle(spot, turn, rng.uniform(34, 52)), kind=kind, height_m=15.0, roof=2)
    if kind == "tower":
        keep = shapely.Point(spot).buffer(rng.uniform(5, 9))
        return _one(keep, kind=kind, height_m=24.0, roof=4)
    if kind == "fort":
        return _one(_star(spot, turn, rng.uniform(42, 64)), kind=kind, height_m=6.0, roof=5)
    return _one(_box(spot, turn, 16, 12), kind=kind, height_m=4.0, roof=5)


def building_none() -> Features:
    """No building, with the columns of buildings."""
    empty = np.empty(0)
    return building_table(
        geometries([]), kind="none", height_m=empty, roof=empty.astype(np.intp), shade=empty
    )


def _one(shape: Shape, *, kind: str, height_m: float, roof: int) -> Features:
    return building_table(
        geometries([shape]), kind=kind, height_m=height_m, roof=np.intp(roof), shade=0.0
    )


def _box(centre: NDArray[np.float64], turn: float, length_m: float, depth_m: float) -> Shape:
    box: Shape = rectangles(centre[None], angle=turn, length_m=length_m, depth_m=depth_m)[0]
    return box


def _church(centre: NDArray[np.float64], turn: float, scale: float) -> Shape:
    """A nave with a transept and a square tower at its west end."""
    axis = np.array([math.cos(turn), math.sin(turn)])
    parts = [
        _box(centre, turn, 34 * scale, 12 * scale),
        _box(centre + 8 * scale * axis, turn, 9 * scale, 23 * scale),
        _box(centre - 19 * scale * axis, turn, 9 * scale, 9 * scale),
    ]
    return shapely.union_all(parts)


def _castle(centre: NDArray[np.float64], turn: float, size_m: float) -> Shape:
    """Three wings around a court, a round tower at each end."""
    axis = np.array([math.cos(turn), math.sin(turn)])
    side = np.array([-axis[1], axis[0]])
    half = size_m / 2
    parts = [_box(centre - half * side, turn, size_m, 12.0)]
    for way in (-1, 1):
        end = centre + way * half * axis
        parts.append(_box(end, turn + math.pi / 2, size_m, 11.0))
        parts.append(shapely.Point(end - half * side).buffer(8.5))
    return shapely.union_all(parts)


def _star(centre: NDArray[np.float64], turn: float, radius_m: float) -> Shape:
    """A fort with five bastions around an open court."""
    angle = turn + np.linspace(0, 2 * math.pi, 10, endpoint=False)
    reach = np.where(np.arange(10) % 2 == 0, radius_m, 0.72 * radius_m)
    ring = centre + np.column_stack([np.cos(angle), np.sin(angle)]) * reach[:, None]
    wall = shapely.Polygon(ring)
    return wall.difference(wall.buffer(-0.22 * radius_m))
