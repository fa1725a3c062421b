"""Peaks between samples: values along a line go in, where their maximum lies comes out."""

import numpy as np
from numpy.typing import NDArray


def peak_offset(line: NDArray[np.floating], at: int) -> float:
    """From `at` to the vertex of the parabola through it and its neighbours, in samples.

    0 at an end of the line, and where there is no peak.
    """
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = np.asarray(line[at - 1 : at + 2], np.float64)
    return float(vertices(before, here, after))


def vertices(
    before: NDArray[np.floating], here: NDArray[np.floating], after: NDArray[np.floating]
) -> NDArray[np.floating]:
    """From each `here` to the vertex of the parabola through the three, in samples.

    0 where they bend upwards or not at all, so that there is no peak.
    """
    bend = before - 2 * here + after
    peak = bend < 0
    return np.where(peak, (before - after) / np.where(peak, 2 * bend, 1), 0)
