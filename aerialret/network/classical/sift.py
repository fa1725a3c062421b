"""Local features by SIFT: a picture goes in, keypoints and their RootSIFT descriptors come out."""

from dataclasses import dataclass
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid

cv2: Any = typed_cv2  # its stubs lack SIFT

SIFT_LENGTH = 128
"""4 x 4 cells of 8 orientations (Lowe, IJCV 2004)."""

_BORDER_PX = 8  # keypoints nearer than this to pixels without image see the edge of the image


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """k points of a picture and what they look like.

    Attributes:
        points: float32 [k, 2], x (right) and y (down) in pixels; the first pixel's centre is 0, 0.
        descriptors: float32 [k, d], unit vectors.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)


def sift_features(image: Image, valid: Valid | None = None, *, most: int = 0) -> LocalFeatures:
    """SIFT keypoints of the luma of `image`; the same picture gives the same keypoints.

    Args:
        image: uint8 [3, height, width].
        valid: bool [height, width], where the picture has an image; None for everywhere.
        most: Keep about this many, those of the highest contrast; 0 keeps all.
    """
    sift = cv2.SIFT_create(nfeatures=most, enable_precise_upscale=True)
    grey = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
    keypoints, raw = sift.detectAndCompute(grey, None if valid is None else _inside(valid))
    if not keypoints:
        return LocalFeatures(np.empty((0, 2), np.float32), np.empty((0, SIFT_LENGTH), np.float32))
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    return LocalFeatures(points, root_sift(raw))


def root_sift(descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors whose inner product is the Hellinger kernel of SIFT descriptors.

    Arandjelovic and Zisserman, CVPR 2012, section 2: the roots of an L1-normalised descriptor.
    """
    total = descriptors.sum(axis=1, keepdims=True)
    result: NDArray[np.float32] = np.sqrt(descriptors / np.maximum(total, 1e-12))
    return result


def _inside(valid: Valid) -> NDArray[np.uint8]:
    """uint8 [height, width], 255 where a keypoint has only valid pixels around it."""
    side = 2 * _BORDER_PX + 1
    eroded: NDArray[np.uint8] = cv2.erode(
        valid.astype(np.uint8) * 255, np.ones((side, side), np.uint8)
    )
    return eroded
