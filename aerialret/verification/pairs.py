"""Pairs of points: a photo and a reference go in, what matches and its fit come out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.verification.matching import Matcher
from aerialret.verification.pictures import Picture, on_one_grid, reduced
from aerialret.verification.pose import Matrix, moved
from aerialret.verification.reference import Reference
from aerialret.verification.transform import TransformFit, fit_transform


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Pairs of the photo and the reference, and the fit to them; all in their own pixels.

    Attributes:
        fit: From the photo to the reference.
        photo: float64 [n, 2], points of the photo.
        reference: float64 [n, 2], their counterparts.
        area_px: Area of the reference over which they were looked for, in its square pixels.
    """

    fit: TransformFit
    photo: NDArray[np.float64]
    reference: NDArray[np.float64]
    area_px: float


def match(
    photo: Picture,
    reference: Reference,
    *,
    guess: Matrix | None,
    matcher: Matcher,
    tolerance_px: float,
) -> Found | None:
    """Pairs and their fit, or None where nothing fits.

    Args:
        photo: As it is.
        reference: A north-up mosaic that may show the same.
        guess: From the photo to the reference; the photo is first brought to where it puts it.
        matcher: Pairs points.
        tolerance_px: How far off an inlier may lie, in pixels of the reference.
    """
    whole = Picture(image=reference.image, valid=reference.valid, back=np.eye(3))
    pair = reduced(photo, whole) if guess is None else on_one_grid(photo, reference, guess)
    if pair is None:
        return None
    first, second = (matcher.features(each.image, each.valid) for each in pair)
    points = matcher.match(first, second).points(first, second)
    sides = [
        moved(side + 0.5, each.back)  # features count pixels by their centres
        for side, each in zip(points, pair, strict=True)
    ]
    own, theirs = _distinct(*sides)
    height, width = photo.valid.shape
    fit = fit_transform(own, theirs, width=width, height=height, tolerance_px=tolerance_px)
    if fit is None:
        return None
    area = abs(float(np.linalg.det(pair[1].back))) * pair[1].valid.size
    return Found(fit=fit, photo=own, reference=theirs, area_px=area)


def _distinct(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pairs without those that repeat: SIFT gives one point several times, with other turns."""
    rounded = np.round(np.column_stack([first, second]) * 2)
    _, kept = np.unique(rounded, axis=0, return_index=True)
    kept.sort()
    return first[kept], second[kept]
