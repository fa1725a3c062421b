"""Roads and railways between places: in go settlements, out come lines with widths."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate, table
from aerialret.territory.noise import stream
from aerialret.territory.settlements import Settlements
from aerialret.territory.shapes import smoothed, substring, wandering_line
from aerialret.territory.transects import crossing_path
from aerialret.territory.waterways import LARGE_KM2


def road_table(
    lines: list[shapely.LineString], *, kind: str, width_m: float, lanes: int
) -> Features:
    """Roads of one kind on the ground."""
    return table(
        lines,
        kind=kind,
        width_m=float(width_m),
        lanes=lanes,
        level=0,
        state="in use",
        fictive=False,
    )


def departmental_roads(config: TerritoryConfig, settlements: Settlements) -> Features:
    """Roads that join each settlement to its neighbours; wider where a town is at one end."""
    rng = stream(config.seed, "departmental roads")
    pairs = gabriel_edges(settlements.xy)
    tables = []
    for a, b in pairs:
        start, end = settlements.xy[a], settlements.xy[b]
        length = float(np.hypot(*(end - start)))
        line = smoothed(
            wandering_line(start, end, amplitude_m=0.055 * length, rng=rng, bends=(1, 7))
        )
        main = bool(settlements.town[a] or settlements.town[b])
        width = rng.choice([6.5, 7.0, 7.5]) if main else rng.choice([4.0, 5.0, 5.5, 6.0])
        tables.append(road_table([line], kind="main" if main else "road", width_m=width, lanes=2))
    roads = concatenate(tables)
    return roads.take(shapely.intersects(roads.geometry, config.domain))


def gabriel_edges(xy: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Pairs of points whose diametral circle holds no third point (Gabriel and Sokal 1969)."""
    gap = np.hypot(xy[:, None, 0] - xy[None, :, 0], xy[:, None, 1] - xy[None, :, 1])
    edges = []
    for a in range(len(xy)):
        for b in range(a + 1, len(xy)):
            if gap[a, b] < 4000:
                others = gap[a] ** 2 + gap[b] ** 2 < gap[a, b] ** 2 - 1e-6
                if not others.any():
                    edges.append((a, b))
    return edges


def motorway(config: TerritoryConfig, settlements: Settlements) -> Features:
    """The axis of a motorway that keeps away from the settlements; none on a small territory."""
    if config.area_km2 < LARGE_KM2:
        return road_table([], kind="axis", width_m=24, lanes=4)
    rng = stream(config.seed, "motorway")
    line = crossing_path(
        config, rng, centres=settlements.xy, radii_m=settlements.radius_m, wanted_m=380
    )
    return road_table([line], kind="axis", width_m=24, lanes=4)


def carriageways(axes: Features) -> Features:
    """Both carriageways of each motorway axis."""
    lines = [
        line for axis in axes.geometry for line in (axis.offset_curve(7), axis.offset_curve(-7))
    ]
    return road_table(lines, kind="motorway", width_m=10.5, lanes=3)


def interchange(config: TerritoryConfig, axes: Features, roads: Features) -> Features:
    """Four slip roads where a road crosses the motorway, near the middle of the territory."""
    ramps: list[shapely.LineString] = []
    for axis in axes.geometry:
        crossings = shapely.get_parts(shapely.intersection(roads.geometry, axis))
        crossings = crossings[shapely.get_type_id(crossings) == shapely.GeometryType.POINT]
        inner = crossings[shapely.within(crossings, config.frame.buffer(-500))]
        if len(inner):
            centre = config.frame.centroid
            point = inner[np.argmin(shapely.distance(inner, centre))]
            road = roads.geometry[np.argmin(shapely.distance(roads.geometry, point))]
            ramps += [_ramp(axis, road, point, side, way) for side in (-1, 1) for way in (-1, 1)]
    return road_table(ramps, kind="ramp", width_m=5.0, lanes=1)


def _ramp(
    axis: shapely.LineString, road: shapely.LineString, point: shapely.Point, side: int, way: int
) -> shapely.LineString:
    """A bend from the carriageway on `side`, 330 m from the crossing, to the road."""
    lane = axis.offset_curve(side * 11)
    at = lane.project(point)
    leave = np.asarray(lane.interpolate(at + way * 330).coords[0])
    on = road.project(point)
    ends = [np.asarray(road.interpolate(on + step).coords[0]) for step in (-75.0, 75.0)]
    middle = np.asarray(lane.interpolate(at).coords[0])
    centre = np.asarray(point.coords[0])
    arrive = max(ends, key=lambda end: float(np.dot(end - centre, middle - centre)))
    bend = np.asarray(lane.interpolate(at + way * 95).coords[0]) + 0.55 * (arrive - centre)
    t = np.linspace(0, 1, 14)[:, None]
    return shapely.LineString((1 - t) ** 2 * leave + 2 * t * (1 - t) * bend + t**2 * arrive)


def railway(config: TerritoryConfig, settlements: Settlements) -> Features:
    """A railway that passes a settlement at its edge; a siding beside it on a large territory."""
    rng = stream(config.seed, "railway")
    inner = settlements.inside if settlements.inside.any() else np.ones(len(settlements.xy), bool)
    line = crossing_path(
        config,
        rng,
        centres=settlements.xy[inner],
        radii_m=0.55 * settlements.radius_m[inner],
        wanted_m=20,
    )
    large = config.area_km2 >= LARGE_KM2
    tracks = 2 if large else 1
    lines = table([line], kind="main line", tracks=tracks)
    if not large:
        return lines
    near = settlements.xy[inner & (settlements.town if settlements.town.any() else inner)][0]
    at = line.project(shapely.Point(near))
    siding = substring(line, at - 450, at + 450).offset_curve(11)
    return concatenate([lines, table([siding], kind="siding", tracks=2)])
