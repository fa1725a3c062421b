"""Rivers, streams, lakes and ponds: in go the territory and its settlements, out come polygons."""

import numpy as np
import shapely

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, table
from aerialret.territory.noise import stream
from aerialret.territory.shapes import blob, smoothed, wandering_line
from aerialret.territory.transects import transect

LARGE_KM2 = 8.0
"""Below this area a territory has a brook for a river and neither motorway nor lake."""


def rivers(config: TerritoryConfig) -> Features:
    """Centre lines of the rivers with their `width_m`; they cross the territory."""
    rng = stream(config.seed, "rivers")
    count = 1 + int(config.area_km2 // 110)
    large = config.area_km2 >= LARGE_KM2
    lines, widths = [], []
    for index in range(count):
        start, end = transect(config, rng, upright=index % 2 == 0)
        length = float(np.hypot(*(end - start)))
        line = wandering_line(
            start,
            end,
            amplitude_m=min(0.075 * length, 620),
            rng=rng,
            bends=(2, max(7, int(length / 450))),
            decay=0.45,
        )
        lines.append(smoothed(line))
        widths.append(rng.uniform(26, 40) if large else rng.uniform(9, 13))
    return table(lines, width_m=np.array(widths))


def streams(config: TerritoryConfig, river_lines: Features) -> Features:
    """Brooks of a few metres that run into the rivers; the vector layers do not show them."""
    rng = stream(config.seed, "streams")
    bounds = config.bounds
    lines = []
    for _ in range(max(1, round(0.3 * config.area_km2))):
        source = rng.uniform((bounds.left, bounds.bottom), (bounds.right, bounds.top))
        river = river_lines.geometry[rng.integers(len(river_lines))]
        mouth = np.asarray(
            river.interpolate(river.project(shapely.Point(source)) + rng.normal(0, 250)).coords[0]
        )
        length = float(np.hypot(*(mouth - source)))
        if 250 < length < 3500:
            line = wandering_line(source, mouth, amplitude_m=0.07 * length, rng=rng, bends=(2, 12))
            lines.append(smoothed(line))
    return table(lines, width_m=rng.uniform(3.0, 5.5, len(lines)))


def river_surfaces(river_lines: Features) -> Features:
    """Polygons of the rivers."""
    widths = river_lines["width_m"] / 2
    return table(shapely.buffer(river_lines.geometry, widths, quad_segs=4), kind="river")


def still_waters(
    config: TerritoryConfig, river_lines: Features, *, keep_out: shapely.Geometry, date: str
) -> Features:
    """Polygons of ponds, of gravel-pit lakes beside the river and of one lake."""
    rng = stream(config.seed, "still waters", date)
    bounds = config.bounds
    share = 1.0 if date == "2004" else 0.2
    shapes: list[shapely.Polygon] = []
    for _ in range(max(1, round(0.7 * share * config.area_km2))):
        point = rng.uniform((bounds.left, bounds.bottom), (bounds.right, bounds.top))
        shapes.append(blob(point, radius_m=rng.uniform(11, 36), rng=rng))
    if config.area_km2 >= LARGE_KM2:
        pits = round(0.09 * share * config.area_km2) + 1
        shapes += [_gravel_pit(river_lines, rng) for _ in range(pits)]
        for _ in range(round(config.area_km2 / 60 * share)):
            point = rng.uniform((bounds.left, bounds.bottom), (bounds.right, bounds.top))
            shapes.append(blob(point, radius_m=rng.uniform(140, 230), rng=rng, roughness=0.35))
    free = [shape for shape in shapes if not shape.intersects(keep_out)]
    return table(free, kind="pond")


def _gravel_pit(river_lines: Features, rng: np.random.Generator) -> shapely.Polygon:
    river = river_lines.geometry[rng.integers(len(river_lines))]
    foot = np.asarray(river.interpolate(rng.uniform(0.05, 0.95), normalized=True).coords[0])
    turn = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(120, 300) * np.array([np.cos(turn), np.sin(turn)])
    return blob(foot + away, radius_m=rng.uniform(45, 100), rng=rng, roughness=0.2)
