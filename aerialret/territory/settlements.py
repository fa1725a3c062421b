"""Where people live: in go the territory and its rivers, out come towns, villages and communes."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, geometries, polygon_parts, table
from aerialret.territory.noise import stream

_SPACING_M = 1450.0
_TOWN_EACH_KM2 = 34.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlements:
    """Towns and villages, also those beyond the border to which roads lead.

    Attributes:
        xy: Centres [n, 2] in Lambert-93.
        radius_m: Radius [n] of the built-up area.
        town: Whether [n] it is a town.
        inside: Whether [n] its centre lies in the territory.
    """

    xy: NDArray[np.float64]
    radius_m: NDArray[np.float64]
    town: NDArray[np.bool_]
    inside: NDArray[np.bool_]

    def nearest(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The settlement of each point, and the distance to it as a share of its radius."""
        gap = np.hypot(xy[:, None, 0] - self.xy[None, :, 0], xy[:, None, 1] - self.xy[None, :, 1])
        share = gap / self.radius_m[None, :]
        owner = np.argmin(share, axis=1)
        return owner, share[np.arange(len(xy)), owner]


def make_settlements(config: TerritoryConfig, rivers: Features) -> Settlements:
    """Scatters villages at least 1.4 km apart and makes some of them towns."""
    rng = stream(config.seed, "settlements")
    xy = _scatter(config, rivers, rng)
    left, bottom, right, top = config.bounds
    inside = (xy[:, 0] > left) & (xy[:, 0] < right) & (xy[:, 1] > bottom) & (xy[:, 1] < top)
    radius = rng.uniform(170, 300, len(xy))
    town = _choose_towns(xy, inside, count=int(config.area_km2 / _TOWN_EACH_KM2 + 0.4))
    radius[town] = rng.uniform(480, 640, int(town.sum()))
    return Settlements(xy=xy, radius_m=radius, town=town, inside=inside)


def _scatter(
    config: TerritoryConfig, rivers: Features, rng: np.random.Generator
) -> NDArray[np.float64]:
    left, bottom, right, top = config.bounds
    ring = 1.1 * _SPACING_M
    low = np.array([left - ring, bottom - ring])
    high = np.array([right + ring, top + ring])
    count = int(30 * np.prod(high - low) / _SPACING_M**2) + 60
    tries = rng.uniform(low, high, (count, 2))
    # The first villages are tried near the middle, so that a tiny territory has one.
    tries[:8] = (np.array([left + right, bottom + top]) / 2) + rng.uniform(-0.14, 0.14, (8, 2)) * (
        np.array([right - left, top - bottom])
    )
    river = shapely.union_all(rivers.geometry)
    dry = shapely.distance(shapely.points(tries), river) > 110
    chosen: list[NDArray[np.float64]] = []
    for point in [*tries[dry][:1], *tries[dry]]:
        if all(np.hypot(*(point - other)) >= _SPACING_M for other in chosen):
            chosen.append(point)
    return np.array(chosen)


def _choose_towns(
    xy: NDArray[np.float64], inside: NDArray[np.bool_], *, count: int
) -> NDArray[np.bool_]:
    town = np.zeros(len(xy), bool)
    pool = np.flatnonzero(inside)
    if not count or not len(pool):
        return town
    middle = xy[pool].mean(axis=0)
    chosen = [pool[np.argmin(np.hypot(*(xy[pool] - middle - [600, 400]).T))]]
    while len(chosen) < min(count, len(pool)):
        gaps = np.min([np.hypot(*(xy[pool] - xy[one]).T) for one in chosen], axis=0)
        chosen.append(pool[np.argsort(gaps)[-max(1, len(pool) // 6)]])
    town[np.array(chosen)] = True
    return town


def make_communes(config: TerritoryConfig, settlements: Settlements) -> Features:
    """Polygons that cover the territory exactly, one around each settlement."""
    frame = config.frame
    sites = shapely.MultiPoint(settlements.xy)
    if len(settlements.xy) < 2:
        cells = geometries([frame])
    else:
        cells = shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=frame.buffer(10)))
        cells = np.asarray(shapely.set_precision(cells, 0.125), object)
    cells = polygon_parts(shapely.intersection(cells, frame))
    order = np.lexsort(np.round(shapely.get_coordinates(shapely.centroid(cells)), 3).T)
    cells = cells[order]
    codes = [f"57{index + 1:03d}" for index in range(len(cells))]
    return table(cells, code=np.array(codes), name=_names(config, len(cells)))


def _names(config: TerritoryConfig, count: int) -> NDArray[np.str_]:
    rng = stream(config.seed, "commune names")
    first = ["Val", "Mont", "Rosières", "Bois", "Haute", "Fontaine", "Pont", "Moulin", "Saint-Èvre"]
    last = ["aux-Mirabelles", "sur-Nied", "lès-Étangs", "la-Grande", "devant-Côte", "en-Plaine"]
    pairs = [f"{a}-{b}" for a in first for b in last]
    order = rng.permutation(len(pairs))
    return np.array(
        [pairs[order[i % len(pairs)]] + ("" if i < len(pairs) else f"-{i}") for i in range(count)]
    )
