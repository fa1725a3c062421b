"""The area of a search or an ingest: BBOX or a file goes in, a geometry comes out."""

from pathlib import Path

import geopandas as gpd
import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.errors import (
    ConfigurationError,
    EmptyLayerError,
    MissingCrsError,
    MissingInputError,
    UnreadableInputError,
)


def read_area(text: str, *, crs: str) -> BaseGeometry:
    """The geometry that `--area` names, in `crs`.

    Args:
        text: `left,bottom,right,top` in units of `crs`, or the path of a vector file.
        crs: The CRS of the answer and of the four numbers.

    Raises:
        ConfigurationError: The four numbers are no rectangle.
        MissingInputError: It is neither four numbers nor an existing file.
        UnreadableInputError: The file is no vector file.
        EmptyLayerError: The file has no features.
        MissingCrsError: The file has no CRS.
    """
    numbers = _numbers(text)
    if numbers is None:
        return _read_file(Path(text), crs=crs)
    if len(numbers) != 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        raise ConfigurationError(
            f"area {text!r} is no rectangle; write left,bottom,right,top in {crs}, or give a file"
        )
    left, bottom, right, top = numbers
    return shapely.box(left, bottom, right, top)


def _numbers(text: str) -> list[float] | None:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return None


def _read_file(path: Path, *, crs: str) -> BaseGeometry:
    if not path.exists():
        raise MissingInputError(
            f"area {path} does not exist; give a vector file, or left,bottom,right,top in {crs}"
        )
    try:
        layer = gpd.read_parquet(path) if path.suffix == ".parquet" else gpd.read_file(path)
    except Exception as error:  # pyogrio, pyarrow and geopandas raise errors that share no base
        raise UnreadableInputError(f"area {path} is no readable vector file: {error}") from error
    if layer.empty:
        raise EmptyLayerError(f"area {path} has no features; give a file that has some")
    if layer.crs is None:
        raise MissingCrsError(f"area {path} has no CRS; add one, as with 'ogr2ogr -a_srs {crs}'")
    union: BaseGeometry = layer.to_crs(crs).geometry.make_valid().union_all()
    return union
