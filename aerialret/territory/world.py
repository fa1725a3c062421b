"""The ground truth at one date: everything that an orthophoto shows and a vector layer may show."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.features import Features, geometries
from aerialret.territory.grounds import Grounds
from aerialret.territory.settlements import Settlements
from aerialret.territory.zoning import Zoning

WIDE_ROADS = ("motorway", "dual", "main", "road", "ramp", "roundabout")
"""Roads that part a wood; crowns close over the narrower ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A territory at one date; all geometries in Lambert-93.

    Attributes:
        zoning: What the land is fit for.
        settlements: Towns and villages.
        parcels: Polygons with `use`, `angle`, `number`, `height_m`, `holding`.
        margins: Lines between parcels (grass, rides in woods) with `kind` and `holding`; imagery
            only.
        roads: Lines with `kind`, `width_m`, `lanes`, `level`, `state`, `fictive`.
        rail: Lines with `kind` and `tracks`.
        water: Polygons with `kind`.
        streams: Lines with `width_m`; imagery only.
        buildings: Polygons with `kind`, `height_m`, `roof`, `shade`.
        greenery: Polygons with `kind` and `height_m`.
        glades: Polygons of clearings; imagery only.
        trees: Points with `radius_m`; imagery only.
        grounds: Sports grounds, cemeteries and airfields.
        communes: Polygons with `code` and `name`, covering the territory exactly.
    """

    zoning: Zoning
    settlements: Settlements
    parcels: Features
    margins: Features
    roads: Features
    rail: Features
    water: Features
    streams: Features
    buildings: Features
    greenery: Features
    glades: Features
    trees: Features
    grounds: Grounds
    communes: Features


def road_surfaces(roads: Features, *, aside_m: float = 0.0) -> NDArray[np.object_]:
    """Polygons [n]: the roads with their width and a strip on both sides."""
    widths = roads["width_m"] / 2 + aside_m
    return geometries(shapely.buffer(roads.geometry, widths, cap_style="flat", quad_segs=3))


def rail_surfaces(rail: Features, *, aside_m: float = 0.0) -> NDArray[np.object_]:
    """Polygons [n]: the ballast of the railways and a strip on both sides."""
    widths = 2.2 * rail["tracks"] + 0.8 + aside_m
    return geometries(shapely.buffer(rail.geometry, widths, cap_style="flat", quad_segs=3))
