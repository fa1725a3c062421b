"""What services need to know of a CRS: its name goes in, its axes, its unit and moved areas out."""

from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.exceptions import CRSError
from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError

_METRES_PER_RADIAN = 6_378_137.0
"""On the equator of WGS 84; OGC 07-057r7 (WMTS), 6.1, takes the same for degrees."""

_PIECES = 64
"""Into so many pieces the longest side of an area is cut before it is moved to another CRS."""


@lru_cache(maxsize=64)
def named_crs(name: str, *, asked: str) -> pyproj.CRS:
    """The CRS `name`, as EPSG:2154 or urn:ogc:def:crs:EPSG::2154.

    Raises:
        ConfigurationError: There is none.
    """
    try:
        return pyproj.CRS.from_user_input(name)
    except CRSError:
        raise ConfigurationError(
            f"{asked}: there is no CRS {name!r}; write it as in crs=EPSG:2154"
        ) from None


def is_northing_first(crs: pyproj.CRS) -> bool:
    """Whether the CRS's own axis order has latitude or northing first, as EPSG:4326 has."""
    return bool(crs.axis_info) and crs.axis_info[0].direction.lower() in ("north", "south")


def metres_per_unit(crs: pyproj.CRS) -> float:
    """Metres in one unit of the CRS; of one degree, at the equator."""
    if not crs.axis_info:
        return 1.0
    factor = float(crs.axis_info[0].unit_conversion_factor)
    return factor * _METRES_PER_RADIAN if crs.is_geographic else factor


def moved(area: BaseGeometry, source: pyproj.CRS, target: pyproj.CRS) -> BaseGeometry:
    """`area` in `target`; its sides are bent as the ground is."""
    if source == target or area.is_empty:
        return area
    left, bottom, right, top = area.bounds
    dense = shapely.segmentize(area, max(right - left, top - bottom, 1e-9) / _PIECES)
    transformer = pyproj.Transformer.from_crs(source, target, always_xy=True)

    def transform(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(transformer.transform(points[:, 0], points[:, 1]))

    result: BaseGeometry = shapely.transform(dense, transform)
    return shapely.make_valid(result)


def ground_size_m(size: float, *, at: shapely.Point, crs: pyproj.CRS) -> float:
    """How long `size` units of the CRS are on the ground at a point, eastwards."""
    if crs.is_geographic:
        lons, lats = (at.x, at.x + size), (at.y, at.y)
    else:
        there = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        lons, lats = there.transform((at.x, at.x + size), (at.y, at.y))
    distance = pyproj.Geod(ellps="WGS84").inv(lons[0], lats[0], lons[1], lats[1])[2]
    return float(distance)
