"""Re-ranking: a photo and candidates go in, those that fit it by geometry come first."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.verification.estimate import TOLERANCE_PX, SimilarityFit, fit_similarity
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.matching import Matcher, SiftMatcher

LEAST_INLIERS = 6
"""Fewer may agree by chance: of 1,560 pairs of different places (RootSIFT, 256 px, two dates) none
had more than 4."""

SIFT = SiftMatcher()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reranking:
    """n candidates in a new order.

    Attributes:
        order: int [n], positions of the candidates as they were given, the best first.
        inliers: int [n], pairs that agree on a similarity, of each candidate as they were given.
        fits: The similarity from the photo to each candidate as they were given, or None.
    """

    order: NDArray[np.int64]
    inliers: NDArray[np.int64]
    fits: tuple[SimilarityFit | None, ...]


def rerank(
    photo: LocalFeatures,
    candidates: Sequence[LocalFeatures],
    *,
    matcher: Matcher = SIFT,
    tolerance_px: float = TOLERANCE_PX,
    least_inliers: int = LEAST_INLIERS,
) -> Reranking:
    """The candidates by decreasing number of inliers; equal ones keep their order.

    Philbin et al., CVPR 2007, section 4. Those below `least_inliers` follow in the order they came.

    Args:
        photo: Features of the photo.
        candidates: Features of each candidate, the best of the search first.
        matcher: Pairs their points.
        tolerance_px: How far off an inlier may lie, in pixels of the candidate.
        least_inliers: Fewer do not count.
    """
    fits = tuple(
        verify(photo, each, matcher=matcher, tolerance_px=tolerance_px) for each in candidates
    )
    inliers = np.array([fit.count if fit else 0 for fit in fits], np.int64)
    counted = np.where(inliers >= least_inliers, inliers, 0)
    return Reranking(order=np.argsort(-counted, kind="stable"), inliers=inliers, fits=fits)


def verify(
    photo: LocalFeatures,
    candidate: LocalFeatures,
    *,
    matcher: Matcher = SIFT,
    tolerance_px: float = TOLERANCE_PX,
) -> SimilarityFit | None:
    """The similarity from the photo to the candidate, or None where their points agree on none.

    Its `inliers` are of the matcher's pairs.
    """
    pairs = matcher.match(photo, candidate)
    return fit_similarity(*pairs.points(photo, candidate), tolerance_px=tolerance_px)
