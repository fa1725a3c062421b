"""How photos lie: turn, size and place in a tile go in, whether they lie as tiles do comes out.

Much of what is asked lies so: the orthophoto of another year cut by the same grid, or a photo that
somebody has already turned north up.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_TURN_DEG = 15.0
_FACTOR = 1.5
_OFF = 1 / 6  # of a tile's side
_ROUNDING = 1e-6


def lie_as_tiles_do(
    *, turn_deg: ArrayLike, side: ArrayLike, across: ArrayLike, down: ArrayLike
) -> NDArray[np.bool_]:
    """Whether photos are about upright, about as large as a tile, and about where it is.

    Args:
        turn_deg: Against north up, in degrees; as every other argument, one or an array.
        side: Of the ground that is shown, as a share of the tile's side.
        across: From the tile's centre to the photo's, as a share of the tile's side.
        down: Likewise.
    """
    turn = np.abs((np.asarray(turn_deg) + 180) % 360 - 180)
    scale = np.abs(np.log(side))
    upright = turn <= _TURN_DEG + _ROUNDING
    as_large = scale <= math.log(_FACTOR) + _ROUNDING
    there = np.maximum(np.abs(across), np.abs(down)) <= _OFF + _ROUNDING
    return np.asarray(upright & as_large & there)
