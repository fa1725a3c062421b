"""Warping: a picture and a matrix go in, the picture on another grid comes out.

Matrices count pixels by their corners, as everywhere here (see `pose`); OpenCV counts centres.
"""

import math
from typing import Any

import cv2 as typed_cv2
import numpy as np

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.pose import Matrix, moved_with_jacobian, shift_scale

cv2: Any = typed_cv2  # its stubs want output arrays

_TO_CENTRES, _TO_CORNERS = shift_scale(x=-0.5, y=-0.5), shift_scale(x=0.5, y=0.5)


def centred(matrix: Matrix) -> Matrix:
    """`matrix` between pixels that are counted by their centres, as OpenCV does."""
    result: Matrix = _TO_CENTRES @ matrix @ _TO_CORNERS
    return result


def warped(
    image: Image, valid: Valid, matrix: Matrix, *, width: int, height: int
) -> tuple[Image, Valid]:
    """The picture as a grid of `width` x `height` sees it, smoothed where it is reduced.

    Args:
        image: uint8 [3, h, w].
        valid: bool [h, w].
        matrix: float64 [3, 3], from the picture's pixels to the grid's.
        width: Of the grid.
        height: Of the grid.

    Returns:
        uint8 [3, height, width], black where there is no image; and where there is one.
    """
    pixels = np.ascontiguousarray(np.moveaxis(image, 0, -1))
    pixels = _smoothed(pixels, reduction_of(matrix, width=image.shape[2], height=image.shape[1]))
    size, between = (width, height), centred(matrix)
    turned = cv2.warpPerspective(pixels, between, size, flags=cv2.INTER_LINEAR)
    # Linear between 0 and 255: only pixels made of valid ones alone reach 255.
    seen = cv2.warpPerspective(valid.astype(np.uint8) * 255, between, size, flags=cv2.INTER_LINEAR)
    inside: Valid = seen == 255
    turned[~inside] = 0
    return np.ascontiguousarray(np.moveaxis(turned, -1, 0)), inside


def reduction_of(matrix: Matrix, *, width: int, height: int) -> float:
    """How many of the picture's pixels, along a side, fall on one of the grid's, at its centre."""
    jacobian = moved_with_jacobian(matrix, width / 2, height / 2)[1]
    return 1 / math.sqrt(max(abs(float(np.linalg.det(jacobian))), 1e-12))


def _smoothed(pixels: Any, reduction: float) -> Any:
    """Without what the coarser grid cannot show (half a pixel of it is its own blur)."""
    if reduction <= 1.2:
        return pixels
    return cv2.GaussianBlur(pixels, (0, 0), 0.5 * math.sqrt(reduction**2 - 1))
