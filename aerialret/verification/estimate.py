"""Robust estimation: pairs of points go in, the similarity that most of them agree on comes out."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST_MATCHES = 3
"""Two pairs always agree on some similarity; the third is the first that tells anything."""

TOLERANCE_PX = 3.0
"""How far from where the similarity puts it a point may lie, in pixels of the second picture."""

_LARGEST_SCALE = 20.0  # either way: beyond it a whole picture is one point of the other
_CONFIDENCE = 0.999
_MOST_ITERATIONS = 5_000  # finds 4% of inliers with the confidence above


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityFit:
    """A similarity (turn, scale and shift) and the pairs that agree with it.

    Attributes:
        matrix: float64 [2, 3], from the first picture's x, y in pixels to the second's.
        inliers: bool [m], which pairs agree.
        count: How many.
        rotation_deg: Counter-clockwise turn of the first picture's content against the second's,
            from -180 to 180.
        scale: Pixels of the second picture for each of the first.
    """

    matrix: NDArray[np.float64]
    inliers: NDArray[np.bool_]
    count: int
    rotation_deg: float
    scale: float


def fit_similarity(
    first: NDArray[np.float32], second: NDArray[np.float32], *, tolerance_px: float = TOLERANCE_PX
) -> SimilarityFit | None:
    """The similarity from `first` to `second` by RANSAC, or None where they agree on none.

    Fischler and Bolles, CACM 1981, in OpenCV's implementation, which draws from a fixed seed: the
    same points give the same similarity. Least squares over the inliers refine it.

    Args:
        first: float32 [m, 2], x and y in pixels.
        second: float32 [m, 2], their counterparts.
        tolerance_px: How far off an inlier may lie, in pixels of the second picture.
    """
    if len(first) < LEAST_MATCHES:
        return None
    found, _ = cv2.estimateAffinePartial2D(
        np.ascontiguousarray(first, np.float64), np.ascontiguousarray(second, np.float64),
        method=cv2.RANSAC, ransacReprojThreshold=tolerance_px,
        maxIters=_MOST_ITERATIONS, confidence=_CONFIDENCE,
    )  # fmt: skip
    matrix = None if found is None else np.asarray(found, np.float64)
    # Equal points make OpenCV return nothing, or a scale of zero.
    if matrix is None or not _is_plausible(matrix):
        return None
    inliers = _offsets(matrix, first, second) <= tolerance_px
    if min(_distinct(first[inliers]), _distinct(second[inliers])) < LEAST_MATCHES:
        return None
    return SimilarityFit(
        matrix=matrix,
        inliers=inliers,
        count=int(inliers.sum()),
        rotation_deg=math.degrees(math.atan2(matrix[1, 0], matrix[0, 0])),
        scale=_scale(matrix),
    )


def _offsets(
    matrix: NDArray[np.float64], first: NDArray[np.float32], second: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Pixels between where `matrix` puts the first points and the second points: float64 [m]."""
    result: NDArray[np.float64] = np.linalg.norm(
        first @ matrix[:, :2].T + matrix[:, 2] - second, axis=1
    )
    return result


def _scale(matrix: NDArray[np.float64]) -> float:
    return math.hypot(matrix[0, 0], matrix[1, 0])


def _is_plausible(matrix: NDArray[np.float64]) -> bool:
    finite = bool(np.isfinite(matrix).all())
    return finite and 1 / _LARGEST_SCALE <= _scale(matrix) <= _LARGEST_SCALE


def _distinct(points: NDArray[np.float32]) -> int:
    """Number of different points; SIFT gives one point several times, with other directions."""
    return len(np.unique(points, axis=0))
