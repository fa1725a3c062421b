"""Pixels of a file at a wavelet level: a window of samples goes in, the samples come out.

JPEG2000 files of the 9/7 wavelet are decoded no finer than the level. All others are brought to the
same band by `aerialret.ingestion.imagery.wavelet`: from their overview of half the size where it is
seen to hold plain averages, else from all their pixels.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader
from rasterio.windows import Window

from aerialret.ingestion.imagery.band_strips import Finer, Pixels, band_of
from aerialret.ingestion.imagery.ortho_files import OrthoFile, reading
from aerialret.ingestion.imagery.reduced_file import ReducedFile
from aerialret.ingestion.imagery.wavelet import Band, kernel, kernel_from_halves

Opener: TypeAlias = Callable[[OrthoFile, int], DatasetReader]
"""Opens a file at an overview; 0 is the file as it is, 1 half its size."""

_CHECKED_PX = 128
_LEAST_LEVEL_FROM_HALVES = 2


def decode_band(opened: Opener, picture: ReducedFile, window: Window) -> Band:
    """Samples of `picture`.

    Args:
        opened: How files are opened.
        picture: The file and its level.
        window: Whole columns and rows of samples, inside the picture.

    Raises:
        UnreadableInputError: The pixels cannot be decoded.
    """
    file, level = picture.file, picture.level
    if not level:
        return _plain(opened(file, 0), file, window)
    detail = finest_needed(opened, picture)
    if detail == level:
        with reading(file.path):
            return Band(opened(file, level).read(file.bands, window=window), None)
    dataset = opened(file, detail)

    def read(part: Window) -> Pixels:
        return decode(dataset, file, part, overview=detail)

    finer = Finer(
        read=read, made=kernel_from_halves(level) if detail else kernel(level),
        height=dataset.height, width=dataset.width, block_rows=dataset.block_shapes[0][0],
        pixel_bytes=len(file.bands) * np.dtype(file.dtype).itemsize,
    )  # fmt: skip
    return band_of(finer, window)


def finest_needed(opened: Opener, picture: ReducedFile) -> int:
    """The coarsest overview of a file that its picture can be made from.

    It is the level itself for JPEG2000, 1 for a TIFF whose overview of half the size holds plain
    averages, 0 where all pixels are needed.
    """
    file, level = picture.file, picture.level
    if level <= file.codec_levels:
        finest = opened(file, level)
        if (finest.width, finest.height) == (picture.width, picture.height):
            return level
    if level >= _LEAST_LEVEL_FROM_HALVES and _has_averaged_halves(opened, file):
        return 1
    return 0


def _has_averaged_halves(opened: Opener, file: OrthoFile) -> bool:
    """Whether the file's first overview holds averages of 2 x 2 pixels, as far as samples tell."""
    dataset = opened(file, 0)
    if dataset.driver != "GTiff" or file.has_mask or file.missing_blocks:
        return False
    if np.dtype(file.dtype).kind not in "ui" or dataset.overviews(file.bands[0])[:1] != [2]:
        return False
    halves = opened(file, 1)
    if (halves.width, halves.height) != (-(-file.width // 2), -(-file.height // 2)):
        return False
    return all(_holds_averages(dataset, halves, file, window) for window in _samples(file))


def _holds_averages(
    dataset: DatasetReader, halves: DatasetReader, file: OrthoFile, window: Window
) -> bool:
    """Whether the overview under a window of even sides is its pixels' average, rounded somehow."""
    pixels = decode(dataset, file, window)[0].astype(np.float64)
    bands, height, width = pixels.shape
    averages = pixels.reshape(bands, height // 2, 2, width // 2, 2).mean(axis=(2, 4))
    place = Window(window.col_off // 2, window.row_off // 2, width // 2, height // 2)
    there = decode(halves, file, place, overview=1)[0]
    return bool((np.abs(there - averages) <= 1).all())


def _samples(file: OrthoFile) -> list[Window]:
    """A few windows of even sides, spread over the file."""
    width, height = min(_CHECKED_PX, file.width & ~1), min(_CHECKED_PX, file.height & ~1)
    return [
        Window(
            int((file.width - width) * share) & ~1, int((file.height - height) * down) & ~1, width,
            height,
        )
        for share, down in ((0.5, 0.5), (0.15, 0.7), (0.8, 0.2))
    ]  # fmt: skip


def decode(dataset: DatasetReader, file: OrthoFile, window: Window, *, overview: int = 0) -> Pixels:
    """Pixels [bands, height, width] of a window, 0 where there is no image, and where there is one.

    Pixel for pixel: GDAL turns to overviews and wavelet levels only where fewer are asked for.

    Args:
        dataset: The open file, or an overview of it.
        file: What is known of it.
        window: Whole columns and rows.
        overview: Which overview `dataset` is; 0: none.

    Raises:
        UnreadableInputError: The pixels cannot be decoded.
    """
    with reading(file.path):
        values: NDArray[np.generic] = dataset.read(file.bands, window=window)
        if not (values.dtype.kind == "f" or file.has_mask or file.missing_blocks):
            return values, None
        valid: NDArray[np.bool_] = np.isfinite(values).all(axis=0)
        if file.has_mask:
            valid &= _declared(dataset, window)
    if not overview:
        for block in _missing_in(file, window):
            valid[block] = False
    if valid.all():
        return values, None
    values[:, ~valid] = 0
    return values, valid


def _declared(dataset: DatasetReader, window: Window) -> NDArray[np.bool_]:
    """Where nodata, an alpha band or a mask band says that there is an image.

    rasterio's own `dataset_mask` warns, from every thread, where a file has nodata and alpha.
    """
    bands = list(dataset.indexes)
    if dataset.nodata is None:
        bands = [
            band
            for band, meaning in zip(bands, dataset.colorinterp, strict=True)
            if meaning != ColorInterp.alpha
        ]
    declared: NDArray[np.bool_] = (dataset.read_masks(bands, window=window) > 0).any(axis=0)
    return declared


def _plain(dataset: DatasetReader, file: OrthoFile, window: Window) -> Band:
    values, valid = decode(dataset, file, window)
    return Band(values, None if valid is None else valid.astype(np.float32))


def _missing_in(file: OrthoFile, window: Window) -> Iterator[tuple[slice, slice]]:
    height, width = file.block_shape
    for col, row in sorted(file.missing_blocks):
        top, left = row * height - window.row_off, col * width - window.col_off
        if -height < top < window.height and -width < left < window.width:
            yield (
                slice(max(0, top), top + height),
                slice(max(0, left), left + width),
            )
