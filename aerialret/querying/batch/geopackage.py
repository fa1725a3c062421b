"""The GeoPackage of a batch: outcomes go in, one file comes out, whole or not at all."""

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyogrio

from aerialret.atomic import staging_folder
from aerialret.querying.batch.layers import GEOMETRY, STYLED_LAYER, Layer, batch_layers
from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.qgis_style import TABLE_NAME, style_table

_AT_ONCE = 200  # photos in memory
_VERSION = "1.2"  # of the standard: GDAL before 3.7 warns of newer ones


def write_geopackage(outcomes: Iterable[Outcome], path: Path, *, crs: str) -> None:
    """Writes the layers of `layers.batch_layers` to `path`, replacing a file there in one step.

    Args:
        outcomes: In the order of the rows; they are read once, some at a time.
        path: The GeoPackage.
        crs: Of all coordinates.
    """
    staging = staging_folder(path)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        partial = staging / path.name  # GDAL looks at the ending
        _write_layers(partial, outcomes, crs=crs)
        _flush(partial)
        partial.replace(path)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _write_layers(path: Path, outcomes: Iterable[Outcome], *, crs: str) -> None:
    layers: tuple[Layer, ...] = ()
    for some in _groups(outcomes):
        append = bool(layers)
        layers = layers or batch_layers(some)
        for layer in layers:
            _write(layer, some, path, crs=crs, append=append)
    styles = style_table(STYLED_LAYER, geometry=GEOMETRY)
    options = {"FID": "id", "DATETIME_PRECISION": "MILLISECOND"}  # as the standard wants times
    pyogrio.write_arrow(styles, str(path), layer=TABLE_NAME, driver="GPKG", layer_options=options)


def _groups(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Some outcomes at a time, at least once none, so that the layers are there."""
    waiting = iter(outcomes)
    yield list(itertools.islice(waiting, _AT_ONCE))
    while some := list(itertools.islice(waiting, _AT_ONCE)):
        yield some


def _write(
    layer: Layer, outcomes: Sequence[Outcome], path: Path, *, crs: str, append: bool
) -> None:
    shapes: dict[str, Any] = {}
    if layer.geometry:
        shapes = {"geometry_name": GEOMETRY, "geometry_type": layer.geometry, "crs": crs}
    pyogrio.write_arrow(
        layer.table(outcomes), str(path), layer=layer.name, driver="GPKG", append=append,
        layer_options={"DESCRIPTION": layer.says}, dataset_options={"VERSION": _VERSION}, **shapes,
    )  # fmt: skip


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
