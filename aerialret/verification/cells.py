"""Cells: a picture goes in, a grid of vectors that say what is where comes out.

The default needs no network: channel features of orientated gradients (CFOG; Ye, Bruzzone, Shan,
Bovolo and Zhu, TGRS 2019, section III): how strong edges are along each direction, whatever side
is the brighter one, so that a field that was dark and is bright now looks the same.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid

cv2: Any = typed_cv2  # its stubs want output arrays

_NOISE_PX = 0.8  # blur before the gradients
_FLAT = 0.1  # of the picture's typical contrast, below which a cell says little


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A grid of vectors; the cell (0, 0) is that of the picture's upper left corner.

    Attributes:
        values: float32 [c, rows, columns], of about unit length; zero where nothing is seen.
        seen: bool [rows, columns], where the picture has an image.
        stride_px: Side of a cell, in pixels of the picture.
    """

    values: NDArray[np.float32]
    seen: NDArray[np.bool_]
    stride_px: int


class CellMaker(Protocol):
    """Describes pictures cell by cell."""

    def __call__(self, image: Image, valid: Valid) -> Cells:
        """The cells of uint8 [3, height, width], of which bool [height, width] has an image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientCells:
    """Orientated gradients.

    Attributes:
        stride_px: Side of a cell.
        blur_px: How far edges are spread, so that they need not meet exactly.
        directions: Over half of the circle.
    """

    stride_px: int = 2
    blur_px: float = 2.0
    directions: int = 9

    def __call__(self, image: Image, valid: Valid) -> Cells:
        """The cells of uint8 [3, height, width], of which bool [height, width] has an image."""
        across, down = _gradients(image, valid)
        angles = math.pi * np.arange(self.directions) / self.directions
        channels = np.stack(
            [
                cv2.GaussianBlur(
                    np.abs(across * math.cos(t) + down * math.sin(t)), (0, 0), self.blur_px
                )
                for t in angles
            ]
        )
        start, step = self.stride_px // 2, self.stride_px
        sampled = channels[:, start::step, start::step]
        smooth = (np.roll(sampled, 1, axis=0) + 2 * sampled + np.roll(sampled, -1, axis=0)) / 4
        seen = valid[start::step, start::step]
        return Cells(values=_unit(smooth, seen), seen=seen, stride_px=step)


def _gradients(image: Image, valid: Valid) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Along x and y: float32 [height, width] each; zero beside pixels without image."""
    grey = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _NOISE_PX)
    padded = np.pad(valid.astype(np.uint8), 1)  # the frame is an edge too
    inside = cv2.erode(padded, np.ones((7, 7), np.uint8))[1:-1, 1:-1] > 0
    across, down = (
        np.where(inside, cv2.Sobel(smooth, cv2.CV_32F, *order, scale=0.125), 0)
        for order in ((1, 0), (0, 1))
    )
    return across, down


def _unit(channels: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Vectors without their mean, of about unit length where there is contrast."""
    values = channels - channels.mean(axis=0)
    lengths = np.sqrt(np.square(values).sum(axis=0))
    typical = float(np.median(lengths[seen])) if seen.any() else 1.0
    unit: NDArray[np.float32] = (values / (lengths + _FLAT * typical + 1e-6) * seen).astype(
        np.float32
    )
    return unit
