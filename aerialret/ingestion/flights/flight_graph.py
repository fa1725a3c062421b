"""Mosaicking graphs and dated files: vector files or rasters go in, `FlightDates` come out."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
import shapely
from rasterio.warp import transform_bounds

from aerialret.errors import ConfigurationError
from aerialret.ingestion.crs import crs_name
from aerialret.ingestion.flights.date_fields import DateFields, found_fields, named_fields
from aerialret.ingestion.flights.date_values import DateColumn, read_dates
from aerialret.ingestion.flights.flight_dates import FlightDates, joined
from aerialret.ingestion.vectors.ground_shapes import ground_shapes, is_polygon
from aerialret.ingestion.vectors.vector_layers import VectorLayer, crs_of, layers_of, read_features


def read_flight_dates(
    paths: Sequence[Path], *, crs: str, fields: Sequence[str] = (), given_crs: str = ""
) -> FlightDates:
    """The dated polygons of mosaicking graphs.

    Args:
        paths: Vector files.
        crs: The coordinate system of the answer.
        fields: The date field, or the first and the last; empty: found by their values.
        given_crs: The coordinate system of files that carry none.

    Raises:
        ConfigurationError: No layer has polygons with dates, or a field is missing.
        MissingCrsError: A file has no CRS, and none is given.
        UnreadableInputError: A file cannot be decoded.
    """
    layers = [layer for path in paths for layer in layers_of(path, label=path.name)]
    parts = [_read(layer, fields=fields, given_crs=given_crs) for layer in layers]
    dated = [part for part in parts if part is not None]
    if not dated:
        held = "; ".join(f"{layer.label}: {', '.join(layer.fields) or 'none'}" for layer in layers)
        raise ConfigurationError(
            f"the date graph has no polygons with dates; its fields are {held or 'none'}; "
            "name the one with dates with date_fields, or leave date_graph out"
        )
    return joined(dated, crs=crs)


def file_flight_dates(intervals: Mapping[Path, tuple[date, date]], *, crs: str) -> FlightDates:
    """The footprints of rasters, each with the days on which it was flown.

    Args:
        intervals: First and last day of each raster, as STAC items tell them.
        crs: The coordinate system of the answer.
    """
    paths = sorted(intervals)
    return FlightDates(
        polygons=np.array([_footprint(path, crs=crs) for path in paths], object),
        first=np.array([intervals[path][0] for path in paths], "datetime64[D]"),
        last=np.array([intervals[path][1] for path in paths], "datetime64[D]"),
        crs=crs,
    )


def _footprint(path: Path, *, crs: str) -> Any:
    with rasterio.open(path) as dataset:
        return shapely.box(*transform_bounds(dataset.crs or crs, crs, *dataset.bounds))


def _read(layer: VectorLayer, *, fields: Sequence[str], given_crs: str) -> FlightDates | None:
    frame = read_features(layer, columns=layer.fields, given_crs=given_crs, extent=None)
    shapes = frame.geometry.to_numpy()
    if not is_polygon(shapes).any():
        return None
    columns = {name: _dates(frame[name]) for name in layer.fields}
    chosen = (
        named_fields(columns, names=fields, label=layer.label) if fields else found_fields(columns)
    )
    if chosen is None:
        return None
    polygons = ground_shapes(shapes, widths_m=np.zeros(len(shapes))).geometries
    dated = ~(np.isnat(chosen.first) | np.isnat(chosen.last)) & (chosen.first <= chosen.last)
    usable = dated & ~shapely.is_missing(polygons)
    return FlightDates(
        polygons=polygons[usable],
        first=chosen.first[usable],
        last=chosen.last[usable],
        crs=crs_name(crs_of(layer, given=given_crs)),
        notes=_notes(layer, chosen, undated=int((~dated).sum())),
    )


def _dates(values: "pd.Series[Any]") -> DateColumn:
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d").where(values.notna(), "")
    return read_dates(values.tolist())


def _notes(layer: VectorLayer, chosen: DateFields, *, undated: int) -> tuple[str, ...]:
    taken = f"dates of {layer.label} are those of {' and '.join(chosen.names)}"
    if not undated:
        return (taken,)
    return (taken, f"{undated} of {layer.feature_count} polygons of {layer.label} have no date")
