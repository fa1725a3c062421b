"""Pixels of one orthophoto on another grid: a file and a rectangle go in, values and weights out.

The definition, whatever the file's format: a pixel smaller than the target's counts by the area
it covers of the target's pixel (the exact average); a larger one is interpolated bilinearly.
Overviews and the wavelet levels of JPEG2000 never take part, so that two dates are sampled alike.
The weight of a target pixel is the share of it that the file shows.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.warp import reproject
from rasterio.windows import Window
from rasterio.windows import transform as window_transform

from aerialret.ingestion.crs import same_crs
from aerialret.ingestion.ortho_files import OrthoFile, reading
from aerialret.ingestion.source_window import (
    MARGIN_PX,
    Nesting,
    Target,
    clip_to_file,
    nesting,
    source_pixels_per_pixel,
    source_window,
    strips,
)


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
    [DatasetReader, OrthoFile, Window], tuple[NDArray[np.float32], NDArray[np.bool_]]
]
"""Reads a window as `read_window` does."""


def sample(
    dataset: DatasetReader, file: OrthoFile, target: Target, *, read: WindowReader | None = None
) -> Sample:
    """The share of `target` that the open `file` shows.

    Args:
        dataset: The open file.
        file: What is known of it.
        target: The pixels to fill.
        read: Where its pixels come from; None decodes them for this call alone.

    Raises:
        UnreadableInputError: Its pixels cannot be decoded.
    """
    reader = read or read_window
    parts = [_sample_strip(dataset, file, strip, reader) for strip in strips(file, target)]
    return Sample(
        np.concatenate([part.values for part in parts], axis=1),
        np.concatenate([part.weights for part in parts], axis=0),
    )


def read_window(
    dataset: DatasetReader, file: OrthoFile, window: Window
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sensor values [bands, height, width] of a window inside the file, and where they are image.

    Raises:
        UnreadableInputError: The pixels cannot be decoded.
    """
    values, valid = decode(dataset, file, window)
    return values.astype(np.float32), valid


def decode(
    dataset: DatasetReader, file: OrthoFile, window: Window
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """As `read_window`, in the file's own pixel type.

    Pixel for pixel: GDAL turns to overviews and wavelet levels only where fewer are asked for.

    Raises:
        UnreadableInputError: The pixels cannot be decoded.
    """
    with reading(file.path):
        values: NDArray[np.generic] = dataset.read(file.bands, window=window)
        valid = np.isfinite(values).all(axis=0)
        if file.has_mask:
            valid &= dataset.dataset_mask(window=window) > 0
    for block in _missing_in(file, window):
        valid[block] = False
    values[:, ~valid] = 0
    return values, valid


def _sample_strip(
    dataset: DatasetReader, file: OrthoFile, target: Target, read: WindowReader
) -> Sample:
    place = source_window(file, target)
    inside = clip_to_file(place, file)
    if inside is None:
        height, width = target.shape
        return Sample(
            np.zeros((len(file.bands), height, width), np.float32),
            np.zeros((height, width), np.float32),
        )
    values, valid = read(dataset, file, inside)
    nested = nesting(file, target)
    if nested is not None:
        return _means_of_squares(values, valid, inside, target=target, nested=nested)
    return _resample(values, valid, inside, file=file, target=target)


def _means_of_squares(
    values: NDArray[np.float32],
    valid: NDArray[np.bool_],
    window: Window,
    *,
    target: Target,
    nested: Nesting,
) -> Sample:
    """The definition where no pixel is cut: the mean of squares of `factor` pixels."""
    height, width = (side * nested.factor for side in target.shape)
    canvas = np.zeros((len(values) + 1, height, width), np.float32)
    col, row = nested.col - window.col_off, nested.row - window.row_off
    rows = slice(max(0, row), min(window.height, row + height))
    cols = slice(max(0, col), min(window.width, col + width))
    if rows.start < rows.stop and cols.start < cols.stop:
        part = canvas[:, rows.start - row : rows.stop - row, cols.start - col : cols.stop - col]
        part[:-1] = values[:, rows, cols]
        part[-1] = valid[rows, cols]
    means = _sums_of_squares(canvas, side=nested.factor) / np.float32(nested.factor**2)
    return Sample(means[:-1], means[-1])


def _sums_of_squares(values: NDArray[np.float32], *, side: int) -> NDArray[np.float32]:
    rows = values[:, ::side].copy()
    for row in range(1, side):
        rows += values[:, row::side]
    sums = rows[:, :, ::side].copy()
    for col in range(1, side):
        sums += rows[:, :, col::side]
    return sums


def _resample(
    values: NDArray[np.float32],
    valid: NDArray[np.bool_],
    window: Window,
    *,
    file: OrthoFile,
    target: Target,
) -> Sample:
    # Validity is resampled as a band of its own, in a frame of zeros, so that the warper sees no
    # edge and no nodata: values and weights then are exact sums of areas.
    bands = np.concatenate([values, valid[None].astype(np.float32)])
    framed = np.pad(bands, ((0, 0), (MARGIN_PX, MARGIN_PX), (MARGIN_PX, MARGIN_PX)))
    height, width = framed.shape[1:]
    frame = Window(window.col_off - MARGIN_PX, window.row_off - MARGIN_PX, width, height)
    crs = target.crs if same_crs(file.crs, target.crs) else file.crs
    result = np.zeros((len(framed), *target.shape), np.float32)
    reproject(
        framed,
        result,
        src_transform=window_transform(frame, file.transform),
        src_crs=crs.to_wkt(),
        dst_transform=target.affine,
        dst_crs=target.crs.to_wkt(),
        resampling=_method(file, target),
        tolerance=0.0,  # exact positions: the approximation would depend on the tile's extent
    )
    return Sample(result[:-1], result[-1])


def _method(file: OrthoFile, target: Target) -> Resampling:
    area = source_pixels_per_pixel(file, target)
    return Resampling.average if area > 1 + 1e-9 else Resampling.bilinear


def _missing_in(file: OrthoFile, window: Window) -> Iterator[tuple[slice, slice]]:
    height, width = file.block_shape
    for col, row in sorted(file.missing_blocks):
        top, left = row * height - window.row_off, col * width - window.col_off
        if -height < top < window.height and -width < left < window.width:
            yield (
                slice(max(0, top), top + height),
                slice(max(0, left), left + width),
            )


def env() -> rasterio.Env:
    """GDAL's settings for reading: one thread, and room for a row of blocks of a large file.

    With more threads, OpenJPEG reports a damaged file on stderr, past every handler.
    """
    return rasterio.Env(GDAL_NUM_THREADS="1", GDAL_CACHEMAX=512)
