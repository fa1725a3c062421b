"""The world at the second date: in goes the first, out comes the territory fifteen years later."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory import greenery, waterways
from aerialret.territory.buildings import annexes, halls, houses_of, without_collisions
from aerialret.territory.config import LATE, TerritoryConfig
from aerialret.territory.early import TREES_PER_HA
from aerialret.territory.features import Features, concatenate, geometries, near, touching
from aerialret.territory.land_change import LandChange, change_land
from aerialret.territory.landuse import FOREST_USES
from aerialret.territory.noise import stream
from aerialret.territory.road_change import change_roads
from aerialret.territory.world import WIDE_ROADS, World, rail_surfaces, road_surfaces

DEMOLISHED = {"annex": 0.08, "farm": 0.07, "house": 0.025, "urban": 0.03, "industrial": 0.06}


def late_world(config: TerritoryConfig, early: World) -> World:
    """The territory of `early` fifteen years later."""
    land = change_land(early, seed=config.seed)
    roads = change_roads(config, early, streets=land.streets)
    water = _water(config, early, land, roads)
    buildings = _buildings(config, early, land, roads, water)
    green, glades = _greenery(config, early, land, roads, water, buildings)
    return World(
        zoning=early.zoning,
        settlements=early.settlements,
        parcels=land.parcels,
        margins=land.margins,
        roads=roads,
        rail=early.rail,
        water=water,
        streams=early.streams,
        buildings=buildings,
        greenery=green,
        glades=glades,
        trees=_trees(config, early, land, roads, water, buildings),
        grounds=early.grounds,
        communes=early.communes,
    )


def _water(config: TerritoryConfig, early: World, land: LandChange, roads: Features) -> Features:
    """Some ponds silted up, new ones dug."""
    rng = stream(config.seed, "water change")
    stays = (early.water["kind"] == "river") | (rng.random(len(early.water)) > 0.07)
    kept = early.water.take(stays)
    rivers = Features(shapely.get_exterior_ring(early.water.kind("river").geometry), {})
    blocked = shapely.union_all(
        [
            *road_surfaces(roads, aside_m=6),
            *rail_surfaces(early.rail, aside_m=6),
            *kept.geometry,
            *shapely.buffer(early.buildings.geometry, 10),
            *early.grounds.sport.geometry,
            *early.grounds.cemeteries.geometry,
            *early.grounds.airfields.geometry,
            *land.estates.geometry,
            *land.works.geometry,
        ]
    )
    return concatenate([kept, waterways.still_waters(config, rivers, keep_out=blocked, date=LATE)])


def _corridors(early: World, roads: Features, water: Features) -> NDArray[np.object_]:
    return np.concatenate(
        [
            road_surfaces(roads, aside_m=0.5),
            rail_surfaces(early.rail, aside_m=2),
            shapely.buffer(water.geometry, 3),
            early.grounds.sport.geometry,
            early.grounds.cemeteries.geometry,
            early.grounds.airfields.geometry,
        ]
    )


def _buildings(
    config: TerritoryConfig, early: World, land: LandChange, roads: Features, water: Features
) -> Features:
    rng = stream(config.seed, "building change")
    before = early.buildings
    risk = np.array([DEMOLISHED.get(kind, 0.0) for kind in before["kind"]])
    stands = rng.random(len(before)) >= risk
    corridors = _corridors(early, roads, water)
    stands &= ~touching(before.geometry, corridors)
    stands &= ~touching(before.geometry, land.works.geometry)
    kept = before.take(stands)
    estates = land.parcels.take(
        touching(land.parcels.geometry, shapely.buffer(land.estates.geometry, -3))
    )
    houses = kept.take(kept["kind"] == "house")
    infill = land.parcels.take(np.isin(land.parcels["use"], ("estate", "core", "urban")))
    infill = infill.take(rng.random(len(infill)) < 0.25)
    streets = roads.geometry[np.isin(roads["kind"], ("street", "main", "road", "dual"))]
    farms = halls(_beside(kept.kind("farm"), rng), kind="farm", rng=rng)
    candidates = concatenate(
        [
            halls(land.works, kind="industrial", rng=rng),
            houses_of(estates, streets=streets, rng=rng),
            houses_of(infill, streets=streets, rng=rng),
            farms,
            annexes(houses, share=0.12, rng=rng),
        ]
    )
    new = without_collisions(candidates, standing=kept.geometry, corridors=corridors)
    return concatenate([kept, new])


def _beside(farms: Features, rng: np.random.Generator) -> Features:
    """Yards beside a fifth of the farms, for new barns."""
    chosen = farms.take(rng.random(len(farms)) < 0.2)
    steps = rng.uniform(38, 55, (len(chosen), 2)) * rng.choice([-1, 1], (len(chosen), 2))
    yards = [
        shapely.Point(x, y).buffer(26, quad_segs=1)
        for x, y in shapely.get_coordinates(shapely.centroid(chosen.geometry)) + steps
    ]
    return Features(geometries(yards), {})


def _greenery(
    config: TerritoryConfig,
    early: World,
    land: LandChange,
    roads: Features,
    water: Features,
    buildings: Features,
) -> tuple[Features, Features]:
    rng = stream(config.seed, "greenery change")
    wide = roads.take(np.isin(roads["kind"], WIDE_ROADS))
    gaps = np.concatenate(
        [
            road_surfaces(wide, aside_m=4.5),
            rail_surfaces(early.rail, aside_m=5),
            shapely.buffer(water.geometry, 3),
            shapely.buffer(buildings.geometry, 5),
        ]
    )
    built = np.concatenate([land.estates.geometry, land.works.geometry])
    small = early.greenery.kind("copse", "hedge", "riverside")
    lives = rng.random(len(small)) < np.where(small["kind"] == "hedge", 0.86, 0.94)
    lives &= ~touching(
        small.geometry, np.concatenate([built, shapely.buffer(buildings.geometry, 2)])
    )
    lives &= ~touching(small.geometry, road_surfaces(wide, aside_m=1)) | (
        small["kind"] == "riverside"
    )
    ploughed = near(shapely.centroid(small.geometry), land.gone.geometry, within_m=4)
    kept = small.take(lives & ~(ploughed & (small["kind"] == "hedge")))
    grown = np.minimum(kept["height_m"] * rng.uniform(0.95, 1.3, len(kept)), 18)
    planted = land.margins.take(land.margins["kind"] == "margin")
    planted = planted.take(~touching(planted.geometry, np.concatenate([built, gaps])))
    stands = land.parcels.geometry[np.isin(land.parcels["use"], FOREST_USES)]
    old_glades = early.glades.take(rng.random(len(early.glades)) < 0.55)
    green = concatenate(
        [
            greenery.woods(land.parcels, gaps=gaps),
            kept.with_columns(height_m=grown),
            greenery.hedges(planted, share=np.full(len(planted), 0.03), rng=rng),
        ]
    )
    return green, concatenate([old_glades, greenery.glades(stands, share=0.09, rng=rng)])


def _trees(
    config: TerritoryConfig,
    early: World,
    land: LandChange,
    roads: Features,
    water: Features,
    buildings: Features,
) -> Features:
    rng = stream(config.seed, "tree change")
    kept = early.trees.take(rng.random(len(early.trees)) < 0.8)
    grown = np.minimum(kept["radius_m"] * rng.uniform(1.0, 1.3, len(kept)), 5.5)
    fresh = land.parcels.take(
        touching(land.parcels.geometry, shapely.buffer(land.estates.geometry, -3))
    )
    trees = concatenate(
        [
            kept.with_columns(radius_m=grown),
            greenery.lone_trees(fresh, per_ha=TREES_PER_HA, rng=rng),
            greenery.lone_trees(land.parcels, per_ha={"estate": 2.0, "park": 2.0}, rng=rng),
        ]
    )
    taken = [buildings.geometry, road_surfaces(roads, aside_m=1.0), water.geometry]
    return trees.take(~touching(trees.geometry, np.concatenate(taken)))
