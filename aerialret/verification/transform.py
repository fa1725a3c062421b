"""Transforms: pairs of points go in, the simplest transform that explains them comes out.

A similarity where it will do, an affine transform or a homography where they have clearly more
support. Fits never fold or mirror the picture.
"""

from dataclasses import dataclass
from typing import Any, Literal

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.verification.estimate import fit_similarity
from aerialret.verification.pose import Matrix, as_square, corners, moved, moved_with_jacobian

cv2: Any = typed_cv2  # its stubs want output arrays

Kind = Literal["similarity", "affine", "homography"]

KINDS: tuple[Kind, ...] = ("similarity", "affine", "homography")

CLEARLY_MORE = 1.1
"""A richer transform must have this many times the support of the simpler one."""

CLEARLY_MORE_PAIRS = 3.0
"""And this much more support: a few pairs always fit a richer transform better."""

LARGEST_STRETCH = 1.6
"""Ratio of a fit's longest to its shortest axis; a vertical photo of a flat place has about 1."""

LARGEST_SCALE_CHANGE = 4.0
"""Ratio of the areas of a pixel in two corners of the photo: beyond it, it is an oblique photo."""

_MOST_ITERATIONS = 5_000
_CONFIDENCE = 0.999
_POLISH_ROUNDS = 5
_LEAST_PAIRS = {
    "similarity": 3,
    "affine": 20,
    "homography": 30,
}  # fewer leave corners free to swing


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformFit:
    """A transform and the pairs that agree with it.

    Attributes:
        kind: What it is.
        matrix: float64 [3, 3], from the first points to the second.
        inliers: bool [m], which pairs agree.
        support: Sum over the pairs of 1 - (offset / tolerance)^2, where that is positive: the
            number of inliers, each counted by how closely it agrees (the loss of MSAC; Torr and
            Zisserman, CVIU 2000, equation 17).
    """

    kind: Kind
    matrix: Matrix
    inliers: NDArray[np.bool_]
    support: float

    @property
    def count(self) -> int:
        """Pairs that agree."""
        return int(self.inliers.sum())


def fit_transform(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    *,
    width: float,
    height: float,
    tolerance_px: float,
) -> TransformFit | None:
    """The simplest transform from `first` to `second` that explains the pairs; None for none.

    Args:
        first: float64 [m, 2], points of a picture.
        second: float64 [m, 2], their counterparts.
        width: Of the first picture: the fit is sound in all of it.
        height: Of the first picture.
        tolerance_px: How far off an inlier may lie, in units of the second points.
    """
    best: TransformFit | None = None
    for kind in KINDS:
        matrix = _robust(kind, first, second, tolerance_px)
        if matrix is None:
            continue
        fit = _polished(kind, matrix, first, second, tolerance_px)
        enough = fit.count >= _LEAST_PAIRS[kind]
        if enough and is_sound(fit.matrix, width=width, height=height) and _is_better(fit, best):
            best = fit
    return best


def least_squares(
    kind: Kind, first: NDArray[np.float64], second: NDArray[np.float64]
) -> Matrix | None:
    """The transform of this kind nearest to the pairs, or None where they do not determine one."""
    # Centred: eastings of millions squared leave few digits for the pixels.
    from_mean, to_mean = first.mean(axis=0), second.mean(axis=0)
    a, b = first - from_mean, second - to_mean
    matrix = _solved(kind, a, b)
    if matrix is None or not np.isfinite(matrix).all():
        return None
    before, after = np.eye(3), np.eye(3)
    before[:2, 2], after[:2, 2] = -from_mean, to_mean
    result: Matrix = after @ matrix @ before
    result /= result[2, 2]
    return result


def is_sound(matrix: Matrix, *, width: float, height: float) -> bool:
    """Whether `matrix` shows the whole picture unmirrored, unfolded and hardly stretched."""
    areas = []
    for x, y in corners(width=width, height=height):
        if not np.isfinite(matrix).all() or matrix[2] @ [x, y, 1] <= 0:
            return False  # beyond the horizon
        jacobian = moved_with_jacobian(matrix, x, y)[1]
        axes = np.linalg.svd(jacobian, compute_uv=False)
        if np.linalg.det(jacobian) <= 0 or axes[0] > LARGEST_STRETCH * axes[1]:
            return False
        areas.append(axes[0] * axes[1])
    return bool(max(areas) <= LARGEST_SCALE_CHANGE * min(areas))


def offsets(
    matrix: Matrix, first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far each second point lies from where `matrix` puts the first: float64 [m]."""
    result: NDArray[np.float64] = np.linalg.norm(moved(first, matrix) - second, axis=1)
    return result


def score(
    kind: Kind,
    matrix: Matrix,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    tolerance_px: float,
) -> TransformFit:
    """`matrix` with the pairs that agree with it."""
    off = np.nan_to_num(offsets(matrix, first, second), nan=np.inf)
    shares = np.maximum(1 - np.square(off / tolerance_px), 0)
    return TransformFit(
        kind=kind, matrix=matrix, inliers=off <= tolerance_px, support=float(shares.sum())
    )


def _is_better(fit: TransformFit, simpler: TransformFit | None) -> bool:
    if simpler is None:
        return True
    least = max(CLEARLY_MORE * simpler.support, simpler.support + CLEARLY_MORE_PAIRS)
    return fit.support >= least


def _robust(
    kind: Kind, first: NDArray[np.float64], second: NDArray[np.float64], tolerance_px: float
) -> Matrix | None:
    """A first guess by random sampling; OpenCV draws from a fixed seed."""
    if len(first) < _LEAST_PAIRS[kind]:
        return None
    if kind == "similarity":
        fit = fit_similarity(
            first.astype(np.float32), second.astype(np.float32), tolerance_px=tolerance_px
        )
        return as_square(fit.matrix) if fit else None
    estimate = cv2.estimateAffine2D if kind == "affine" else cv2.findHomography
    # MAGSAC++ (Barath et al., CVPR 2020)
    found, _ = estimate(
        first, second, method=cv2.USAC_MAGSAC, ransacReprojThreshold=tolerance_px,
        maxIters=_MOST_ITERATIONS, confidence=_CONFIDENCE,
    )  # fmt: skip
    if found is None or not np.isfinite(found).all():
        return None
    return as_square(np.asarray(found, np.float64))


def _polished(
    kind: Kind,
    matrix: Matrix,
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    tolerance_px: float,
) -> TransformFit:
    """Least squares over the inliers, again as long as the support grows."""
    best = score(kind, matrix, first, second, tolerance_px)
    for _ in range(_POLISH_ROUNDS):
        if best.count < _LEAST_PAIRS[kind]:
            return best
        solved = least_squares(kind, first[best.inliers], second[best.inliers])
        if solved is None:
            return best
        fit = score(kind, solved, first, second, tolerance_px)
        if fit.support <= best.support:
            return best
        best = fit
    return best


def _solved(kind: Kind, a: NDArray[np.float64], b: NDArray[np.float64]) -> Matrix | None:
    if kind == "homography":
        found, _ = cv2.findHomography(a, b, method=0)
        return None if found is None else np.asarray(found, np.float64)
    ones, zeros = np.ones(len(a)), np.zeros(len(a))
    if kind == "affine":
        rows = np.column_stack([a, ones])
        found, _, rank, _ = np.linalg.lstsq(rows, b, rcond=None)
        return as_square(np.asarray(found.T, np.float64)) if rank == 3 else None
    # x' = c x - s y + t, y' = s x + c y + u
    rows = np.concatenate(
        [
            np.column_stack([a[:, 0], -a[:, 1], ones, zeros]),
            np.column_stack([a[:, 1], a[:, 0], zeros, ones]),
        ]
    )
    (c, s, t, u), _, rank, _ = np.linalg.lstsq(rows, np.concatenate([b[:, 0], b[:, 1]]), rcond=None)
    return np.array([[c, -s, t], [s, c, u], [0, 0, 1]]) if rank == 4 else None
