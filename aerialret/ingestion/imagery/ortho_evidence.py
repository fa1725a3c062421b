"""What may tell where an orthophoto lies: an open file goes in, CRS and geotransforms come out.

They come from the file, its sidecars, its name and the delivery's tile index, the strongest first.
GDAL's own part comes first: what stands in the file, .aux.xml and the world files it knows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyproj
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.io import DatasetReader
from rasterio.transform import from_gcps

from aerialret.ingestion.crs import crs_of_wkt, same_place
from aerialret.ingestion.imagery.bdortho_names import BdOrthoName, parse_name
from aerialret.ingestion.imagery.mapinfo_tab import RasterTable, read_table
from aerialret.ingestion.imagery.sidecars import beside, read_prj, read_world_file, world_file
from aerialret.ingestion.imagery.tile_index import IndexedTile, indexed_tile

OWN = "the file"
NAME = "its name"

MOST_MISFIT_PX = 1.0
"""Ground control points further than this from a geotransform are no geotransform."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """Something that may tell the CRS or the geotransform.

    Attributes:
        origin: What it is, for messages.
        files: The files it stands in, beside the orthophoto.
        crs: The CRS it tells; None where it tells none.
        transform: The geotransform it tells; None where it tells none.
        remark: Why it tells none, where it is there.
        is_sure: Whether nothing was guessed.
    """

    origin: str
    files: tuple[Path, ...] = ()
    crs: pyproj.CRS | None = None
    transform: Affine | None = None
    remark: str = ""
    is_sure: bool = True


class Evidence:
    """All that may tell where one open file lies; nothing is read before it is asked for."""

    def __init__(self, dataset: DatasetReader, path: Path) -> None:
        self.dataset = dataset
        self.path = path
        self.name: BdOrthoName | None = parse_name(path)

    def crs_clues(self) -> Iterator[Clue]:
        """What may tell the CRS, the strongest first."""
        yield self._own_crs()
        yield self._prj()
        yield self._table
        yield self.name_crs()
        yield self._index

    def transform_clues(self, crs: pyproj.CRS) -> Iterator[Clue]:
        """What may tell the geotransform in `crs`, the strongest first."""
        yield self._own_transform()
        yield self._world()
        yield self._table
        yield self.name_transform(crs)
        yield self._index

    def name_crs(self) -> Clue:
        """The CRS that the name tells."""
        if self.name is None:
            return Clue(origin=NAME)
        if self.name.epsg is None:
            return Clue(origin=NAME, remark=f"{self.name.crs_token} is not known")
        return Clue(origin=NAME, crs=pyproj.CRS.from_epsg(self.name.epsg))

    def name_transform(self, crs: pyproj.CRS) -> Clue:
        """The geotransform that the name tells, where it tells one in `crs`."""
        if self.name is None:
            return Clue(origin=NAME)
        pixel_m, is_sure = self.name.pixel_m(width_px=self.dataset.width)
        left, top = self.name.left_m, self.name.top_m
        own = self.name_crs().crs
        if own is not None and not same_place(own, crs, at=(left, top), tolerance=pixel_m):
            return Clue(origin=NAME, remark=f"it is in EPSG:{self.name.epsg}")
        transform = Affine(pixel_m, 0.0, left, 0.0, -pixel_m, top)
        return Clue(origin=NAME, transform=transform, is_sure=is_sure)

    def _own_crs(self) -> Clue:
        crs = self.dataset.crs or self.dataset.gcps[1]
        if not crs:
            return Clue(origin=OWN)
        if not (crs.is_projected or crs.is_geographic):
            return Clue(origin=OWN, remark="a system without a place on Earth")
        return Clue(origin=OWN, crs=crs_of_wkt(crs.to_wkt()))

    def _own_transform(self) -> Clue:
        if self.dataset.transform != Affine.identity():
            return Clue(origin=OWN, transform=self.dataset.transform)
        points = self.dataset.gcps[0]
        if len(points) < 3:
            return Clue(origin=OWN)
        fitted = from_gcps(points)
        if not is_regular(fitted) or _misfit_px(fitted, points) > MOST_MISFIT_PX:
            return Clue(origin=OWN, remark=f"its {len(points)} control points fit no geotransform")
        return Clue(origin=OWN, transform=fitted)

    def _prj(self) -> Clue:
        path = beside(self.path, ".prj")
        if path is None:
            return Clue(origin=".prj")
        crs = read_prj(path)
        remark = "" if crs else "it names no known system"
        return Clue(origin=".prj", files=(path,), crs=crs, remark=remark)

    def _world(self) -> Clue:
        path = world_file(self.path)
        if path is None:
            return Clue(origin="a world file")
        transform = read_world_file(path)
        remark = "" if transform else f"{path.name} holds no six numbers"
        return Clue(origin=path.suffix, files=(path,), transform=transform, remark=remark)

    @cached_property
    def _table(self) -> Clue:
        path = beside(self.path, ".tab")
        if path is None:
            return Clue(origin=".tab")
        table: RasterTable = read_table(path)
        remark = "" if table.crs else "its CoordSys is not known"
        return Clue(
            origin=".tab",
            files=(path,),
            crs=table.crs,
            transform=table.transform,
            remark=remark,
        )

    @cached_property
    def _index(self) -> Clue:
        tile: IndexedTile | None = indexed_tile(self.path)
        if tile is None:
            return Clue(origin="dalles.shp")
        transform = None
        if tile.bounds is not None:
            width = tile.bounds.width / self.dataset.width
            height = tile.bounds.height / self.dataset.height
            transform = Affine(width, 0.0, tile.bounds.left, 0.0, -height, tile.bounds.top)
        return Clue(origin="dalles.shp", files=tile.files, crs=tile.crs, transform=transform)


def is_regular(transform: Affine) -> bool:
    """Whether a geotransform gives every pixel an area of its own."""
    return bool(np.isfinite(transform[:6]).all()) and abs(transform.determinant) > 0


def _misfit_px(fitted: Affine, points: Sequence[GroundControlPoint]) -> float:
    back = ~fitted
    cols = [back.a * point.x + back.b * point.y + back.c - point.col for point in points]
    rows = [back.d * point.x + back.e * point.y + back.f - point.row for point in points]
    return float(np.hypot(cols, rows).max())
