"""Where a rectangle lies in an orthophoto: geometry only, no pixel is read."""

import math
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import pyproj
from affine import Affine
from rasterio.transform import from_bounds
from rasterio.warp import transform, transform_bounds
from rasterio.windows import Window

from aerialret.ingestion.crs import same_crs
from aerialret.ingestion.imagery.ortho_files import apply
from aerialret.tiles.grid import Bounds

PIXELS_AT_ONCE = 12_000_000
"""Source pixels that are held in memory at once."""

MARGIN_PX = 3
"""Source pixels read around the rectangle: bilinear interpolation needs one."""


class Target(NamedTuple):
    """The pixels to fill.

    Attributes:
        bounds: The rectangle in units of `crs`.
        crs: Its coordinate system.
        shape: Rows and columns.
    """

    bounds: Bounds
    crs: pyproj.CRS
    shape: tuple[int, int]

    @property
    def affine(self) -> Affine:
        """From columns and rows to coordinates."""
        affine: Affine = from_bounds(*self.bounds, self.shape[1], self.shape[0])
        return affine


class Raster(Protocol):
    """What geometry must know of a picture: a file, or a file at a wavelet level."""

    @property
    def crs(self) -> pyproj.CRS:
        """Its coordinate system."""

    @property
    def transform(self) -> Affine:
        """From columns and rows to coordinates."""

    @property
    def width(self) -> int:
        """Columns."""

    @property
    def height(self) -> int:
        """Rows."""


def strips(file: Raster, target: Target) -> Iterator[Target]:
    """`target` in strips from the top, each small enough to be read at once."""
    height, width = target.shape
    window = source_window(file, target)
    most_rows = max(1, int(height * PIXELS_AT_ONCE / max(window.width * window.height, 1)))
    step = target.bounds.height / height
    for first in range(0, height, most_rows):
        end = min(first + most_rows, height)
        top = target.bounds.top - first * step
        bottom = target.bounds.top - end * step if end < height else target.bounds.bottom
        bounds = target.bounds._replace(top=top, bottom=bottom)
        yield Target(bounds, target.crs, (end - first, width))


def source_window(file: Raster, target: Target) -> Window:
    """The file's columns and rows around `target`, as real numbers, maybe outside the file."""
    left, bottom, right, top = _source_bounds(file, target)
    to_pixels = ~file.transform
    corners = [apply(to_pixels, x, y) for x in (left, right) for y in (bottom, top)]
    cols, rows = [col for col, _ in corners], [row for _, row in corners]
    return Window(min(cols), min(rows), max(cols) - min(cols), max(rows) - min(rows))


def clip_to_file(window: Window, file: Raster) -> Window | None:
    """Whole columns and rows of the file around `window`, or None where it shows none."""
    first_col = max(0, math.floor(window.col_off) - MARGIN_PX)
    first_row = max(0, math.floor(window.row_off) - MARGIN_PX)
    end_col = min(file.width, math.ceil(window.col_off + window.width) + MARGIN_PX)
    end_row = min(file.height, math.ceil(window.row_off + window.height) + MARGIN_PX)
    if end_col <= first_col or end_row <= first_row:
        return None
    return Window(first_col, first_row, end_col - first_col, end_row - first_row)


def source_pixels_per_pixel(file: Raster, target: Target) -> float:
    """How many pixels of the file the target's middle pixel covers."""
    step = target.affine
    x = (target.bounds.left + target.bounds.right) / 2
    y = (target.bounds.bottom + target.bounds.top) / 2
    xs, ys = [x, x + step.a, x], [y, y, y + step.e]
    if not same_crs(file.crs, target.crs):
        xs, ys = transform(target.crs.to_wkt(), file.crs.to_wkt(), xs, ys)[:2]
    to_pixels = ~file.transform
    (ax, ay), (bx, by), (cx, cy) = (apply(to_pixels, x, y) for x, y in zip(xs, ys, strict=True))
    return float(abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)))


def _source_bounds(file: Raster, target: Target) -> tuple[float, float, float, float]:
    if same_crs(file.crs, target.crs):
        return target.bounds
    left, bottom, right, top = transform_bounds(
        target.crs.to_wkt(), file.crs.to_wkt(), *target.bounds
    )
    return left, bottom, right, top
