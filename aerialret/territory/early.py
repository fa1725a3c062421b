"""The world at the first date: in goes the request, out comes the whole territory."""

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from aerialret.territory import greenery
from aerialret.territory.buildings import farmsteads, halls, houses_of, without_collisions
from aerialret.territory.config import TerritoryConfig
from aerialret.territory.features import Features, concatenate, geometries, near, touching
from aerialret.territory.grounds import Grounds, make_grounds
from aerialret.territory.landmarks import churches, scattered
from aerialret.territory.landuse import FOREST_USES, assign_uses
from aerialret.territory.noise import stream
from aerialret.territory.settlements import make_communes
from aerialret.territory.skeleton import (
    Skeleton,
    divide_land,
    make_skeleton,
    ways_and_margins,
)
from aerialret.territory.world import WIDE_ROADS, World, rail_surfaces, road_surfaces

TREES_PER_HA = {
    "estate": 13.0, "core": 7.0, "urban": 4.0, "park": 17.0, "public": 6.0, "meadow": 0.7,
    "orchard": 2.0, "crop": 0.03, "fallow": 5.0, "industrial": 1.5, "clearcut": 2.5,
}  # fmt: skip


def early_world(config: TerritoryConfig) -> World:
    """Makes the territory at the first date."""
    bones = make_skeleton(config)
    rng = stream(config.seed, "parcels")
    division = divide_land(config, bones, rng)
    wet = shapely.union_all(bones.water.geometry)
    parcels = assign_uses(division.parcels, bones.zoning, water=bones.water.geometry, rng=rng)
    local, margins = ways_and_margins(division.cuts, bones, wet, stream(config.seed, "cuts"))
    barriers = shapely.union_all([wet, *road_surfaces(bones.through_roads, aside_m=12)])
    grounds, parcels = make_grounds(
        config, bones.settlements, parcels, obstacles=barriers, rng=stream(config.seed, "grounds")
    )
    local = local.take(~touching(local.geometry, grounds.airfields.geometry))
    margins = margins.take(~touching(margins.geometry, grounds.airfields.geometry))
    network = concatenate([bones.through_roads, local])
    buildings = _buildings(config, bones, parcels, network, grounds)
    green, glades = _greenery(config, bones, parcels, margins, network, grounds, buildings)
    trees = _trees(config, parcels, network, buildings, bones)
    return World(
        zoning=bones.zoning,
        settlements=bones.settlements,
        parcels=parcels,
        margins=margins,
        roads=network,
        rail=bones.rail,
        water=bones.water,
        streams=bones.streams,
        buildings=buildings,
        greenery=green,
        glades=glades,
        trees=trees,
        grounds=grounds,
        communes=make_communes(config, bones.settlements),
    )


def _buildings(
    config: TerritoryConfig,
    bones: Skeleton,
    parcels: Features,
    network: Features,
    grounds: Grounds,
) -> Features:
    rng = stream(config.seed, "buildings")
    corridors = np.concatenate(
        [
            road_surfaces(network, aside_m=0.8),
            rail_surfaces(bones.rail, aside_m=3),
            shapely.buffer(bones.water.geometry, 4),
            grounds.sport.geometry,
            grounds.cemeteries.geometry,
            grounds.airfields.geometry,
        ]
    )
    streets = network.geometry[np.isin(network["kind"], ("street", "main", "road"))]
    farms = _farmyards(parcels, network, bones, rng)
    candidates = concatenate(
        [
            churches(bones.settlements, parcels, rng=rng),
            scattered(config, parcels, rng=rng),
            halls(parcels.take(parcels["use"] == "industrial"), kind="industrial", rng=rng),
            farms,
            houses_of(parcels, streets=streets, rng=rng),
        ]
    )
    standing = np.empty(0, object)
    return without_collisions(candidates, standing=standing, corridors=corridors)


def _farmyards(
    parcels: Features, network: Features, bones: Skeleton, rng: np.random.Generator
) -> Features:
    """Barns and a house in a corner of some fields that lie at a road."""
    ways = network.geometry[np.isin(network["kind"], ("main", "road", "lane"))]
    area = shapely.area(parcels.geometry)
    share = bones.settlements.nearest(shapely.get_coordinates(shapely.centroid(parcels.geometry)))[
        1
    ]
    pool = (
        np.isin(parcels["use"], ("crop", "meadow"))
        & (area > 7000)
        & near(parcels.geometry, ways, within_m=6)
    )
    chosen = pool & (rng.random(len(parcels)) < np.where(share < 1.8, 0.10, 0.028))
    return farm_table(parcels.geometry[chosen], ways, rng)


def farm_table(
    fields: NDArray[np.object_], ways: NDArray[np.object_], rng: np.random.Generator
) -> Features:
    """A farm in each field, at its side that is nearest to a way."""
    yards = []
    tree = shapely.STRtree(ways)
    for field in fields:
        inner = field.buffer(-30)
        if inner.is_empty:
            continue
        way = ways[tree.nearest(field)]
        spot = shapely.ops.nearest_points(inner, way)[0]
        yards.append(np.asarray(spot.coords[0]))
    return farmsteads(np.array(yards).reshape(-1, 2), rng=rng)


def _greenery(
    config: TerritoryConfig,
    bones: Skeleton,
    parcels: Features,
    margins: Features,
    network: Features,
    grounds: Grounds,
    buildings: Features,
) -> tuple[Features, Features]:
    rng = stream(config.seed, "greenery")
    wide = network.take(np.isin(network["kind"], WIDE_ROADS))
    gaps = np.concatenate(
        [
            road_surfaces(wide, aside_m=4.5),
            rail_surfaces(bones.rail, aside_m=5),
            shapely.buffer(bones.water.geometry, 3),
            shapely.buffer(buildings.geometry, 5),
        ]
    )
    in_fields = np.concatenate(
        [gaps, road_surfaces(network), grounds.airfields.geometry, grounds.sport.geometry,
         parcels.geometry[~np.isin(parcels["use"], ("crop", "meadow", "fallow"))]]
    )  # fmt: skip
    rows = margins.take(margins["kind"] == "margin")
    rows = rows.take(~touching(rows.geometry, shapely.buffer(buildings.geometry, 4)))
    at = shapely.get_coordinates(shapely.centroid(rows.geometry))
    share = np.clip(0.10 + 0.12 * bones.zoning.enclosure.at(at), 0.02, 0.5)
    banks = np.concatenate(
        [bones.streams.geometry, shapely.get_exterior_ring(bones.water.geometry)]
    )
    river_green = greenery.river_woods(banks, rng=rng)
    river_green = river_green.take(~touching(river_green.geometry, gaps[: len(wide)]))
    copses = greenery.copses(config, each_km2=1.8, keep_out=shapely.STRtree(in_fields), rng=rng)
    stands = parcels.geometry[np.isin(parcels["use"], FOREST_USES)]
    green = concatenate(
        [
            greenery.woods(parcels, gaps=gaps),
            copses,
            greenery.hedges(rows, share=share, rng=rng),
            river_green,
        ]
    )
    return green, greenery.glades(stands, share=0.16, rng=rng)


def _trees(
    config: TerritoryConfig,
    parcels: Features,
    network: Features,
    buildings: Features,
    bones: Skeleton,
) -> Features:
    rng = stream(config.seed, "trees")
    alleys = network.take(
        np.isin(network["kind"], ("main", "road")) & (rng.random(len(network)) < 0.4)
    )
    trees = concatenate(
        [
            greenery.lone_trees(parcels, per_ha=TREES_PER_HA, rng=rng),
            greenery.tree_rows(alleys.geometry, apart_m=14.0, aside_m=7.5, rng=rng),
        ]
    )
    taken = np.concatenate(
        [buildings.geometry, road_surfaces(network, aside_m=1.0), bones.water.geometry]
    )
    return trees.take(~touching(trees.geometry, geometries(taken)))
