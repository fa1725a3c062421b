"""Extents on the ground: rectangles in several coordinate systems go in, in one system come out."""

import math
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyproj
from pyproj.exceptions import ProjError

from aerialret.errors import ConfigurationError
from aerialret.ingestion.crs import require_metres, same_crs
from aerialret.tiles.grid import Bounds

LONLAT = pyproj.CRS.from_epsg(4326)


def bounds_between(bounds: Bounds, *, source: pyproj.CRS, target: pyproj.CRS) -> Bounds | None:
    """The rectangle around `bounds` in `target`, or None where that has no coordinates there."""
    if same_crs(source, target):
        return bounds
    try:
        found = _transformer(source, target).transform_bounds(*bounds)
    except ProjError:
        return None
    return Bounds(*found) if np.isfinite(found).all() else None


def union(boxes: Iterable[Bounds]) -> Bounds | None:
    """The rectangle around several; None around none."""
    found = list(boxes)
    if not found:
        return None
    return Bounds(
        min(box.left for box in found),
        min(box.bottom for box in found),
        max(box.right for box in found),
        max(box.top for box in found),
    )


def meet(one: Bounds, other: Bounds) -> bool:
    """Whether two rectangles share area, or a point with one that has none."""
    return (
        one.left <= other.right
        and other.left <= one.right
        and one.bottom <= other.top
        and other.bottom <= one.top
    )


def distance(one: Bounds, other: Bounds) -> float:
    """The gap between two rectangles, in CRS units."""
    dx = max(one.left - other.right, other.left - one.right, 0.0)
    dy = max(one.bottom - other.top, other.bottom - one.top, 0.0)
    return math.hypot(dx, dy)


def is_metric(crs: pyproj.CRS) -> bool:
    """Whether tiles can be cut in `crs`."""
    try:
        require_metres(crs, origin="")
    except ConfigurationError:
        return False
    return True


def metric_crs(crs: pyproj.CRS, bounds: Bounds) -> pyproj.CRS | None:
    """`crs` if it is in metres, else the UTM zone of the middle of `bounds`; None in no zone."""
    if is_metric(crs):
        return crs
    box = bounds_between(bounds, source=crs, target=LONLAT)
    if box is None:
        return None
    longitude, latitude = (box.left + box.right) / 2, (box.bottom + box.top) / 2
    zone = min(max(math.floor((longitude + 180) / 6) + 1, 1), 60)
    return pyproj.CRS.from_epsg((32600 if latitude >= 0 else 32700) + zone)


@lru_cache(maxsize=64)
def _transformer(source: pyproj.CRS, target: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)
