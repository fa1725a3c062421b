"""Features of a vector file, a batch at a time: a path goes in, frames of bounded size come out.

GDAL's Arrow stream reads a file once, whatever its size. Two things it leaves to its reader: texts
in the bytes of the file, and geometries that shapely has no type for (curves).
"""

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pyogrio
import shapely

from aerialret.tiles.grid import Bounds


def ogr_batches(
    path: Path,
    layer: str,
    *,
    columns: Sequence[str],
    window: Bounds | None,
    encoding: str,
    batch_size: int,
) -> Iterator[gpd.GeoDataFrame]:
    """The features of a layer that GDAL reads, in the file's order, without heights.

    Args:
        path: The file.
        layer: The layer's name in it.
        columns: Names of the fields to read.
        window: Only features that touch this rectangle, in the layer's CRS; None: all.
        encoding: Of the texts, where the format does not say; empty: it does.
        batch_size: Most features in a frame.
    """
    # With a rectangle that no feature touches, GDAL 3.12 streams a batch of unset memory from
    # FlatGeobuf; there the window is applied below alone.
    bbox = tuple(window) if window and path.suffix.lower() != ".fgb" else None
    with ExitStack() as opened:
        stream = pyogrio.open_arrow(
            path,
            layer=layer,
            columns=list(columns),
            bbox=bbox,
            encoding=encoding or None,
            return_fids=True,
            batch_size=batch_size,
            use_pyarrow=True,
        )
        with without_measures_quietly():
            meta, batches = opened.enter_context(stream)
        geometry, fids = meta["geometry_name"] or "wkb_geometry", meta["fid_column"] or "OGC_FID"
        for batch in batches:
            shapes = _shapes(batch.column(geometry))
            curved = shapely.is_missing(shapes) & batch.column(geometry).is_valid().to_numpy(False)
            if curved.any():
                shapes[curved] = _linear(path, layer, fids=batch.column(fids).filter(curved))
            values = {name: _values(batch.column(name), encoding) for name in columns}
            yield from _frame(values, shapes, window=window)


def parquet_batches(
    path: Path, *, columns: Sequence[str], window: Bounds | None, batch_size: int
) -> Iterator[gpd.GeoDataFrame]:
    """The features of a GeoParquet file, in the file's order, without heights.

    Args:
        path: The file.
        columns: Names of the fields to read.
        window: Only features that touch this rectangle, in the layer's CRS; None: all.
        batch_size: Most features in a frame.
    """
    with pyarrow.parquet.ParquetFile(path) as file:
        geo = json.loads(file.schema_arrow.metadata[b"geo"])
        main = geo["primary_column"]
        kind = geo["columns"][main]["encoding"].lower()
        wanted = [*columns, main]
        for batch in _row_groups(file, columns=wanted, batch_size=batch_size):
            if kind == "wkb":
                shapes = _shapes(batch.column(main))
            else:
                shapes = _native_shapes(batch.column(main), kind)
            values = {name: pd.Series(batch.column(name).to_pandas()) for name in columns}
            yield from _frame(values, shapes, window=window)


@contextmanager
def without_measures_quietly() -> Iterator[None]:
    """Keeps quiet that measures (M) are left out: nothing here asks for them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Measured")
        yield


def _row_groups(
    file: pyarrow.parquet.ParquetFile, *, columns: Sequence[str], batch_size: int
) -> Iterator[pyarrow.RecordBatch]:
    """Batches, a row group after the other: asked for all at once, pyarrow keeps what it read."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=batch_size, row_groups=[group], columns=columns)


def _frame(
    values: Mapping[str, pd.Series], shapes: Any, *, window: Bounds | None
) -> Iterator[gpd.GeoDataFrame]:
    frame = gpd.GeoDataFrame(values, geometry=shapely.force_2d(shapes))
    if window is not None:
        near = shapely.intersects(frame.geometry.to_numpy(), shapely.box(*window))
        frame = frame[near].reset_index(drop=True)
    if len(frame):
        yield frame


def _shapes(column: pyarrow.Array) -> Any:
    storage = getattr(column, "storage", column).to_numpy(zero_copy_only=False)
    try:
        return shapely.from_wkb(storage, on_invalid="ignore")
    except NotImplementedError:  # there are curves among them
        return np.array([_shape(content) for content in storage], dtype=object)


def _shape(content: bytes | None) -> Any:
    try:
        return shapely.from_wkb(content, on_invalid="ignore")
    except NotImplementedError:
        return None


def _native_shapes(column: pyarrow.Array, kind: str) -> Any:
    field = pyarrow.field(
        "geometry", column.type, metadata={"ARROW:extension:name": f"geoarrow.{kind}"}
    )
    table = pyarrow.Table.from_arrays([column], schema=pyarrow.schema([field]))
    return gpd.GeoDataFrame.from_arrow(table).geometry.to_numpy().copy()


def _linear(path: Path, layer: str, *, fids: pyarrow.Array) -> Any:
    """Geometries that shapely cannot hold, as GDAL draws them with straight pieces."""
    frame = pyogrio.read_dataframe(
        path,
        layer=layer,
        columns=[],
        fids=fids.to_numpy(),
        fid_as_index=True,
        force_2d=True,
        on_invalid="ignore",
    )
    return frame.geometry.reindex(fids.to_numpy()).to_numpy()


def _values(column: pyarrow.Array, encoding: str) -> pd.Series:
    try:
        column.validate(full=True)  # pandas would not look before a text is used
    except pyarrow.ArrowInvalid:
        return _decoded(column, encoding)
    return pd.Series(column.to_pandas())


def _decoded(column: pyarrow.Array, encoding: str) -> pd.Series:
    """Texts of which some are not the UTF-8 that they claim to be."""
    raw = column.cast(pyarrow.binary()).dictionary_encode()
    texts = [_text(value.as_py(), encoding) for value in raw.dictionary]
    table = np.array([*texts, None], dtype=object)
    return pd.Series(table[raw.indices.fill_null(len(texts)).to_numpy(zero_copy_only=False)])


def _text(raw: bytes, encoding: str) -> str:
    """Bytes as UTF-8, without a letter that the end of a column cut; else as Windows-1252."""
    try:
        return raw.decode("utf-8", errors="ignore" if encoding == "utf-8" else "strict")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")
