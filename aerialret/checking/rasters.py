"""One orthophoto file looked at: a path goes in, its header and what is wrong with it come out."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import pyproj
import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader

from aerialret.checking.delivery_names import year_in
from aerialret.checking.raster_integrity import damaged_window, truncation
from aerialret.config.sources import SourceConfig
from aerialret.errors import AerialretError, MissingCrsError
from aerialret.ingestion.crs import crs_name
from aerialret.ingestion.imagery.ortho_files import OrthoFile, apply, inspect_ortho
from aerialret.tiles.grid import Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedRaster:
    """One file that may be an orthophoto.

    Attributes:
        path: Where it lies.
        size_bytes: Its length.
        year: The year that its name tells, or nothing.
        damage: Why it cannot be used; empty: it can.
        lacks_crs: Whether it could be used if its CRS were given.
        format: GDAL's name of the format, as in `GTiff`.
        width: Columns.
        height: Rows.
        bands: How many bands it has.
        dtype: Type of its pixels.
        crs: Its coordinate system.
        crs_origin: Where that came from.
        resolution: Side of a pixel in the unit of its CRS.
        bounds: The rectangle around it in its CRS.
        no_image: What tells where there is no image: `nodata 0`, `alpha`, `mask`, or nothing.
        doubts: What contradicts its position.
    """

    path: Path
    size_bytes: int
    year: str = ""
    damage: str = ""
    lacks_crs: bool = False
    format: str = ""
    width: int = 0
    height: int = 0
    bands: int = 0
    dtype: str = ""
    crs: str = ""
    crs_origin: str = ""
    resolution: float = 0.0
    bounds: Bounds | None = None
    no_image: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def is_usable(self) -> bool:
        """Whether `ingest` would read it."""
        return not self.damage and not self.lacks_crs


def check_raster(path: Path, *, source: SourceConfig, deep: bool) -> CheckedRaster:
    """What `ingest` would find in the file at `path`; it never fails.

    Args:
        path: The file.
        source: The settings it would be read with.
        deep: Whether small windows are decoded.
    """
    size, year = path.stat().st_size, year_in(path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                damage = truncation(dataset, path) or (damaged_window(dataset) if deep else "")
                return _checked(path, dataset, source, size=size, year=year, damage=damage)
    except (RasterioError, OSError, AerialretError) as error:
        detail = str(error.__cause__ or error)
        return CheckedRaster(path=path, size_bytes=size, year=year, damage=detail)


def _checked(
    path: Path, dataset: DatasetReader, source: SourceConfig, *, size: int, year: str, damage: str
) -> CheckedRaster:
    file, problem = _inspected(path, source)
    lacks_crs = isinstance(problem, MissingCrsError)
    transform = file.transform if file else dataset.transform
    corners = [apply(transform, x, y) for x in (0, dataset.width) for y in (0, dataset.height)]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return CheckedRaster(
        path=path,
        size_bytes=size,
        year=year,
        damage=damage or (str(problem) if problem and not lacks_crs else ""),
        lacks_crs=lacks_crs,
        format=dataset.driver,
        width=dataset.width,
        height=dataset.height,
        bands=dataset.count,
        dtype=str(dataset.dtypes[0]),
        crs=crs_name(file.crs) if file else "",
        crs_origin=file.crs_origin if file else "",
        resolution=abs(transform.determinant) ** 0.5,
        bounds=None if transform.is_identity else Bounds(min(xs), min(ys), max(xs), max(ys)),
        no_image=_no_image(dataset),
        doubts=file.warnings if file else (),
    )


def _inspected(path: Path, source: SourceConfig) -> tuple[OrthoFile | None, Exception | None]:
    try:
        return inspect_ortho(path, source=source), None
    except AerialretError as error:
        return None, error


def _no_image(dataset: DatasetReader) -> str:
    flags = {flag.name for band in dataset.mask_flag_enums for flag in band}
    if "alpha" in flags:
        return "alpha"
    if "nodata" in flags:
        return f"nodata {dataset.nodata:g}"
    return "mask" if "per_dataset" in flags else ""


def crs_of(raster: CheckedRaster) -> pyproj.CRS:
    """The coordinate system of a file that has one."""
    return pyproj.CRS.from_user_input(raster.crs)
