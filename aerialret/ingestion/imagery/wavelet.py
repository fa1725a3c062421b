"""Wavelet levels of a picture: pixels go in, its low-pass band at a level comes out.

JPEG2000 (ISO/IEC 15444-1, annex F) stores a picture as bands; reading fewer of them is what makes
it fast. Here the same band is computed for every other format, so that the format leaves no trace
in a tile. Sample n of level k stands at pixel 2^k n of the full picture; the picture goes on
mirrored beyond its edges.
"""

from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.compiled import compiled

ANALYSIS_97 = np.array(
    [0.026748757411, -0.016864118443, -0.078223266529, 0.266864118443, 0.602949018236]
)
"""First half and middle of the low-pass analysis filter of Cohen, Daubechies and Feauveau's 9/7
wavelet, as ISO/IEC 15444-1 normalises it: the nine taps add up to 1."""


_ROWS_AT_ONCE = 16


class Kernel(NamedTuple):
    """How samples are made of the pixels of a finer picture, along either axis.

    Attributes:
        taps: float32, the weights.
        step: Pixels from one sample to the next.
        before: Pixels before a sample's own place that it depends on; sample n stands at n * step.
        mirror: How the finer picture goes on beyond its edges, as `numpy.pad` calls it.
    """

    taps: NDArray[np.float32]
    step: int
    before: int
    mirror: Literal["reflect", "symmetric"]

    @property
    def after(self) -> int:
        """Pixels after a sample's own place that it depends on."""
        return len(self.taps) - self.before - 1


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


def kernel(level: int) -> Kernel:
    """How samples of `level` are made of the full picture."""
    return Kernel(low_pass_taps(level), 2**level, margin_px(level), "reflect")


@lru_cache(maxsize=8)
def kernel_from_halves(level: int) -> Kernel:
    """How samples of `level` are best made of a picture of half the size, of 2 x 2 averages.

    The weights that miss those of the full picture by least, over pictures whose power falls as
    f^-1.5, as that of photos does; they add up to 1. Level 2 misses by 0.6 grey levels (root mean
    square) on sharp aerial photos, rounding included; from level 3 on by 0.4.

    Args:
        level: The wavelet level, at least 2.
    """
    taps = low_pass_taps(level).astype(np.float64)
    half, margin = 5 << (level - 2), margin_px(level)  # a wider one is no nearer
    reach = max(2 * half, margin + 1)
    places = np.arange(-reach, reach)
    wanted = np.zeros(2 * reach)
    wanted[reach - margin : reach + margin + 1] = taps
    pairs = np.zeros((2 * reach, 2 * half))
    pairs[reach - 2 * half : reach + 2 * half] = np.repeat(np.eye(2 * half), 2, axis=0) / 2
    gap = np.abs(np.subtract.outer(places, places))
    likeness = _autocovariance(gap.max() + 1)[gap]
    normal = pairs.T @ likeness @ pairs
    bordered = np.block(
        [[normal, np.ones((2 * half, 1))], [np.ones((1, 2 * half)), np.zeros((1, 1))]]
    )
    aim = np.append(pairs.T @ likeness @ wanted, 1.0)
    weights = np.linalg.solve(bordered, aim)[:-1]
    return Kernel(weights.astype(np.float32), 2 ** (level - 1), half, "symmetric")


def _autocovariance(count: int) -> NDArray[np.float64]:
    """How alike two pixels are, by their distance, where power falls as f^-1.5."""
    frequency = np.abs(np.fft.fftfreq(4096))
    power = 1 / np.maximum(frequency, 1 / 4096) ** 1.5
    covariance = np.fft.ifft(power).real
    alike: NDArray[np.float64] = covariance[:count] / covariance[0]
    return alike


def low_pass(
    values: NDArray[np.generic],
    valid: NDArray[np.bool_] | None,
    made: Kernel,
    *,
    beyond: tuple[int, int] = (0, 0),
) -> Band:
    """The samples whose pixels `values` hold, the first one at pixel `made.before`.

    Args:
        values: [bands, height, width].
        valid: bool [height, width], false where there is no image; None: all of it is.
        made: How samples are made.
        beyond: Columns that are missing on the left and on the right, as the picture ends there.

    Returns:
        The band. Samples near pixels without image are plain averages of the image that the
        square of `made.step` pixels around them holds: the filter's negative taps need neighbours.
    """
    if valid is None or valid.all():
        return Band(_separably(values, made, beyond=beyond, dtype=values.dtype), None)
    seen = np.where(valid, values, 0)
    share = valid[None].astype(np.float32)
    size = made._replace(taps=np.abs(made.taps))
    square = made._replace(taps=_square_taps(made))
    single = np.dtype(np.float32)
    smooth = _separably(seen, made, beyond=beyond, dtype=single)
    whole = _separably(share, size, beyond=beyond, dtype=single)[0]
    sums = _separably(seen, square, beyond=beyond, dtype=single)
    shares = _separably(share, square, beyond=beyond, dtype=single)
    averages = np.divide(sums, shares, out=np.zeros_like(sums), where=shares > 0)
    undisturbed = whole >= size.taps.sum() ** 2 * (1 - 1e-5)
    return Band(_rounded(np.where(undisturbed, smooth, averages), values.dtype), shares[0])


def _square_taps(made: Kernel) -> NDArray[np.float32]:
    """Plain averaging over the pixels around a sample, as long as the kernel's taps."""
    half = made.step // 2
    taps = np.zeros(len(made.taps), np.float32)
    taps[made.before - half : made.before + half + 1] = 1
    taps[[made.before - half, made.before + half]] = 0.5
    taps /= taps.sum()
    return taps


def _separably(
    values: NDArray[Any], made: Kernel, *, beyond: tuple[int, int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The convolution along both axes."""
    length = len(made.taps)
    height = (values.shape[1] - length) // made.step + 1
    width = (values.shape[2] + sum(beyond) - length) // made.step + 1
    own = 1 if made.mirror == "reflect" else 0  # whether the edge itself is not repeated
    result = np.empty((len(values), height, width), dtype)
    samples = np.empty((height, width), np.float32)
    for band, pixels in enumerate(values):
        _convolve(np.ascontiguousarray(pixels), made.taps, made.step, *beyond, own, samples)
        result[band] = _rounded(samples, dtype)
    return result


def _rounded(values: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind not in "ui":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    nearest = np.floor(values + np.float32(0.5))
    rounded: NDArray[np.generic] = np.clip(nearest, limits.min, limits.max).astype(dtype)
    return rounded


@compiled
def _convolve(values, taps, step, left, right, own, result):  # type: ignore[no-untyped-def]
    """Every `step`-th row and column of the convolution with `taps`, a few rows at a time.

    Rows are summed side by side, turned, mirrored beyond the edges and summed again: both sums run
    along what lies together in memory, and what they work on stays in the cache.
    """
    height, width = result.shape
    across = values.shape[1]
    line = np.empty(across, np.float32)
    turned = np.empty((left + across + right, _ROWS_AT_ONCE), np.float32)
    sums = np.empty(_ROWS_AT_ONCE, np.float32)
    end = left + across
    for first in range(0, height, _ROWS_AT_ONCE):
        count = min(_ROWS_AT_ONCE, height - first)
        for row in range(count):
            _sum_rows(values, taps, (first + row) * step, line)
            for col in range(across):
                turned[left + col, row] = line[col]
        for place in range(left):
            turned[left - 1 - place] = turned[left + own + place]
        for place in range(right):
            turned[end + place] = turned[end - 1 - own - place]
        for col in range(width):
            sums[:] = 0
            for tap in range(len(taps)):
                weight = taps[tap]
                source = turned[col * step + tap]
                for row in range(_ROWS_AT_ONCE):
                    sums[row] += weight * source[row]
            for row in range(count):
                result[first + row, col] = sums[row]


@compiled
def _sum_rows(values, taps, first, line):  # type: ignore[no-untyped-def]
    line[:] = 0
    for tap in range(len(taps)):
        weight = taps[tap]
        source = values[first + tap]
        for col in range(len(line)):
            line[col] += weight * np.float32(source[col])
