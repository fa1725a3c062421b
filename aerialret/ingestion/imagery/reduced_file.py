"""An orthophoto at the wavelet level that a grid can show: a file and a pixel size go in.

A tile pixel of 4 m shows nothing of what is finer than 4 m, and decoding it all the same is most of
an ingest's work. The level is the highest that still gives `PIXELS_KEPT` samples along a pixel. It
depends on the pixel sizes alone, never on the format.
"""

import math
from dataclasses import dataclass

import pyproj
from affine import Affine

from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.ingestion.imagery.source_window import Target, source_pixels_per_pixel
from aerialret.ingestion.imagery.wavelet import samples_along
from aerialret.tiles.grid import Bounds

PIXELS_KEPT = 1.9
"""Least samples along a target pixel. Two are enough for all that its grid can show (Nyquist);
1000 m in 256 pixels over half a metre is 7.8, which should still give level 2."""

HIGHEST_LEVEL = 5
"""Levels that JPEG2000 files commonly have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReducedFile:
    """A file as a picture of fewer pixels.

    Attributes:
        file: The file.
        level: The wavelet level; 0 is the file as it is.
    """

    file: OrthoFile
    level: int

    @property
    def crs(self) -> pyproj.CRS:
        """The file's coordinate system."""
        return self.file.crs

    @property
    def width(self) -> int:
        """Columns of samples."""
        return samples_along(self.file.width, level=self.level)

    @property
    def height(self) -> int:
        """Rows of samples."""
        return samples_along(self.file.height, level=self.level)

    @property
    def bands(self) -> tuple[int, ...]:
        """The bands to read."""
        return self.file.bands

    @property
    def transform(self) -> Affine:
        """From columns and rows of samples to coordinates.

        Sample n is centred on pixel 2^k n, so the picture lies half a sample less half a pixel to
        the upper left of the file's corner.
        """
        step = 2.0**self.level
        shift = 0.5 - step / 2
        own = self.file.transform
        return Affine(
            own.a * step, own.b * step, own.c + shift * (own.a + own.b),
            own.d * step, own.e * step, own.f + shift * (own.d + own.e),
        )  # fmt: skip


def reduced(file: OrthoFile, *, crs: pyproj.CRS, pixel_m: tuple[float, float]) -> ReducedFile:
    """`file` at the level that pixels of another grid ask for.

    Args:
        file: The file.
        crs: The other grid's coordinate system.
        pixel_m: Width and height of its pixels in units of `crs`.
    """
    level = level_for(file, crs=crs, pixel_m=pixel_m)
    return ReducedFile(file=file, level=level)


def level_for(file: OrthoFile, *, crs: pyproj.CRS, pixel_m: tuple[float, float]) -> int:
    """The wavelet level of `file` for pixels of a grid, judged at the file's middle."""
    x, y = _middle(file, crs)
    width, height = pixel_m
    pixel = Target(Bounds(x, y - height, x + width, y), crs, (1, 1))
    area = source_pixels_per_pixel(file, pixel)
    if not (math.isfinite(area) and area > 0):
        return 0
    level = math.floor(math.log2(math.sqrt(area) / PIXELS_KEPT) + 1e-9)
    shortest = max(1, min(file.width, file.height))
    return max(0, min(level, HIGHEST_LEVEL, int(math.log2(shortest)) - 4))


def _middle(file: OrthoFile, crs: pyproj.CRS) -> tuple[float, float]:
    own = file.transform
    col, row = file.width / 2, file.height / 2
    x, y = own.a * col + own.b * row + own.c, own.d * col + own.e * row + own.f
    if file.crs == crs:
        return x, y
    moved = pyproj.Transformer.from_crs(file.crs, crs, always_xy=True).transform(x, y)
    return float(moved[0]), float(moved[1])
