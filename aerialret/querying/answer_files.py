"""Answers as vector layers: what a query found goes in, a GeoPackage, GeoJSON or GeoParquet comes.

GeoJSON is in EPSG:4326 as its standard asks; the others are in the index's own CRS.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import geopandas as gpd
import shapely

from aerialret import atomic
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.querying.answers import as_geojson, columns_of, flat_properties, results
from aerialret.querying.query import PhotoAnswer

LAYER_NAME = "answers"

SUFFIXES = (".gpkg", ".geojson", ".parquet")


def check_results_path(path: Path) -> None:
    """Checks that results can be written to `path`, before any work is done.

    Raises:
        ConfigurationError: Its ending is none of `SUFFIXES`.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigurationError(
            f"{path} ends with {path.suffix or 'nothing'!r}, but results are written as "
            f"{', '.join(SUFFIXES)}; choose one of these endings"
        )


def write_results(answers: Sequence[PhotoAnswer], path: Path) -> None:
    """Writes a feature for each result to `path`, in the format of its ending.

    Raises:
        ConfigurationError: Its ending is none of `SUFFIXES`.
        NothingToDoError: There is no answer to write.
    """
    check_results_path(path)
    if not answers:
        raise NothingToDoError(f"no answers to write to {path}")
    if path.suffix.lower() == ".geojson":
        atomic.write_text(path, as_geojson(answers))
        return
    layer = answer_layer(answers)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Under its own name in a folder beside the target: GDAL's drivers look at the ending.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".answers-") as folder:
        partial = Path(folder) / path.name
        if path.suffix.lower() == ".parquet":
            layer.to_parquet(partial, index=False)
        else:
            layer.to_file(partial, layer=LAYER_NAME, driver="GPKG")
        partial.replace(path)


def answer_layer(answers: Sequence[PhotoAnswer]) -> gpd.GeoDataFrame:
    """A row for each result, columns as in `answers.columns_of`, the tile's square as geometry."""
    pairs = list(results(answers))
    rows = [flat_properties(answer, hit) for answer, hit in pairs]
    squares = [shapely.box(*hit.bounds) for _, hit in pairs]
    columns = {name: [row[name] for row in rows] for name in columns_of(answers)}
    return gpd.GeoDataFrame(columns, geometry=squares, crs=answers[0].crs)
