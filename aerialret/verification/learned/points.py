"""Learned points: a picture goes in, what kornia's ALIKED or DISK see in it comes out.

Both keep the strongest points only, so that dark pictures have as many as bright ones.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2 as typed_cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.matching import Matches, mutual_nearest

cv2: Any = typed_cv2  # its stubs want output arrays

MOST = 2048
"""Points of a picture."""

_BORDER_PX = 4  # points nearer than this to pixels without image see the edge of the image


@dataclass(frozen=True, slots=True)
class PicturePoints(LocalFeatures):
    """Local features that know their picture.

    Attributes:
        size: Its width and height in pixels.
    """

    size: tuple[int, int]


class Detector(Protocol):
    """Finds and describes points."""

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Points float [k, 2] by pixels' centres and unit vectors float [k, d] of one picture.

        Args:
            image: float [1, 3, height, width] in [0, 1].
        """


class Pairing(Protocol):
    """Pairs the points of two pictures."""

    def __call__(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Pairs of points that look alike."""


def nearest(first: LocalFeatures, second: LocalFeatures) -> Matches:
    """Points that are each other's nearest; the fit sorts out those that are by accident."""
    return mutual_nearest(first.descriptors, second.descriptors, ratio=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnedMatcher:
    """Points of a network, paired.

    Attributes:
        detect: Finds them.
        device: Where the network computes.
        pair: Pairs them.
    """

    detect: Detector
    device: torch.device
    pair: Pairing = nearest

    def features(self, image: Image, valid: Valid | None = None) -> PicturePoints:
        """The points of uint8 [3, height, width], where bool [height, width] is true."""
        pixels = torch.from_numpy(image[None].astype(np.float32) / 255)
        with torch.inference_mode():
            found = self.detect(pixels.to(self.device))
        points, vectors = (each.float().cpu().numpy() for each in found)
        kept = np.ones(len(points), bool) if valid is None else _inside(points, valid)
        height, width = image.shape[1:]
        return PicturePoints(points[kept], vectors[kept], (width, height))

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Pairs of points that look alike."""
        return self.pair(first, second)


@dataclass(frozen=True, slots=True)
class AlikedDetector:
    """ALIKED (Zhao et al., TIM 2023).

    Attributes:
        network: kornia.feature.ALIKED.
    """

    network: Any

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `Detector`."""
        found = self.network(image)[0]
        return found.keypoints, found.descriptors


@dataclass(frozen=True, slots=True)
class DiskDetector:
    """DISK (Tyszkiewicz, Fua and Trulls, NeurIPS 2020).

    Attributes:
        network: kornia.feature.DISK.
    """

    network: Any

    def __call__(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """See `Detector`."""
        found = self.network(image, n=MOST, pad_if_not_divisible=True)[0]
        return found.keypoints, found.descriptors


def _inside(points: NDArray[np.float32], valid: Valid) -> NDArray[np.bool_]:
    """Which points have only valid pixels around them: bool [k]."""
    side = 2 * _BORDER_PX + 1
    eroded = cv2.erode(valid.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
    limits = [valid.shape[1] - 1, valid.shape[0] - 1]
    columns, rows = np.clip(np.rint(points).astype(int), 0, limits).T
    inside: NDArray[np.bool_] = eroded[rows, columns]
    return inside
