"""What divides the land: in goes the request, out come roads, waters, parcels and margins."""

from dataclasses import dataclass

import numpy as np
import shapely

from aerialret.territory import roads, waterways
from aerialret.territory.config import EARLY, TerritoryConfig
from aerialret.territory.features import Features, concatenate, touching
from aerialret.territory.parcels import Division, blocks_between, divide
from aerialret.territory.settlements import Settlements, make_settlements
from aerialret.territory.world import rail_surfaces, road_surfaces
from aerialret.territory.zoning import Zoning, make_zoning


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """What divides the land before there are parcels."""

    settlements: Settlements
    zoning: Zoning
    rivers: Features
    streams: Features
    water: Features
    rail: Features
    axes: Features
    through_roads: Features


def make_skeleton(config: TerritoryConfig) -> Skeleton:
    """Draws rivers, settlements and the roads between them."""
    rivers = waterways.rivers(config)
    settlements = make_settlements(config, rivers)
    axes = roads.motorway(config, settlements)
    through = roads.departmental_roads(config, settlements)
    rail = roads.railway(config, settlements)
    network = concatenate(
        [through, roads.carriageways(axes), roads.interchange(config, axes, through)]
    )
    surfaces = waterways.river_surfaces(rivers)
    blocked = shapely.union_all(
        [
            *road_surfaces(network, aside_m=8),
            *rail_surfaces(rail, aside_m=8),
            *surfaces.geometry,
            *shapely.buffer(shapely.points(settlements.xy), 0.9 * settlements.radius_m),
        ]
    )
    still = waterways.still_waters(config, rivers, keep_out=blocked, date=EARLY)
    return Skeleton(
        settlements=settlements,
        zoning=make_zoning(config, settlements),
        rivers=rivers,
        streams=waterways.streams(config, rivers),
        water=concatenate([surfaces, still]),
        rail=rail,
        axes=axes,
        through_roads=network,
    )


def divide_land(config: TerritoryConfig, bones: Skeleton, rng: np.random.Generator) -> Division:
    """Cuts the land between roads and waters into parcels."""
    through = bones.through_roads.kind("main", "road")
    lines = [bones.axes, through, bones.rivers, bones.streams, bones.rail.kind("main line")]
    blocks = blocks_between(np.concatenate([rows.geometry for rows in lines]), config.domain)
    return divide(blocks, target_area_m2=bones.zoning.target_area_m2, rng=rng)


def ways_and_margins(
    cuts: Features, bones: Skeleton, wet: shapely.Geometry, rng: np.random.Generator
) -> tuple[Features, Features]:
    """Streets and tracks along some cuts, and the margins along all the others."""
    middle = shapely.get_coordinates(
        shapely.line_interpolate_point(cuts.geometry, 0.5, normalized=True)
    )
    built = bones.settlements.nearest(middle)[1] < 1.0
    wooded = bones.zoning.is_forest(middle)
    chance = rng.random(len(cuts))
    track = (cuts["area_m2"] > np.where(wooded, 230_000, 130_000)) & (
        chance < np.where(wooded, 0.62, 0.80)
    )
    street = built & (cuts["area_m2"] < 400_000)
    shore = shapely.buffer(wet, 6)
    dry = cuts.geometry.copy()
    at_shore = touching(dry, shapely.get_parts(shore))
    dry[at_shore] = shapely.difference(dry[at_shore], shore)
    lines = Features(dry, cuts.columns)
    kinds = rng.choice(["path", "track", "gravel", "lane"], len(cuts), p=[0.50, 0.24, 0.16, 0.10])
    tables = [roads.road_table([], kind="street", width_m=5, lanes=2)]
    for kind, width, chosen in (
        ("street", (4.5, 6.5), street),
        ("path", (2.2, 2.9), track & ~street & (kinds == "path")),
        ("track", (2.4, 3.2), track & ~street & (kinds == "track")),
        ("gravel", (3.0, 4.0), track & ~street & (kinds == "gravel")),
        ("lane", (3.4, 4.4), track & ~street & (kinds == "lane")),
    ):
        parts = shapely.get_parts(lines.geometry[chosen])
        parts = parts[shapely.length(parts) > 12]
        rows = roads.road_table(list(parts), kind=kind, width_m=4, lanes=1 + (kind == "street"))
        tables.append(rows.with_columns(width_m=np.round(rng.uniform(*width, len(parts)), 1)))
    rest = lines.take(~(track | street) & ~shapely.is_empty(dry))
    at = shapely.get_coordinates(shapely.centroid(rest.geometry))
    sorts = np.where(bones.zoning.is_forest(at), "ride", "margin")
    return concatenate(tables), rest.with_columns(kind=sorts)
