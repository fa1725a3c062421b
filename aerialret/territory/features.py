"""A table of geometries with named columns: the one shape in which the world is passed around."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray


def geometries(items: Sequence[Any] | NDArray[Any]) -> NDArray[np.object_]:
    """Geometries as a one-dimensional object array, also when there are none."""
    array = np.empty(len(items), object)
    array[:] = list(items)
    return array


@dataclass(frozen=True, slots=True)
class Features:
    """Geometries and as many values in each column."""

    geometry: NDArray[np.object_]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def take(self, chosen: NDArray[Any]) -> "Features":
        """The rows that a boolean mask or an array of positions names."""
        rows = {name: values[chosen] for name, values in self.columns.items()}
        return Features(self.geometry[chosen], rows)

    def with_columns(self, **columns: ArrayLike) -> "Features":
        """The same rows with columns added or replaced; a scalar fills its column."""
        added = {name: _filled(values, len(self)) for name, values in columns.items()}
        return Features(self.geometry, {**self.columns, **added})

    def kind(self, *kinds: str) -> "Features":
        """The rows whose column `kind` is one of `kinds`."""
        return self.take(np.isin(self.columns["kind"], kinds))


def table(items: Sequence[Any] | NDArray[Any], **columns: ArrayLike) -> Features:
    """Features from geometries and columns; a scalar fills its column."""
    return Features(geometries(items)).with_columns(**columns)


def concatenate(tables: Sequence[Features]) -> Features:
    """The rows of all tables, with the columns that all of them have."""
    filled = [rows for rows in tables if len(rows)] or list(tables[:1])
    shared = set(filled[0].columns).intersection(*(rows.columns for rows in filled))
    columns = {
        name: np.concatenate([rows.columns[name] for rows in filled])
        for name in filled[0].columns
        if name in shared
    }
    return Features(np.concatenate([rows.geometry for rows in filled]), columns)


def polygon_parts(items: NDArray[np.object_], *, smallest_m2: float = 1.0) -> NDArray[np.object_]:
    """The polygons inside geometries of any kind that are not smaller than `smallest_m2`."""
    parts = shapely.get_parts(items)
    parts = shapely.get_parts(parts)
    parts = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    return np.asarray(parts[shapely.area(parts) >= smallest_m2], object)


def touching(items: NDArray[np.object_], others: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Which [n] of `items` share a point with any of `others`."""
    hit = np.zeros(len(items), bool)
    if len(items) and len(others):
        hit[shapely.STRtree(others).query(items, predicate="intersects")[0]] = True
    return hit


def near(
    items: NDArray[np.object_], others: NDArray[np.object_], *, within_m: float
) -> NDArray[np.bool_]:
    """Which [n] of `items` lie within a distance of any of `others`."""
    hit = np.zeros(len(items), bool)
    if len(items) and len(others):
        tree = shapely.STRtree(others)
        hit[tree.query(items, predicate="dwithin", distance=within_m)[0]] = True
    return hit


def _filled(values: ArrayLike, count: int) -> NDArray[Any]:
    array = np.asarray(values)
    return np.full(count, array) if array.ndim == 0 else array
