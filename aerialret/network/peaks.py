"""Peaks between samples: values along a line go in, where their maximum lies comes out."""

import numpy as np
from numpy.typing import NDArray


def peak_offset(line: NDArray[np.floating], at: int) -> float:
    """From `at` to the vertex of the parabola through it and its neighbours, in samples.

    0 at an end of the line, and where there is no peak.
    """
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(line[at + step]) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0
