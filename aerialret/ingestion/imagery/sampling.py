"""Pixels of one orthophoto on another grid: a file and a rectangle go in, values and weights out.

The definition, whatever the file's format: the file is taken at the wavelet level that the target's
pixel size asks for (`aerialret.ingestion.imagery.reduced_file`). A sample smaller than the target's
pixel counts by the area it covers of it (the exact average); a larger one is interpolated
bilinearly. The weight of a target pixel is the share of it that the file shows.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from aerialret.ingestion.crs import same_crs
from aerialret.ingestion.imagery.area_average import Overlaps, area_sums, overlaps
from aerialret.ingestion.imagery.reduced_file import ReducedFile
from aerialret.ingestion.imagery.source_window import (
    MARGIN_PX,
    Target,
    clip_to_file,
    source_pixels_per_pixel,
    source_window,
    strips,
)

_BLOCK_CACHE_BYTES = 96 * 2**20  # rasterio takes bytes where GDAL's own setting takes megabytes


class Sample(NamedTuple):
    """A file's share of a rectangle.

    Attributes:
        values: float32 [bands, height, width], sensor values times their weight.
        weights: float32 [height, width], from 0 (not in the file) to 1.
    """

    values: NDArray[np.float32]
    weights: NDArray[np.float32]

    def means(self) -> NDArray[np.float32]:
        """float32 [bands, height, width]: sensor values; 0 where the weight is 0."""
        means: NDArray[np.float32] = np.divide(
            self.values, self.weights, out=np.zeros_like(self.values), where=self.weights > 0
        )
        return means


WindowReader: TypeAlias = Callable[
    [ReducedFile, Window], tuple[NDArray[np.generic], NDArray[np.float32] | None]
]
"""Reads samples [bands, height, width] of a window inside a picture, 0 where there is no image, and
the share of image of each; None where all of it is."""


def sample(picture: ReducedFile, target: Target, *, read: WindowReader) -> Sample:
    """The share of `target` that a picture shows.

    Args:
        picture: The file at the level for the target.
        target: The pixels to fill.
        read: Where its samples come from.

    Raises:
        UnreadableInputError: Its pixels cannot be decoded.
    """
    parts = [_sample_strip(picture, strip, read) for strip in strips(picture, target)]
    if len(parts) == 1:
        return parts[0]
    return Sample(
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.weights for part in parts], axis=0),
    )


def windows_of(picture: ReducedFile, target: Target) -> list[Window]:
    """The windows that `sample` will read."""
    wanted = (
        clip_to_file(source_window(picture, strip), picture) for strip in strips(picture, target)
    )
    return [window for window in wanted if window is not None]


def _sample_strip(picture: ReducedFile, target: Target, read: WindowReader) -> Sample:
    inside = clip_to_file(source_window(picture, target), picture)
    if inside is None:
        height, width = target.shape
        return Sample(
            np.zeros((len(picture.bands), height, width), np.float32),
            np.zeros((height, width), np.float32),
        )
    values, valid = read(picture, inside)
    axes = _square_axes(picture, target, inside)
    if axes is not None:
        return Sample(*area_sums(values, valid, rows=axes[0], cols=axes[1]))
    return _resample(values, valid, inside, picture=picture, target=target)


def _square_axes(
    picture: ReducedFile, target: Target, window: Window
) -> tuple[Overlaps, Overlaps] | None:
    """Rows and columns of the target over those of the window, where north is up in both."""
    own, wanted = picture.transform, target.affine
    if own.b or own.d or own.a <= 0 or own.e >= 0 or not same_crs(picture.crs, target.crs):
        return None
    if _interpolates(picture, target):
        return None
    height, width = target.shape
    cols = overlaps(
        edge=(wanted.c - own.c) / own.a - window.col_off,
        step=wanted.a / own.a, count=width, source_count=window.width,
    )  # fmt: skip
    rows = overlaps(
        edge=(wanted.f - own.f) / own.e - window.row_off,
        step=wanted.e / own.e, count=height, source_count=window.height,
    )  # fmt: skip
    return rows, cols


def _resample(
    values: NDArray[np.generic],
    valid: NDArray[np.float32] | None,
    window: Window,
    *,
    picture: ReducedFile,
    target: Target,
) -> Sample:
    # Validity is resampled as a band of its own, in a frame of zeros, so that the warper sees no
    # edge and no nodata: values and weights then are exact sums of areas.
    shares = np.ones(values.shape[1:], np.float32) if valid is None else valid
    bands = np.concatenate([values.astype(np.float32) * shares, shares[None]])
    framed = np.pad(bands, ((0, 0), (MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX)))
    height, width = framed.shape[1:]
    frame = Window(window.col_off - MARGIN_PX, window.row_off - MARGIN_PX, width, height)
    crs = target.crs if same_crs(picture.crs, target.crs) else picture.crs
    result = np.zeros((len(framed), *target.shape), np.float32)
    method = Resampling.bilinear if _interpolates(picture, target) else Resampling.average
    reproject(
        framed,
        result,
        src_transform=window_transform(frame, picture.transform),
        src_crs=crs.to_wkt(),
        dst_transform=target.affine,
        dst_crs=target.crs.to_wkt(),
        resampling=method,
        tolerance=0.0,  # exact positions: the approximation would depend on the tile's extent
    )
    return Sample(result[:-1], result[-1])


def _interpolates(picture: ReducedFile, target: Target) -> bool:
    """Whether the picture's samples are larger than the target's pixels."""
    return source_pixels_per_pixel(picture, target) < 1 - 1e-6


def env() -> rasterio.Env:
    """GDAL's settings for reading: one thread, and room for a row of blocks of a large file.

    With more threads, OpenJPEG reports a damaged file on stderr, past every handler.
    """
    return rasterio.Env(GDAL_NUM_THREADS="1", GDAL_CACHEMAX=_BLOCK_CACHE_BYTES)
