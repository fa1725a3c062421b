"""Wavelet levels of a picture: pixels go in, its low-pass band at a level comes out.

JPEG2000 (ISO/IEC 15444-1, annex F) stores a picture as bands; reading fewer of them is what makes
it fast. Here the same band is computed for every other format, so that the format leaves no trace
in a tile. Sample n of level k stands at pixel 2^k n of the full picture; the picture goes on
mirrored beyond its edges.
"""

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

ANALYSIS_97 = np.array(
    [0.026748757411, -0.016864118443, -0.078223266529, 0.266864118443, 0.602949018236]
)
"""First half and middle of the low-pass analysis filter of Cohen, Daubechies and Feauveau's 9/7
wavelet, as ISO/IEC 15444-1 normalises it: the nine taps add up to 1."""


class Band(NamedTuple):
    """A picture at a wavelet level.

    Attributes:
        values: [bands, height, width], in the pixel type of the source.
        valid: float32 [height, width], the share of each sample that is image; None: all of it.
    """

    values: NDArray[np.generic]
    valid: NDArray[np.float32] | None


def low_pass_taps(level: int) -> NDArray[np.float32]:
    """Weights of the pixels around a sample of `level`; its middle is the sample's own pixel."""
    one = np.concatenate([ANALYSIS_97, ANALYSIS_97[-2::-1]])
    taps = np.ones(1)
    for finer in range(level):
        spread = np.zeros(8 * 2**finer + 1)
        spread[:: 2**finer] = one
        taps = np.convolve(taps, spread)
    return taps.astype(np.float32)


def margin_px(level: int) -> int:
    """Pixels on either side of a sample that it depends on."""
    return 4 * ((1 << level) - 1)


def samples_along(length_px: int, *, level: int) -> int:
    """Samples of `level` along `length_px` pixels."""
    return -(-length_px >> level)


def low_pass(values: NDArray[np.generic], valid: NDArray[np.bool_] | None, *, level: int) -> Band:
    """The samples whose pixels `values` hold: one every 2^level pixels, from the margin on.

    Args:
        values: [bands, height, width], with `margin_px(level)` pixels on every side.
        valid: bool [height, width], false where there is no image; None: all of it is.
        level: The wavelet level, at least 1.

    Returns:
        The band. Samples near pixels without image are plain averages of the image that the
        square of 2^level pixels around them holds: the filter's negative taps need neighbours.
    """
    taps = low_pass_taps(level)
    if valid is None or valid.all():
        return Band(_rounded(_separably(values, taps, step=2**level), values.dtype), None)
    seen = np.where(valid, values, 0)
    share = valid[None].astype(np.float32)
    smooth = _separably(seen, taps, step=2**level)
    whole = _separably(np.ascontiguousarray(share), np.abs(taps), step=2**level)[0]
    square = _square_taps(level)
    sums, shares = (_separably(part, square, step=2**level) for part in (seen, share))
    averages = np.divide(sums, shares, out=np.zeros_like(sums), where=shares > 0)
    undisturbed = whole >= np.abs(taps).sum() ** 2 * (1 - 1e-5)
    return Band(_rounded(np.where(undisturbed, smooth, averages), values.dtype), shares[0])


def _square_taps(level: int) -> NDArray[np.float32]:
    """Plain averaging over 2^level pixels around a sample, as long as `low_pass_taps`."""
    half = 2**level // 2
    taps = np.zeros(2 * margin_px(level) + 1, np.float32)
    middle = margin_px(level)
    taps[middle - half : middle + half + 1] = 1
    taps[[middle - half, middle + half]] = 0.5
    taps /= taps.sum()
    return taps


def _separably(
    values: NDArray[np.generic], taps: NDArray[np.float32], *, step: int
) -> NDArray[np.float32]:
    rows = _along_rows(values, taps, step)
    turned = np.ascontiguousarray(rows.transpose(0, 2, 1))
    both: NDArray[np.float32] = _along_rows(turned, taps, step).transpose(0, 2, 1)
    return both


def _rounded(values: NDArray[np.float32], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    limits = np.iinfo(dtype)  # type: ignore[type-var]
    nearest = np.floor(values + np.float32(0.5))
    rounded: NDArray[np.generic] = np.clip(nearest, limits.min, limits.max).astype(dtype)
    return rounded


@numba.njit(nogil=True, cache=True)
def _along_rows(values, taps, step):  # type: ignore[no-untyped-def]
    """Every `step`-th row of the convolution with `taps`, where they lie inside, as float32."""
    bands, height, width = values.shape
    count = (height - len(taps)) // step + 1
    result = np.zeros((bands, count, width), np.float32)
    for band in range(bands):
        for row in range(count):
            out = result[band, row]
            for tap in range(len(taps)):
                weight = taps[tap]
                source = values[band, row * step + tap]
                for col in range(width):
                    out[col] += weight * np.float32(source[col])
    return result
