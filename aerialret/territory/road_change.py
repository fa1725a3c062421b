"""Fifteen years on the roads: in go roads, out come a bypass, roundabouts, a widened road."""

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate
from aerialret.territory.noise import stream
from aerialret.territory.roads import road_table
from aerialret.territory.settlements import Settlements
from aerialret.territory.shapes import smoothed
from aerialret.territory.waterways import LARGE_KM2
from aerialret.territory.world import World


def change_roads(config: TerritoryConfig, world: World, *, streets: Features) -> Features:
    """The roads of the second date."""
    rng = stream(config.seed, "road change")
    before = world.roads
    chance = rng.random(len(before))
    kind, width = before["kind"].astype("U12"), before["width_m"].copy()
    kind[(before["kind"] == "track") & (chance < 0.08)] = "gravel"
    paved = (before["kind"] == "gravel") & (chance < 0.10)
    kind[paved], width[paved] = "lane", np.maximum(width[paved], 3.6)
    ploughed = np.isin(before["kind"], ("track", "path")) & (chance > 0.92)
    kept = before.with_columns(kind=kind, width_m=width).take(~ploughed)
    kept = _widened(config, kept, rng)
    bypasses = _bypasses(config, world, rng)
    rings = _roundabouts(config, kept, bypasses, rng)
    new_streets = road_table(list(streets.geometry), kind="street", width_m=5.5, lanes=2)
    return concatenate([kept, bypasses, rings, new_streets])


def _widened(config: TerritoryConfig, roads: Features, rng: np.random.Generator) -> Features:
    """The longest main road gets two carriageways' width; on a small territory one gets wider."""
    inside = shapely.length(shapely.intersection(roads.geometry, config.frame))
    order = np.argsort(
        -np.where(np.isin(roads["kind"], ("main", "road")), inside, 0), kind="stable"
    )
    kind, width, lanes = roads["kind"].copy(), roads["width_m"].copy(), roads["lanes"].copy()
    large = config.area_km2 >= LARGE_KM2
    count = 1 + int(config.area_km2 // 120)
    for chosen in order[: 2 * count : 2]:
        kind[chosen] = "dual" if large else kind[chosen]
        width[chosen] = 14.0 if large else width[chosen] + 2.5
        lanes[chosen] = 4 if large else 2
    return roads.with_columns(kind=kind, width_m=width, lanes=lanes)


def _bypasses(config: TerritoryConfig, world: World, rng: np.random.Generator) -> Features:
    """Arcs around settlements from one road to another."""
    lines: list[shapely.LineString] = []
    settlements = world.settlements
    wanted = round(config.area_km2 / 45) if config.area_km2 >= LARGE_KM2 else 0
    order = np.flatnonzero(settlements.inside)
    for one in order[np.argsort(-settlements.radius_m[order], kind="stable")]:
        if len(lines) < wanted:
            line = _arc(settlements, int(one), world.roads.kind("main", "road").geometry, rng)
            if line is not None:
                lines.append(line)
    return road_table(lines, kind="main", width_m=7.5, lanes=2)


def _arc(
    settlements: Settlements, one: int, roads: NDArray[np.object_], rng: np.random.Generator
) -> shapely.LineString | None:
    centre, radius = settlements.xy[one], 1.35 * settlements.radius_m[one] + 40
    ring = shapely.Point(centre).buffer(radius, quad_segs=24).exterior
    crossings = shapely.get_coordinates(shapely.intersection(roads, ring)) - centre
    angles = np.sort(np.arctan2(crossings[:, 1], crossings[:, 0]))
    turns = np.diff(np.append(angles, angles[:1] + 2 * math.pi))
    fit = np.flatnonzero((turns > 1.2) & (turns < 3.3))
    if len(angles) < 2 or not len(fit):
        return None
    start = int(rng.choice(fit))
    turn = angles[start] + np.linspace(0, turns[start], 16)
    reach = radius * (1 + 0.1 * np.sin(np.linspace(0, math.pi, 16)))
    return smoothed(
        shapely.LineString(centre + np.column_stack([np.cos(turn), np.sin(turn)]) * reach[:, None])
    )


def _roundabouts(
    config: TerritoryConfig, roads: Features, bypasses: Features, rng: np.random.Generator
) -> Features:
    """Rings at the ends of each bypass and at a few crossroads."""
    ends = [end for line in bypasses.geometry for end in (line.coords[0], line.coords[-1])]
    wide = roads.take(np.isin(roads["kind"], ("main", "road", "dual"))).geometry
    starts = shapely.get_coordinates(shapely.get_point(wide, 0))
    inner = np.unique(np.round(starts, 3), axis=0)
    inner = inner[shapely.contains_xy(config.frame.buffer(-30), inner[:, 0], inner[:, 1])]
    count = min(len(inner), 1 + int(config.area_km2 // 25))
    ends += [tuple(point) for point in inner[rng.choice(len(inner), count, replace=False)]]
    rings = [shapely.Point(end).buffer(rng.uniform(13, 20), quad_segs=8).exterior for end in ends]
    return road_table(
        [shapely.LineString(ring.coords) for ring in rings], kind="roundabout", width_m=7.0, lanes=1
    )
