"""Sports grounds, cemeteries and airfields: in go parcels, out come surfaces laid on them."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate, geometries, table
from aerialret.territory.settlements import Settlements
from aerialret.territory.shapes import long_side, rectangles
from aerialret.territory.waterways import LARGE_KM2

ROOM_M = {"pitch": (102.0, 62.0), "graves": (60.0, 40.0)}
"""Length and depth that a parcel must have room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Surfaces of public life.

    Attributes:
        sport: Polygons with `kind` and `angle`.
        cemeteries: Polygons with `angle`.
        runways: Polygons with `kind` and `angle`.
        airfields: Mown grass around the runways; the vector layers do not show it.
    """

    sport: Features
    cemeteries: Features
    runways: Features
    airfields: Features


def make_grounds(
    config: TerritoryConfig,
    settlements: Settlements,
    parcels: Features,
    *,
    obstacles: shapely.Geometry,
    rng: np.random.Generator,
) -> tuple[Grounds, Features]:
    """The grounds, and the parcels of which some are now public."""
    centre, angle, _ = long_side(parcels.geometry)
    owner, share = settlements.nearest(centre)
    use = parcels["use"].copy()
    room = {kind: _fits(parcels, centre, angle, sides) for kind, sides in ROOM_M.items()}
    fit = np.isin(use, ("park", "meadow", "estate", "orchard", "crop")) & (share < 2.2)
    sport, graves = (
        [
            _grounds(),
        ],
        [_grounds()],
    )
    for one in np.flatnonzero(settlements.inside):
        rank = np.where(fit & (owner == one), np.abs(share - 0.95), np.inf)
        pitch = _first(rank, room["pitch"])
        if pitch is not None:
            use[pitch], rank[pitch] = "public", np.inf
            sport.append(_pitches(centre[pitch], angle[pitch], parcels.geometry[pitch], rng))
        rank = np.where(fit & (owner == one), np.abs(share - 0.7), rank)
        rank[use == "public"] = np.inf
        plot = _first(rank, room["graves"])
        if plot is not None:
            use[plot] = "public"
            sides = np.array([rng.uniform(44, 60), rng.uniform(30, 40)])
            graves.append(_rectangle("civil", centre[plot], angle[plot], sides))
    runways, airfields = _airfield(config, parcels, obstacles, rng)
    grounds = Grounds(
        sport=concatenate(sport),
        cemeteries=concatenate(graves),
        runways=runways,
        airfields=airfields,
    )
    return grounds, parcels.with_columns(use=use)


def _first(rank: NDArray[np.float64], suitable: NDArray[np.bool_]) -> int | None:
    cost = np.where(suitable, rank, np.inf)
    best = int(np.argmin(cost))
    return best if np.isfinite(cost[best]) else None


def _pitches(
    centre: NDArray[np.float64],
    angle: float,
    parcel: shapely.Polygon,
    rng: np.random.Generator,
) -> Features:
    """A football pitch, and tennis courts beside it where the parcel is long enough."""
    axis = np.array([np.cos(angle), np.sin(angle)])
    length = rng.uniform(90, ROOM_M["pitch"][0])
    tables = [_rectangle("pitch", centre, angle, np.array([length, ROOM_M["pitch"][1]]))]
    for way in (0, 1):
        away = length / 2 + 14 + 20 * way
        court = _rectangle("tennis", centre + away * axis, angle, np.array([17.0, 35.0]))
        if parcel.contains(court.geometry[0]):
            tables.append(court)
    return concatenate(tables)


def _fits(
    parcels: Features,
    centre: NDArray[np.float64],
    angle: NDArray[np.float64],
    sides: tuple[float, float],
) -> NDArray[np.bool_]:
    """Whether [n] a rectangle lies wholly in each parcel."""
    wanted = rectangles(centre, angle=angle, length_m=sides[0], depth_m=sides[1])
    return np.asarray(shapely.contains(parcels.geometry, wanted))


def _airfield(
    config: TerritoryConfig,
    parcels: Features,
    obstacles: shapely.Geometry,
    rng: np.random.Generator,
) -> tuple[Features, Features]:
    """A runway in open fields; none on a small territory or where nothing is flat enough."""
    if config.area_km2 < LARGE_KM2:
        return _grounds(), _grounds()
    left, bottom, right, top = config.frame.buffer(-600).bounds
    taken = parcels.geometry[~np.isin(parcels["use"], ("crop", "meadow", "fallow"))]
    tree = shapely.STRtree(taken)
    wanted = 1 + int(config.area_km2 // 150)
    runways, fields = [_grounds()], [_grounds()]
    for _ in range(900):
        spot, angle = rng.uniform((left, bottom), (right, top)), rng.uniform(0, np.pi)
        shrink = rng.uniform(0.75, 1.0)
        field = _rectangle("airfield", spot, angle, np.array([1050.0, 170.0]) * shrink)
        clear = not len(tree.query(field.geometry[0], predicate="intersects"))
        if clear and not shapely.intersects(field.geometry[0], obstacles):
            paved = "paved" if len(runways) % 2 else "grass"
            runways.append(_rectangle(paved, spot, angle, np.array([930.0, 30.0]) * shrink))
            fields.append(field)
        if len(runways) > wanted:
            break
    return concatenate(runways), concatenate(fields)


def _grounds() -> Features:
    return table(geometries([]), kind=np.empty(0, "U12"), angle=np.empty(0))


def _rectangle(
    kind: str, centre: NDArray[np.float64], angle: float, size: NDArray[np.float64]
) -> Features:
    shape = rectangles(centre[None], angle=angle, length_m=size[0], depth_m=size[1])
    return table(shape, kind=np.array([kind], "U12"), angle=float(angle))
