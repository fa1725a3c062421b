"""Cells on the globe: squares of the grid go in, GeoJSON in longitude and latitude comes out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import mapping

from aerialret.tiles.grid import Grid, TileId

_SIDE_STEPS = 16
"""Points for each side: a side of 1 km is 2 cm from its chord, one of 100 km 200 m."""
_KEPT = 4
"""Every fourth point is kept in the geometry, all of them shape the bounding box."""
_DECIMALS = 7
"""One centimetre on the ground."""

LonLatBox = list[float]
"""West, south, east, north in degrees; west is above east where it crosses the antimeridian."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """One cell: a GeoJSON geometry and its bounding box in EPSG:4326."""

    geometry: dict[str, Any]
    bbox: LonLatBox


def to_lonlat(crs: str) -> Transformer:
    """The transformation from the grid's CRS to longitude and latitude in EPSG:4326."""
    return Transformer.from_crs(crs, "EPSG:4326", always_xy=True)


def footprints(grid: Grid, tiles: Sequence[TileId], *, lonlat: Transformer) -> list[Footprint]:
    """The footprint of each tile, its sides bent as the projection bends them."""
    return [_footprint(ring) for ring in _rings(grid, tiles, lonlat)]


def extent(boxes: Iterable[LonLatBox]) -> LonLatBox:
    """The box around `boxes`; it crosses the antimeridian if one of them does."""
    corners = np.array(list(boxes))
    west, east = corners[:, 0], corners[:, 2]
    if (west > east).any():
        west, east = west % 360, east % 360
    return [
        _wrapped(float(west.min())), float(corners[:, 1].min()),
        _wrapped(float(east.max())), float(corners[:, 3].max()),
    ]  # fmt: skip


def _rings(grid: Grid, tiles: Sequence[TileId], lonlat: Transformer) -> NDArray[np.float64]:
    """float64 [n, points, 2]: closed rings, anticlockwise; longitudes of one ring never jump."""
    step = np.arange(_SIDE_STEPS) / _SIDE_STEPS
    flat, full = np.zeros(_SIDE_STEPS), np.ones(_SIDE_STEPS)
    along_x = np.concatenate([step, full, 1 - step, flat, [0.0]])
    along_y = np.concatenate([flat, step, full, 1 - step, [0.0]])
    squares = np.array([grid.bounds(tile) for tile in tiles])
    x = squares[:, :1] + along_x * (squares[:, 2:3] - squares[:, :1])
    y = squares[:, 1:2] + along_y * (squares[:, 3:] - squares[:, 1:2])
    lon, lat = lonlat.transform(x, y)
    jumps = np.ptp(lon, axis=1, keepdims=True) > 180
    return np.stack([np.where(jumps, lon % 360, lon), lat], axis=-1)


def _footprint(ring: NDArray[np.float64]) -> Footprint:
    west, south = (_rounded(value, math.floor) for value in ring.min(axis=0))
    east, north = (_rounded(value, math.ceil) for value in ring.max(axis=0))
    kept = np.round(ring[::_KEPT], _DECIMALS)
    if east <= 180:
        return Footprint(
            {"type": "Polygon", "coordinates": [kept.tolist()]}, [west, south, east, north]
        )
    return Footprint(_split(kept), [west, south, _rounded(east - 360, math.ceil), north])


def _split(ring: NDArray[np.float64]) -> dict[str, Any]:
    """Two polygons, one on each side of the antimeridian, as RFC 7946 (3.1.9) asks for."""
    whole = shapely.Polygon(ring)
    west = shapely.intersection(whole, shapely.box(0, -90, 180, 90))
    east = shapely.intersection(whole, shapely.box(180, -90, 360, 90))
    east = shapely.transform(east, lambda points: points - [360.0, 0.0])
    parts: list[Any] = [shapely.orient_polygons(part) for part in (west, east)]
    found: dict[str, Any] = mapping(shapely.MultiPolygon(parts))
    return {"type": found["type"], "coordinates": _as_lists(found["coordinates"])}


def _as_lists(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    return [_as_lists(part) for part in value]


def _rounded(value: float, towards: Any) -> float:
    scale = 10**_DECIMALS
    return float(towards(value * scale) / scale)


def _wrapped(longitude: float) -> float:
    return longitude - 360 if longitude > 180 else longitude
