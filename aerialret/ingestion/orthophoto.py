"""The orthophotos of one date as one picture: files go in, pixels of any rectangle come out."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds

from aerialret.config.sources import SourceConfig
from aerialret.errors import UnreadableInputError
from aerialret.ingestion.crs import crs_name, parse_crs, same_crs
from aerialret.ingestion.decoded_chunks import DecodedChunks
from aerialret.ingestion.fill import fill_pixels
from aerialret.ingestion.ortho_files import OrthoFile, apply, inspect_ortho, open_ortho
from aerialret.ingestion.sampling import Sample, env, sample
from aerialret.ingestion.source_window import Target
from aerialret.ingestion.value_range import ValueRange, range_of
from aerialret.tiles.arrays import Image, Valid
from aerialret.tiles.grid import Bounds

LEAST_WEIGHT = 0.5 - 1e-4
"""A pixel is valid when at least half of its area is image."""

_OPEN_FILES = 24


class Picture(NamedTuple):
    """The picture of a rectangle.

    Attributes:
        image: Red, green, blue; 0 where there is no image.
        valid: Where there is an image.
        has_fill: Whether areas of pure black or white were taken for no image.
    """

    image: Image
    valid: Valid
    has_fill: bool


class OrthoMosaic:
    """The orthophotos of one date as one picture; earlier files lie on top of later ones.

    Use it as a context manager: it holds files open.

    Attributes:
        files: The files, the uppermost first.
        crs: The coordinate system that rectangles are given in.
        footprints: The rectangle of each file in `crs`.
        value_range: Sensor values drawn black and white, where files are not 8 bits.
    """

    def __init__(
        self, files: Sequence[OrthoFile], *, crs: pyproj.CRS, value_range: ValueRange | None
    ) -> None:
        self.files = tuple(files)
        self.crs = crs
        self.value_range = value_range
        self.footprints = tuple(footprint(file, crs) for file in self.files)
        self._tree = shapely.STRtree([shapely.box(*bounds) for bounds in self.footprints])
        self._open: OrderedDict[Path, DatasetReader] = OrderedDict()
        self._stack = ExitStack()
        self._chunks = DecodedChunks()

    def __enter__(self) -> "OrthoMosaic":
        self._stack.enter_context(env())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for dataset in self._open.values():
            dataset.close()
        self._open.clear()
        self._stack.close()

    def read(self, bounds: Bounds, *, shape: tuple[int, int]) -> Picture:
        """The picture of a rectangle.

        Args:
            bounds: The rectangle in units of the mosaic's CRS.
            shape: Rows and columns of the picture.

        Raises:
            UnreadableInputError: A file cannot be decoded.
        """
        target = Target(bounds, self.crs, shape)
        values = np.zeros((3, *shape), np.float32)
        weights = np.zeros(shape, np.float32)
        has_fill = False
        for index in sorted(self._tree.query(shapely.box(*bounds)).tolist()):
            if (weights >= 1 - 1e-6).all():
                break
            part = self._drawn(self.files[index], target)
            has_fill |= part.has_fill
            _lay_under(part.sample, values=values, weights=weights)
        valid = weights >= LEAST_WEIGHT
        means = np.divide(values, weights, out=np.zeros_like(values), where=valid)
        return Picture(np.floor(means + 0.5).astype(np.uint8), valid, has_fill)

    def _drawn(self, file: OrthoFile, target: Target) -> "_Part":
        """What `file` shows, from 0 (black) to 255 (white)."""
        part = sample(self._dataset(file), file, target, read=self._chunks.read)
        stretch = self.value_range
        if stretch is None or (stretch.deep_only and file.dtype == "uint8"):
            return _Part(part, False) if file.has_mask else _without_fill(part, target)
        return _Part(Sample(stretch.apply(part.means()) * part.weights, part.weights), False)

    def _dataset(self, file: OrthoFile) -> DatasetReader:
        if file.path not in self._open:
            if len(self._open) == _OPEN_FILES:
                self._open.popitem(last=False)[1].close()
            self._open[file.path] = open_ortho(file.path)
        self._open.move_to_end(file.path)
        return self._open[file.path]


def open_mosaic(
    files: Sequence[OrthoFile], *, crs: pyproj.CRS, source: SourceConfig
) -> OrthoMosaic:
    """The mosaic of inspected `files`, with the value range of `source` or of their pixels.

    Raises:
        UnreadableInputError: A file cannot be read, or has no place in `crs`.
    """
    with env():
        return OrthoMosaic(files, crs=crs, value_range=range_of(files, source=source))


def inspect_orthos(
    paths: Sequence[Path],
    *,
    source: SourceConfig,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[OrthoFile]:
    """What a reader must know of each file.

    Args:
        paths: Orthophoto files.
        source: How files without CRS or with many bands are read.
        progress: Called with `orthophotos`, files done, files in all.

    Raises:
        UnreadableInputError: A file cannot be read.
        MissingCrsError: A file has no coordinate system.
        ConfigurationError: A file lacks the bands that were asked for.
    """
    files = []
    with env():
        for path in paths:
            files.append(inspect_ortho(path, source=source))
            if progress:
                progress("orthophotos", len(files), len(paths))
    return files


def read_area(
    paths: Sequence[Path],
    *,
    bounds: Bounds,
    crs: str,
    shape: tuple[int, int],
    source: SourceConfig,
) -> tuple[Image, Valid]:
    """The picture of a rectangle, pixel for pixel as `ingest` would write it.

    Args:
        paths: Orthophoto files, the uppermost first.
        bounds: The rectangle in units of `crs`.
        crs: Coordinate system of the rectangle and of the picture.
        shape: Rows and columns of the picture.
        source: How files without CRS, with many bands or 16 bits are read.

    Raises:
        UnreadableInputError: A file cannot be read.
        MissingCrsError: A file has no coordinate system.
        ConfigurationError: A file lacks the bands that were asked for.
    """
    files = inspect_orthos(paths, source=source)
    with open_mosaic(files, crs=parse_crs(crs, option="crs"), source=source) as mosaic:
        picture = mosaic.read(bounds, shape=shape)
    return picture.image, picture.valid


class _Part(NamedTuple):
    sample: Sample
    has_fill: bool


def _without_fill(part: Sample, target: Target) -> _Part:
    area_m2 = target.bounds.width * target.bounds.height / (target.shape[0] * target.shape[1])
    fill = fill_pixels(part, pixel_area_m2=area_m2)
    return _Part(Sample(part.values * ~fill, part.weights * ~fill), bool(fill.any()))


def _lay_under(part: Sample, *, values: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
    """Adds what `part` shows of the area that is still free."""
    taken = np.minimum(part.weights, 1 - weights)
    values += part.means() * taken
    weights += taken


def footprint(file: OrthoFile, crs: pyproj.CRS) -> Bounds:
    """The rectangle around a file in `crs`.

    Raises:
        UnreadableInputError: It has none: the file lies outside the system's domain.
    """
    corners = [
        apply(file.transform, col, row) for col in (0, file.width) for row in (0, file.height)
    ]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    own = Bounds(min(xs), min(ys), max(xs), max(ys))
    if same_crs(file.crs, crs):
        return own
    try:
        bounds = Bounds(*transform_bounds(file.crs.to_wkt(), crs.to_wkt(), *own))
    except RasterioError:
        bounds = Bounds(np.inf, np.inf, np.inf, np.inf)
    if not np.isfinite(bounds).all():
        raise UnreadableInputError(
            f"{file.path} lies where {crs_name(crs)} has no coordinates; check its CRS "
            f"({crs_name(file.crs)}), or give another one with --crs"
        )
    return bounds
