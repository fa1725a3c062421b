"""Features on their way: they go in cell by cell, a GeoParquet file in the order of keys comes out.

They wait in an SQLite file, so that memory does not grow with their number.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

from aerialret.atomic import atomic_file
from aerialret.services.features.wfs_page import Feature

BATCH = 20_000
"""How many features are in memory at a time, and in a row group of the file."""

_TYPES = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}


class FeatureStore:
    """Features of one type by their keys; the first one with a key stays.

    Example:
        >>> with feature_store(Path("part.sqlite")) as store:
        ...     store.add([("a", Feature("a", '{"n": 1}', None))])
        ...     store.write(Path("type.parquet"), crs="EPSG:2154", fields=["n"])
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute(
            "CREATE TABLE features (key TEXT PRIMARY KEY, named TEXT, properties TEXT, shape BLOB)"
            " WITHOUT ROWID"
        )

    def __len__(self) -> int:
        """How many features are there."""
        return int(self._database.execute("SELECT COUNT(*) FROM features").fetchone()[0])

    def add(self, features: Iterable[tuple[str, Feature]]) -> None:
        """Keeps those of `features` whose key is new."""
        self._database.executemany(
            "INSERT OR IGNORE INTO features VALUES (?, ?, ?, ?)",
            ((key, item.key, item.properties, item.geometry) for key, item in features),
        )

    def write(self, path: Path, *, crs: str, fields: Sequence[str]) -> None:
        """Writes all features as GeoParquet, the same bytes for the same features.

        Args:
            path: The file.
            crs: Their coordinate system.
            fields: Names of fields in their order; others follow by name. A field whose values
                are of several kinds becomes text.
        """
        kinds = self._kinds()
        ordered = [*(name for name in fields if name in kinds), *sorted(set(kinds) - set(fields))]
        columns = {name: pa.field(name, _TYPES[kinds[name]]) for name in ordered}
        named = [] if "gml_id" in columns else [pa.field("gml_id", pa.string())]
        metadata = {b"geo": json.dumps(self._geo(crs), sort_keys=True).encode()}
        schema = pa.schema([*named, *columns.values(), pa.field("geometry", pa.binary())], metadata)
        with (
            atomic_file(path) as partial,
            pq.ParquetWriter(partial, schema, compression="zstd") as writer,
        ):
            for rows in self._batches():
                writer.write_table(_table(rows, schema), row_group_size=BATCH)

    def _batches(self) -> Iterator[list[tuple[str, dict[str, Any], bytes | None]]]:
        found = self._database.execute("SELECT named, properties, shape FROM features ORDER BY key")
        while rows := found.fetchmany(BATCH):
            yield [(named, json.loads(properties), shape) for named, properties, shape in rows]

    def _kinds(self) -> dict[str, str]:
        kinds: dict[str, str | None] = {}
        for rows in self._batches():
            for _, properties, _ in rows:
                for name, value in properties.items():
                    kinds[name] = _joined(kinds.get(name), _kind(value))
        return {name: kind or "text" for name, kind in kinds.items()}

    def _geo(self, crs: str) -> dict[str, Any]:
        types: set[str] = set()
        extents = []
        for rows in self._batches():
            shapes = shapely.from_wkb(np.array([shape for _, _, shape in rows], object))
            types |= {shape.geom_type for shape in shapes if shape is not None}
            extents.append(shapely.total_bounds(shapes))
        boxes = np.array(extents)
        bbox = [*np.nanmin(boxes[:, :2], axis=0), *np.nanmax(boxes[:, 2:], axis=0)]
        column = {
            "encoding": "WKB",
            "geometry_types": sorted(types),
            "crs": pyproj.CRS.from_user_input(crs).to_json_dict(),
            "bbox": [float(value) for value in bbox],
        }
        has_extent = np.isfinite(bbox).all()
        column = column if has_extent else {k: v for k, v in column.items() if k != "bbox"}
        return {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}


@contextmanager
def feature_store(path: Path) -> Iterator[FeatureStore]:
    """A store in a file at `path`, which is there only while it is open."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            yield FeatureStore(database)
    finally:
        path.unlink(missing_ok=True)


def _table(
    rows: Sequence[tuple[str, Mapping[str, Any], bytes | None]], schema: pa.Schema
) -> pa.Table:
    columns = []
    for field in schema:
        if field.name == "geometry":
            values: list[Any] = [shape for _, _, shape in rows]
        else:
            values = [_value(properties.get(field.name), field.type) for _, properties, _ in rows]
            if field.name == "gml_id" and not any(values):
                values = [named for named, _, _ in rows]
        columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _value(value: Any, kind: pa.DataType) -> Any:
    if value is None or kind != pa.string() or isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _kind(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if -(2**63) <= value < 2**63 else "text"
    return "number" if isinstance(value, float) else "text"


def _joined(one: str | None, other: str | None) -> str | None:
    if one is None or other is None or one == other:
        return one or other
    return "number" if {one, other} == {"integer", "number"} else "text"
