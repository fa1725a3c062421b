"""Where vectors are complete: the area, and what did not come, go in; a polygon layer comes out."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.services.fetched import FetchedFiles
from aerialret.services.maps.projections import metres_per_unit, named_crs
from aerialret.services.service_area import ServiceArea
from aerialret.tiles.area import read_area

REACH_M = 50.0
"""So far beyond an area its features are asked for: wide lines reach in from outside."""


def reaching_in(area: ServiceArea) -> BaseGeometry:
    """The area and the ground from which what is drawn can reach into it."""
    return _widened(area.shape, crs=area.crs)


def write_coverage(
    area: ServiceArea, *, answers: Iterable[FetchedFiles], given: Path | None, folder: Path
) -> Path:
    """Writes a layer of the ground on which the vectors are complete.

    That is the area, as far as services know it (`within`), without what did not come (`lacking`).

    Args:
        area: What the services were asked for.
        answers: What came of those that give vectors.
        given: Polygons that the user gave; the coverage ends where they end.
        folder: The cache folder.

    Raises:
        AerialretError: As `read_area` raises.
    """
    answers = list(answers)
    shape = area.shape
    for path in filter(None, [given, *(one.within for one in answers)]):
        shape = shape.intersection(read_area(str(path), crs=area.crs))
    lacking = shapely.union_all([part for one in answers for part in one.lacking])
    if not lacking.is_empty:
        shape = shape.difference(_widened(lacking, crs=area.crs))
    return _written(_polygons(shape), crs=area.crs, folder=folder)


def _widened(shape: BaseGeometry, *, crs: str) -> BaseGeometry:
    reach = REACH_M / metres_per_unit(named_crs(crs, asked="area"))
    return shape.buffer(reach, join_style="mitre")


def _polygons(shape: BaseGeometry) -> BaseGeometry:
    """Without the points and lines that an intersection leaves where areas only touch."""
    parts = shapely.get_parts(shape)
    parts = shapely.get_parts(parts[shapely.get_dimensions(parts) == 2])
    return shapely.normalize(shapely.union_all(parts))


def _written(shape: BaseGeometry, *, crs: str, folder: Path) -> Path:
    import geopandas as gpd

    key = hashlib.sha256(f"{crs} {shape.wkb_hex}".encode()).hexdigest()[:32]
    path = folder / "areas" / key / "area.parquet"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        gpd.GeoDataFrame(geometry=[shape], crs=crs).to_parquet(part)
        part.replace(path)
    return path
