"""Lines across the whole territory: in go chance and what to keep away from, out come paths."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.shapes import smoothed, wandering_line

_BEYOND_M = 420.0


def transect(
    config: TerritoryConfig, rng: np.random.Generator, *, upright: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two points beyond opposite edges: top and bottom if `upright`, else left and right."""
    left, bottom, right, top = config.bounds
    share = rng.uniform(0.22, 0.78, 2)
    if upright:
        x = left + share * (right - left)
        return np.array([x[0], top + _BEYOND_M]), np.array([x[1], bottom - _BEYOND_M])
    y = bottom + share * (top - bottom)
    return np.array([left - _BEYOND_M, y[0]]), np.array([right + _BEYOND_M, y[1]])


def crossing_path(
    config: TerritoryConfig,
    rng: np.random.Generator,
    *,
    centres: NDArray[np.float64],
    radii_m: NDArray[np.float64],
    wanted_m: float,
    candidates: int = 60,
) -> shapely.LineString:
    """A gently bent line across the territory that passes settlements at a wanted distance.

    Args:
        config: The territory.
        rng: Where the candidates come from.
        centres: Settlements [n, 2].
        radii_m: Their radii [n].
        wanted_m: Distance that the line wants from the nearest settlement's edge; nearer costs
            four times as much as farther.
        candidates: How many lines are tried.
    """
    points = shapely.points(centres)
    best: tuple[float, shapely.LineString] | None = None
    for _ in range(candidates):
        start, end = transect(config, rng, upright=bool(rng.integers(2)))
        length = float(np.hypot(*(end - start)))
        line = wandering_line(start, end, amplitude_m=0.045 * length, rng=rng, bends=(1, 4))
        gap = float(np.min(shapely.distance(points, line) - radii_m)) - wanted_m
        cost = abs(gap) * (4.0 if gap < 0 else 1.0)
        if best is None or cost < best[0]:
            best = (cost, line)
    assert best is not None
    return smoothed(best[1])
