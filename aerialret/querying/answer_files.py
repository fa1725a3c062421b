"""Answers as vector layers: what a query found goes in, a GeoPackage, GeoJSON or GeoParquet comes.

GeoJSON is in EPSG:4326 as its standard asks; the others are in the index's own CRS. A GeoPackage
has the layers of `batch.layers`, the others the results alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import geopandas as gpd
import shapely

from aerialret import atomic
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.querying.answers import as_geojson, columns_of, flat_properties, results
from aerialret.querying.batch.file_state import file_state
from aerialret.querying.batch.geopackage import write_geopackage
from aerialret.querying.batch.layers import answer_rows, square_of
from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.photo_files import named_photos
from aerialret.querying.batch.printing import printed
from aerialret.querying.batch.record import record_of
from aerialret.querying.query import PhotoAnswer, RejectedPhoto

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


def write_results(
    answers: Sequence[PhotoAnswer], path: Path, *, rejected: Sequence[RejectedPhoto] = ()
) -> None:
    """Writes the answers to `path`, in the format of its ending.

    Args:
        answers: Of the photos that could be used.
        path: The file; one that is there is replaced in one step.
        rejected: The others, for a GeoPackage's table of photos.

    Raises:
        ConfigurationError: Its ending is none of `SUFFIXES`.
        NothingToDoError: There is no answer to write.
        UnreadableInputError: A photo cannot be read a second time.
    """
    check_results_path(path)
    if not answers:
        raise NothingToDoError(f"no answers to write to {path}")
    if path.suffix.lower() == ".geojson":
        atomic.write_text(path, as_geojson(answers))
    elif path.suffix.lower() == ".parquet":
        with atomic.atomic_file(path) as partial:
            answer_layer(answers).to_parquet(partial, index=False)
    else:
        write_geopackage(outcomes_of(answers, rejected), path, crs=answers[0].crs)


def write_outcomes(outcomes: Iterable[Outcome], path: Path, *, crs: str) -> None:
    """Writes a batch to `path`, in the format of its ending.

    Args:
        outcomes: Of every photo; they are read once, some at a time.
        path: The file; one that is there is replaced in one step.
        crs: Of all coordinates.

    Raises:
        ConfigurationError: Its ending is none of `SUFFIXES`.
    """
    check_results_path(path)
    if path.suffix.lower() == ".geojson":
        with atomic.atomic_file(path) as partial, partial.open("w", encoding="utf-8") as stream:
            stream.writelines(printed(outcomes, output_format="geojson"))
    elif path.suffix.lower() == ".parquet":
        rows = [row for outcome in outcomes for row in answer_rows(outcome)]
        squares = [square_of(row) for row in rows]
        with atomic.atomic_file(path) as partial:
            layer = gpd.GeoDataFrame(rows, geometry=squares, crs=crs)
            layer.to_parquet(partial, index=False)
    else:
        write_geopackage(outcomes, path, crs=crs)


def outcomes_of(
    answers: Sequence[PhotoAnswer], rejected: Sequence[RejectedPhoto]
) -> Iterator[Outcome]:
    """What became of photos that were asked about together; the rejected come last.

    Raises:
        UnreadableInputError: A photo cannot be read a second time.
    """
    paths = [*(Path(answer.query) for answer in answers), *(photo.path for photo in rejected)]
    reasons = [""] * len(answers) + [photo.message for photo in rejected]
    files = named_photos(paths)
    for photo, answer in zip(files, answers, strict=False):
        record = record_of(
            answer, name=photo.name, path=photo.path, file=file_state(photo.path), seconds=None
        )
        yield Outcome(photo=photo, record=record)
    for photo, reason in list(zip(files, reasons, strict=True))[len(answers) :]:
        yield Outcome(photo=photo, reason=reason)


def answer_layer(answers: Sequence[PhotoAnswer]) -> gpd.GeoDataFrame:
    """A row for each result, columns as in `answers.columns_of`, the tile's square as geometry."""
    pairs = list(results(answers))
    rows = [flat_properties(answer, hit) for answer, hit in pairs]
    squares = [shapely.box(*hit.bounds) for _, hit in pairs]
    columns = {name: [row[name] for row in rows] for name in columns_of(answers)}
    return gpd.GeoDataFrame(columns, geometry=squares, crs=answers[0].crs)
