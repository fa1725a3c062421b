"""Matching: the local features of two pictures go in, pairs of points that look alike come out."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.local_features import LocalFeatures, sift_features


@dataclass(frozen=True, slots=True)
class Matches:
    """m pairs of points, by the order of the first picture's points.

    Attributes:
        first: int [m], rows of the first picture's features.
        second: int [m], rows of the second picture's features; none occurs twice in either.
        shifts: float32 [m, 2], how far from the second picture's feature the counterpart lies, in
            pixels; None for nowhere else.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    shifts: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.first)

    def points(
        self, first: LocalFeatures, second: LocalFeatures
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The points of both pictures, pair by pair: float32 [m, 2] each."""
        found = second.points[self.second]
        return first.points[self.first], found if self.shifts is None else found + self.shifts


class Matcher(Protocol):
    """Finds points in pictures and pairs them."""

    def features(self, image: Image, valid: Valid | None = None) -> LocalFeatures:
        """The local features of uint8 [3, height, width], where bool [height, width] is true."""

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Pairs of points that look alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiftMatcher:
    """RootSIFT, mutual nearest neighbours and Lowe's ratio test.

    Attributes:
        ratio: A pair counts where the nearest is nearer than this share of the second nearest.
        most: Features of a picture, those of the highest contrast; 0 keeps all.
    """

    ratio: float = 0.8
    most: int = 4096

    def features(self, image: Image, valid: Valid | None = None) -> LocalFeatures:
        """RootSIFT features of uint8 [3, height, width], where bool [height, width] is true."""
        return sift_features(image, valid, most=self.most)

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Pairs that are each other's nearest and clearly nearer than the next."""
        return mutual_nearest(first.descriptors, second.descriptors, ratio=self.ratio)


def mutual_nearest(
    first: NDArray[np.float32], second: NDArray[np.float32], *, ratio: float
) -> Matches:
    """Rows that are each other's nearest in Euclidean distance and pass Lowe's ratio test.

    Lowe, IJCV 2004, section 7.1: the nearest must be nearer than `ratio` times the second nearest.
    Where `second` has one row there is no second nearest, and the pair counts.

    Args:
        first: float32 [k, d].
        second: float32 [l, d].
        ratio: From 0 to 1; 1 refuses only where two are equally near.
    """
    if not len(first) or not len(second):
        return Matches(np.empty(0, np.int64), np.empty(0, np.int64))
    squared = _squared_distances(first, second)
    nearest = squared.argmin(axis=1)
    rows = np.arange(len(first))
    mutual = squared.argmin(axis=0)[nearest] == rows
    least = squared[rows, nearest]
    squared[rows, nearest] = np.inf
    kept = np.flatnonzero(mutual & (least < ratio**2 * squared.min(axis=1)))
    return Matches(kept, nearest[kept])


def _squared_distances(
    first: NDArray[np.float32], second: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Float32 [k, l], by |a|^2 + |b|^2 - 2 a b."""
    products = first @ second.T
    lengths = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1)
    result: NDArray[np.float32] = np.maximum(lengths - 2 * products, 0)
    return result
