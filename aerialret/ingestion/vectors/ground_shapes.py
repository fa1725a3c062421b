"""Geometries as areas on the ground: polygons, lines and points go in, valid polygons come out."""

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

LINES = (1, 2, 5)
"""shapely's type numbers of lines."""

POLYGONS = (3, 6)
"""shapely's type numbers of polygons."""

Geometries = NDArray[np.object_]


class GroundShapes(NamedTuple):
    """Areas, and why a geometry became none.

    Attributes:
        geometries: Valid polygons; None where a geometry became no area.
        reasons: Empty, or why there is no area.
    """

    geometries: Geometries
    reasons: NDArray[np.object_]


def is_line(geometries: Geometries) -> NDArray[np.bool_]:
    """Where the geometries are lines."""
    return np.isin(shapely.get_type_id(geometries), LINES)


def is_polygon(geometries: Geometries) -> NDArray[np.bool_]:
    """Where the geometries are polygons."""
    return np.isin(shapely.get_type_id(geometries), POLYGONS)


def ground_shapes(geometries: Geometries, *, widths_m: NDArray[np.float64]) -> GroundShapes:
    """The areas that `geometries` cover; lines are as wide as `widths_m`, with flat ends.

    Args:
        geometries: In a CRS whose unit is the metre.
        widths_m: The width of each, where it is a line.
    """
    areas: Geometries = np.array(geometries, dtype=object)
    reasons: NDArray[np.object_] = np.full(len(areas), "", dtype=object)
    reasons[shapely.is_missing(areas) | shapely.is_empty(areas)] = "no geometry"
    lost = ~np.isfinite(shapely.bounds(areas)).all(axis=1)
    reasons[lost & (reasons == "")] = "outside the projection"
    lines, polygons = is_line(areas), is_polygon(areas)
    reasons[~(lines | polygons) & (reasons == "")] = "neither line nor polygon"
    good = reasons == ""
    areas[lines & good] = shapely.buffer(
        areas[lines & good], widths_m[lines & good] / 2, cap_style="flat"
    )
    # Buffers are valid as GEOS makes them; to look again took a tenth of the reading.
    broken = good & polygons
    broken[broken] = ~shapely.is_valid(areas[broken])
    areas[broken] = [_polygons(shape) for shape in shapely.make_valid(areas[broken])]
    reasons[good & shapely.is_empty(areas)] = "no area"
    areas[reasons != ""] = None
    return GroundShapes(areas, reasons)


def _polygons(geometry: Any) -> Any:
    """The polygons of a collection, which `make_valid` may have made of one polygon."""
    if shapely.get_type_id(geometry) in POLYGONS:
        return geometry
    parts = [piece for part in shapely.get_parts(geometry) for piece in shapely.get_parts(part)]
    return shapely.MultiPolygon([part for part in parts if shapely.get_type_id(part) == 3])
