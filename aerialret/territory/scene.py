"""One date ready to be drawn: in goes a world, out come layers, tables and fields of noise."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.buildings import ROOFS
from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, geometries
from aerialret.territory.look import CANOPIES, Look, make_look
from aerialret.territory.noise import FractalField, NoiseField, fractal_field, noise_field, stream
from aerialret.territory.plots import plots_of
from aerialret.territory.raster import Layer
from aerialret.territory.season import Season, season
from aerialret.territory.shapes import long_side
from aerialret.territory.world import World, rail_surfaces, road_surfaces

_FLAT = ("industrial", "urban", "fort", "blockhouse", "tower", "castle")
_PAVING = {
    "path": "dirt",
    "track": "dirt",
    "gravel": "gravel",
    "lane": "old asphalt",
    "street": "old asphalt",
}
_WOODS = ("broadleaf", "mixed", "conifer", "open")
_GRIDS = ("orchard", "poplar")


@dataclass(frozen=True, slots=True, kw_only=True)
class Noises:
    """Fields of noise; the lasting ones are the same at every date.

    Attributes:
        soil: Lasting, patches of soil and moisture.
        patches: Lasting, groups of trees inside stands.
        crowns_lasting: Lasting part of the crowns.
        crowns: Crowns of this date.
        growth: Differences of growth at this date, in fields.
        fine: Small texture of this date.
        light: Differences of light over the mosaic.
    """

    soil: FractalField
    patches: FractalField
    crowns_lasting: NoiseField
    crowns: NoiseField
    needles: NoiseField
    growth: FractalField
    fine: FractalField
    light: NoiseField


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything that the orthophotos of one date are drawn from."""

    season: Season
    look: Look
    noises: Noises
    relief: FractalField
    parcels: Layer
    margins: Layer
    rides: Layer
    streams: Layer
    water: Layer
    roads: Layer
    road_colour: NDArray[np.float32]
    rail: Layer
    sport: Features
    sport_layer: Layer
    cemeteries: Layer
    grave_angle: NDArray[np.float64]
    runways: Layer
    runway_colour: NDArray[np.float32]
    airfields: Layer
    roofs: Layer
    roof_colour: NDArray[np.float32]
    footprints: Layer
    shadows: Layer
    woods: Layer
    groves: Layer
    thickets: Layer
    thicket_height_m: NDArray[np.float32]
    glades: Layer
    tree_xy: NDArray[np.float64]
    tree_radius_m: NDArray[np.float64]


def make_scene(config: TerritoryConfig, world: World, *, date: str) -> Scene:
    """Prepares the drawing of one date."""
    look_of = season(date)
    rng = stream(config.seed, "scene", date)
    roads = world.roads.take(np.argsort(world.roads["width_m"], kind="stable"))
    green = world.greenery
    small = green.take(green["height_m"] > 0)
    plots = plots_of(world.parcels, rng=stream(config.seed, "plots", date))
    roofs, colour = _roofs(world.buildings, look_of)
    grounds = world.grounds
    return Scene(
        season=look_of,
        look=make_look(plots, look_of, lasting=stream(config.seed, "stand tones"), passing=rng),
        noises=_noises(config, date),
        relief=world.zoning.relief,
        parcels=Layer(plots.geometry),
        margins=Layer(_strips(_some(world.margins.kind("margin"), 0.75, rng), 1.3)),
        rides=Layer(_strips(_some(world.margins.kind("ride"), 0.6, rng), 2.0)),
        streams=Layer(
            geometries(shapely.buffer(world.streams.geometry, world.streams["width_m"] / 2))
        ),
        water=Layer(world.water.geometry),
        roads=Layer(road_surfaces(roads)),
        road_colour=_road_colours(roads, look_of, rng),
        rail=Layer(rail_surfaces(world.rail)),
        sport=grounds.sport,
        sport_layer=Layer(grounds.sport.geometry),
        cemeteries=Layer(grounds.cemeteries.geometry),
        grave_angle=grounds.cemeteries["angle"],
        runways=Layer(grounds.runways.geometry),
        runway_colour=_runway_colours(grounds.runways, look_of),
        airfields=Layer(grounds.airfields.geometry),
        roofs=Layer(roofs),
        roof_colour=colour,
        footprints=Layer(world.buildings.geometry),
        shadows=Layer(cast_shadows(world.buildings, look_of)),
        woods=Layer(green.kind(*_WOODS).geometry),
        groves=Layer(green.kind(*_GRIDS).geometry),
        thickets=Layer(small.geometry),
        thicket_height_m=np.append(small["height_m"], 0).astype(np.float32),
        glades=Layer(world.glades.geometry),
        tree_xy=shapely.get_coordinates(world.trees.geometry),
        tree_radius_m=np.asarray(world.trees["radius_m"], np.float64),
    )


def cast_shadows(buildings: Features, look_of: Season) -> NDArray[np.object_]:
    """Polygons [n]: each building and the ground that it shades."""
    east, north = look_of.towards_sun
    reach = buildings["height_m"] * look_of.shadow_per_metre
    shift = -np.column_stack([east * reach, north * reach])
    points, owner = shapely.get_coordinates(buildings.geometry, return_index=True)
    moved = shapely.set_coordinates(buildings.geometry.copy(), points + shift[owner])
    hull = shapely.convex_hull(buildings.geometry)
    solid = shapely.area(buildings.geometry) > 0.8 * shapely.area(hull)
    both = shapely.union(buildings.geometry, moved)
    return np.asarray(np.where(solid, shapely.convex_hull(both), both), object)


def canopy_colours(look_of: Season) -> NDArray[np.float32]:
    """float32 [kinds, 3]: colour of each kind of CANOPIES."""
    return np.array([look_of.canopy[name] for name in CANOPIES], np.float32)


def _noises(config: TerritoryConfig, date: str) -> Noises:
    bounds = config.bounds

    def fractal(name: str, when: str, *scales_m: float) -> FractalField:
        return fractal_field(bounds, scales_m=scales_m, rng=stream(config.seed, name, when))

    def field(name: str, when: str, step_m: float) -> NoiseField:
        return noise_field(bounds, step_m=step_m, rng=stream(config.seed, name, when))

    return Noises(
        soil=fractal("soil", "lasting", 150.0, 55.0, 22.0),
        patches=fractal("patches", "lasting", 110.0, 38.0),
        crowns_lasting=field("crowns", "lasting", 11.0),
        crowns=field("crowns", date, 7.5),
        needles=field("needles", date, 4.2),
        growth=fractal("growth", date, 200.0, 60.0, 20.0),
        fine=fractal("fine", date, 12.0, 5.0),
        light=field("light", date, 2600.0),
    )


def _some(rows: Features, share: float, rng: np.random.Generator) -> Features:
    """The rows that can be seen at this date."""
    return rows.take(rng.random(len(rows)) < share)


def _strips(lines: Features, aside_m: float) -> NDArray[np.object_]:
    return geometries(shapely.buffer(lines.geometry, aside_m, quad_segs=1))


def _road_colours(
    roads: Features, look_of: Season, rng: np.random.Generator
) -> NDArray[np.float32]:
    paint = [look_of.paint[_PAVING.get(kind, "asphalt")] for kind in roads["kind"]]
    shade = 1 + 0.06 * rng.standard_normal(len(roads))
    return _with_last(np.array(paint).reshape(-1, 3) * shade[:, None])


def _runway_colours(runways: Features, look_of: Season) -> NDArray[np.float32]:
    mown = tuple(1.12 * value for value in look_of.paint["airfield"])
    paint = [mown if kind == "grass" else look_of.paint["asphalt"] for kind in runways["kind"]]
    return _with_last(np.array(paint).reshape(-1, 3))


def _roofs(buildings: Features, look_of: Season) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
    """Both sides of each roof, and their colours with the light that falls on them."""
    centre, angle, size = long_side(buildings.geometry)
    normal = np.column_stack([-np.sin(angle), np.cos(angle)])
    axis = np.column_stack([np.cos(angle), np.sin(angle)]) * size[:, :1]
    paint = np.array([look_of.paint.get(name, look_of.paint["concrete"]) for name in ROOFS])
    base = paint[buildings["roof"]] * (1 + 0.07 * np.clip(buildings["shade"], -2, 2))[:, None]
    pitch = np.where(np.isin(buildings["kind"], _FLAT), 0.03, 0.24)
    shapes, colours = [], []
    for sign in (1.0, -1.0):
        far = sign * normal * (size[:, 1:] + 5)
        ring = np.stack(
            [centre - axis, centre + axis, centre + axis + far, centre - axis + far], axis=1
        )
        side = shapely.intersection(buildings.geometry, shapely.polygons(ring))
        lit = 1 + pitch * sign * (normal @ np.array(look_of.towards_sun))
        shapes.append(side)
        colours.append(base * lit[:, None])
    return geometries(np.concatenate(shapes)), _with_last(np.concatenate(colours))


def _with_last(colours: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.concatenate([colours, np.zeros((1, 3))]).astype(np.float32)
