"""Layers of vector files: a path goes in, what each layer is and its features come out."""

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyarrow
import pyarrow.parquet
import pyogrio
import pyproj
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError

from aerialret.errors import UnreadableInputError
from aerialret.ingestion.crs import horizontal
from aerialret.ingestion.vectors.vector_batches import (
    ogr_batches,
    parquet_batches,
    without_measures_quietly,
)
from aerialret.ingestion.vectors.vector_encoding import TextEncoding, encoding_of
from aerialret.ingestion.vectors.vector_integrity import check_flatgeobuf, check_shapefile
from aerialret.ingestion.vectors.vector_layer import VectorLayer, bounds_between, bounds_in, crs_of
from aerialret.tiles.grid import Bounds

__all__ = [
    "BATCH_SIZE", "VECTOR_SUFFIXES", "VectorLayer", "bounds_in", "crs_of", "layers_of",
    "read_batches", "read_features",
]  # fmt: skip

VECTOR_SUFFIXES = frozenset({".shp", ".gpkg", ".geojson", ".fgb", ".parquet", ".geoparquet"})
"""Endings of the files that are taken from folders."""

BATCH_SIZE = 50_000
"""Most features that are held at a time: some tens of megabytes of buildings."""

_PARQUET = frozenset({".parquet", ".geoparquet"})

_FAILURES = (
    DataLayerError, DataSourceError, FeatureError, FieldError, pyarrow.ArrowException, OSError,
    ValueError,
)  # fmt: skip


def layers_of(path: Path, *, label: str, text_fields: Collection[str] = ()) -> list[VectorLayer]:
    """The layers with geometry in the file at `path`, in its own order.

    Args:
        path: The file.
        label: How reports and messages call it.
        text_fields: Fields, in lower case, whose values tell the encoding; empty: all.

    Raises:
        UnreadableInputError: It cannot be decoded.
    """
    with _reading(path), without_measures_quietly():
        if path.suffix.lower() in _PARQUET:
            return [_parquet_layer(path, label=label)]
        check_shapefile(path)
        text = encoding_of(path, fields=text_fields)
        found = [name for name, kind in pyogrio.list_layers(path) if kind is not None]
        layers = [
            _layer(path, name, alone=len(found) == 1, label=label, text=text) for name in found
        ]
        check_flatgeobuf(path, count=sum(layer.feature_count for layer in layers))
        return layers


def read_features(
    layer: VectorLayer, *, columns: Sequence[str], given_crs: str, extent: tuple[Bounds, str] | None
) -> gpd.GeoDataFrame:
    """The features of a layer in its own CRS, without heights, with the fields `columns`.

    Args:
        layer: The layer.
        columns: Names of the fields to read.
        given_crs: The coordinate system of layers that have none.
        extent: Only features that touch this rectangle, given in this CRS; None: all.

    Raises:
        MissingCrsError: The layer has no CRS, and none is given.
        UnreadableInputError: It cannot be decoded.
    """
    batches = read_batches(layer, columns=columns, given_crs=given_crs, extent=extent)
    frames = list(batches)
    if frames:
        return pd.concat(frames, ignore_index=True)
    empty = {name: pd.Series(dtype=object) for name in columns}
    return gpd.GeoDataFrame(empty, geometry=[], crs=crs_of(layer, given=given_crs))


def read_batches(
    layer: VectorLayer,
    *,
    columns: Sequence[str],
    given_crs: str,
    extent: tuple[Bounds, str] | None,
    batch_size: int = BATCH_SIZE,
) -> Iterator[gpd.GeoDataFrame]:
    """What `read_features` reads, in the file's order, at most `batch_size` features at a time.

    Memory does not grow with the layer. A layer without features gives no frame.

    Args:
        layer: The layer.
        columns: Names of the fields to read.
        given_crs: The coordinate system of layers that have none.
        extent: Only features that touch this rectangle, given in this CRS; None: all.
        batch_size: Most features in a frame.

    Raises:
        MissingCrsError: The layer has no CRS, and none is given.
        UnreadableInputError: It cannot be decoded.
    """
    crs = crs_of(layer, given=given_crs)
    window = bounds_between(extent[0], source=extent[1], target=crs) if extent else None
    with _reading(layer.path):
        for frame in _frames(layer, columns=columns, window=window, batch_size=batch_size):
            yield frame.set_crs(crs, allow_override=True)


def _layer(path: Path, name: str, *, alone: bool, label: str, text: TextEncoding) -> VectorLayer:
    info = pyogrio.read_info(
        path,
        layer=name,
        encoding=text.name or None,
        force_feature_count=True,
        force_total_bounds=True,
    )
    count = int(info["features"])
    bounds = info["total_bounds"]
    return VectorLayer(
        path=path,
        layer=name,
        names=(name, path.stem) if alone else (name,),
        label=label if alone else f"{label}:{name}",
        fields=tuple(str(field) for field in info["fields"]),
        feature_count=count,
        crs=_crs(info["crs"]),
        bounds=Bounds(*map(float, bounds)) if count and bounds is not None else None,
        text=text,
    )


def _parquet_layer(path: Path, *, label: str) -> VectorLayer:
    file = pyarrow.parquet.ParquetFile(path)
    geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"{}"))
    if "columns" not in geo:
        raise ValueError("it is Parquet, but not GeoParquet")
    main = geo["columns"][geo["primary_column"]]
    bbox = main.get("bbox")
    return VectorLayer(
        path=path,
        layer="",
        names=(path.stem,),
        label=label,
        fields=tuple(name for name in file.schema_arrow.names if name not in geo["columns"]),
        feature_count=file.metadata.num_rows,
        crs=_crs(main.get("crs", "OGC:CRS84")),
        bounds=Bounds(*bbox) if bbox and len(bbox) == 4 and file.metadata.num_rows else None,
    )


def _crs(text: Any) -> pyproj.CRS | None:
    if text is None:
        return None
    crs = horizontal(pyproj.CRS.from_user_input(text))
    # A GeoPackage may write "undefined" as a made-up local system.
    return None if "Engineering" in crs.type_name else crs


def _frames(
    layer: VectorLayer, *, columns: Sequence[str], window: Bounds | None, batch_size: int
) -> Iterator[gpd.GeoDataFrame]:
    if not layer.layer:
        return parquet_batches(layer.path, columns=columns, window=window, batch_size=batch_size)
    return ogr_batches(
        layer.path,
        layer.layer,
        columns=columns,
        window=window,
        encoding=layer.encoding,
        batch_size=batch_size,
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _FAILURES as error:
        raise UnreadableInputError(
            f"{path} cannot be read as vector layers; it may be truncated or damaged ({error}); "
            "replace the file or leave it out"
        ) from error
