"""Pixels of a file at a wavelet level: a window of samples goes in, the samples come out.

JPEG2000 files of the 9/7 wavelet are decoded no finer than the level; all others are decoded whole
and brought to the same band by `aerialret.ingestion.wavelet`. Overviews of TIFFs never take part:
nobody knows how they were made.
"""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from aerialret.ingestion.ortho_files import OrthoFile, reading
from aerialret.ingestion.reduced_file import ReducedFile
from aerialret.ingestion.wavelet import Band, low_pass, margin_px

STRIP_BYTES = 12 * 2**20
"""Pixels that are held at once while a band is computed."""

Opener: TypeAlias = Callable[[OrthoFile, int], DatasetReader]
"""Opens a file at a codec level; 0 is the file as it is."""


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
    if level <= codec_levels(opened(file, 0), file):
        finest = opened(file, level)
        if (finest.width, finest.height) == (picture.width, picture.height):
            with reading(file.path):
                return Band(finest.read(file.bands, window=window), None)
    return _computed(opened(file, 0), picture, window)


def codec_levels(dataset: DatasetReader, file: OrthoFile) -> int:
    """How many levels of the 9/7 wavelet the file itself can be decoded at."""
    if dataset.driver != "JP2OpenJPEG" or file.has_mask:
        return 0
    if dataset.tags(ns="IMAGE_STRUCTURE").get("COMPRESSION_REVERSIBILITY") != "LOSSY":
        return 0
    if any(member.suffix.lower() == ".ovr" for member in file.members):
        return 0
    return len(dataset.overviews(file.bands[0]))


def decode(
    dataset: DatasetReader, file: OrthoFile, window: Window
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Pixels [bands, height, width] of a window, 0 where there is no image, and where there is one.

    Pixel for pixel: GDAL turns to overviews and wavelet levels only where fewer are asked for.

    Raises:
        UnreadableInputError: The pixels cannot be decoded.
    """
    with reading(file.path):
        values: NDArray[np.generic] = dataset.read(file.bands, window=window)
        valid: NDArray[np.bool_] = np.ones(values.shape[1:], bool)
        if values.dtype.kind == "f":
            valid &= np.isfinite(values).all(axis=0)
        if file.has_mask:
            valid &= dataset.dataset_mask(window=window) > 0
    for block in _missing_in(file, window):
        valid[block] = False
    if not valid.all():
        values[:, ~valid] = 0
    return values, valid


def _plain(dataset: DatasetReader, file: OrthoFile, window: Window) -> Band:
    values, valid = decode(dataset, file, window)
    return Band(values, None if valid.all() else valid.astype(np.float32))


def _computed(dataset: DatasetReader, picture: ReducedFile, window: Window) -> Band:
    """The band of a window, strip by strip, so that every pixel of it is decoded once."""
    bands = [
        low_pass(values, None if valid.all() else valid, level=picture.level)
        for values, valid in _strips(dataset, picture, window)
    ]
    values = np.concatenate([band.values for band in bands], axis=1)
    if all(band.valid is None for band in bands):
        return Band(values, None)
    shares = [
        np.ones(band.values.shape[1:], np.float32) if band.valid is None else band.valid
        for band in bands
    ]
    return Band(values, np.concatenate(shares))


def _strips(
    dataset: DatasetReader, picture: ReducedFile, window: Window
) -> Iterator[tuple[NDArray[np.generic], NDArray[np.bool_]]]:
    """Pixels of strips of samples from the top, each with the margin that its samples need."""
    step, margin = 2**picture.level, margin_px(picture.level)
    rows = _strip_rows(picture, window)
    kept: tuple[NDArray[np.generic], NDArray[np.bool_]] | None = None
    read_to = max(0, window.row_off * step - margin)
    end_row = window.row_off + window.height
    for first in range(window.row_off, end_row, rows):
        end = min(first + rows, end_row)
        need_to = min(picture.file.height, (end - 1) * step + margin + 1)
        if kept is None or need_to > read_to:
            fresh = _columns(dataset, picture, window, first_row=read_to, end_row=need_to)
            kept = fresh if kept is None else _stacked(kept, fresh)
        whole = kept
        top = need_to - whole[1].shape[0]
        yield _mirrored_rows(whole, picture, first=first, end=end, top=top)
        read_to = need_to
        keep_from = max(0, end * step - margin) - top
        kept = whole[0][:, keep_from:], whole[1][keep_from:]


def _strip_rows(picture: ReducedFile, window: Window) -> int:
    """Rows of samples in a strip: whole blocks of the file, as many as the memory allows."""
    file = picture.file
    row_bytes = (window.width << picture.level) * len(file.bands) * np.dtype(file.dtype).itemsize
    block = file.block_shape[0]
    rows = max(1, int(STRIP_BYTES / max(row_bytes, 1)) // block) * block
    return max(1, rows >> picture.level)


def _columns(
    dataset: DatasetReader, picture: ReducedFile, window: Window, *, first_row: int, end_row: int
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Rows of pixels, with the columns that the window's samples need."""
    file, step, margin = picture.file, 2**picture.level, margin_px(picture.level)
    first = window.col_off * step - margin
    end = (window.col_off + window.width - 1) * step + margin + 1
    inside = max(0, first), min(file.width, end)
    values, valid = decode(
        dataset, file, Window(inside[0], first_row, inside[1] - inside[0], end_row - first_row)
    )
    before, after = inside[0] - first, end - inside[1]
    if not (before or after):
        return values, valid
    return (
        np.pad(values, ((0, 0), (0, 0), (before, after)), mode="reflect"),
        np.pad(valid, ((0, 0), (before, after)), mode="reflect"),
    )


def _mirrored_rows(
    whole: tuple[NDArray[np.generic], NDArray[np.bool_]],
    picture: ReducedFile,
    *,
    first: int,
    end: int,
    top: int,
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """The rows that samples `first` to `end` need, mirrored at the file's edges."""
    step, margin = 2**picture.level, margin_px(picture.level)
    start, stop = first * step - margin, (end - 1) * step + margin + 1
    values, valid = whole
    before, after = max(0, -start), max(0, stop - picture.file.height)
    rows = slice(max(0, start) - top, None)
    if not (before or after):
        return values[:, rows], valid[rows]
    return (
        np.pad(values[:, rows], ((0, 0), (before, after), (0, 0)), mode="reflect"),
        np.pad(valid[rows], ((before, after), (0, 0)), mode="reflect"),
    )


def _stacked(
    upper: tuple[NDArray[np.generic], NDArray[np.bool_]],
    lower: tuple[NDArray[np.generic], NDArray[np.bool_]],
) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    return np.concatenate([upper[0], lower[0]], axis=1), np.concatenate([upper[1], lower[1]])


def _missing_in(file: OrthoFile, window: Window) -> Iterator[tuple[slice, slice]]:
    height, width = file.block_shape
    for col, row in sorted(file.missing_blocks):
        top, left = row * height - window.row_off, col * width - window.col_off
        if -height < top < window.height and -width < left < window.width:
            yield (
                slice(max(0, top), top + height),
                slice(max(0, left), left + width),
            )
