"""Locating: a photo and a mosaic of its candidate go in, its place on the map comes out.

Match, fit, warp the photo by the fit, match again (Berton et al., EarthMatch, CVPRW 2024, section
3): once it lies as the map does, more points look alike, and those that did by chance fall away.
"""

from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.doubt import LEAST_BELIEVABLE, chance_doubt, doubt
from aerialret.verification.estimate import TOLERANCE_PX
from aerialret.verification.intensity import align
from aerialret.verification.location import MOST_OTHERS, ControlPoints, Location
from aerialret.verification.matching import Matcher, SiftMatcher
from aerialret.verification.pairs import Found, match
from aerialret.verification.pictures import Picture
from aerialret.verification.pose import Matrix, Pose, as_square, corners, moved
from aerialret.verification.reference import Reference
from aerialret.verification.transform import offsets

MOST_ROUNDS = 3

FEW_INLIERS = 40
"""With fewer, intensities take the last step: more points average better than pixels do."""

_SETTLED_PX = 0.05  # corners that move less do not need another round


class _Seek(Protocol):
    def __call__(self, *, guess: Matrix | None) -> Found | None:
        """What `match` finds from `guess` on."""


def locate(
    image: Image,
    valid: Valid,
    reference: Reference,
    *,
    start: Pose | None = None,
    matcher: Matcher | None = None,
    tolerance_px: float = TOLERANCE_PX,
    least_inliers: int = LEAST_BELIEVABLE,
    few_inliers: int = FEW_INLIERS,
) -> Location | None:
    """Where the photo lies on the map, or None where nothing agrees on any place.

    Args:
        image: uint8 [3, h, w], the photo as it is.
        valid: bool [h, w], where it shows the ground.
        reference: A north-up mosaic that may show the same.
        start: About where it lies; the photo is turned and scaled by it before it is matched.
        matcher: Pairs points; SIFT where it is not given.
        tolerance_px: How far off an inlier may lie, in pixels of the reference.
        least_inliers: Fewer are not believed.
        few_inliers: With fewer inliers the last step is taken by intensities; 0 for never.
    """
    matcher = matcher or SiftMatcher()
    photo = Picture(image=image, valid=valid, back=np.eye(3))
    guess = None if start is None else _guess(start, image, reference)
    seek = partial(match, photo, reference, matcher=matcher, tolerance_px=tolerance_px)
    found = seek(guess=guess)
    if found is None and guess is not None:
        found = seek(guess=None)
    if found is None:
        return None
    found, rounds = _again(found, photo, seek)
    location = _location(found, photo, reference, rounds)
    reason = doubt(location, least_inliers=least_inliers) or chance_doubt(
        found, tolerance_px=tolerance_px
    )
    location = replace(location, doubt=reason)
    return _aligned(location, photo, reference, few_inliers, tolerance_px)


def _guess(start: Pose, image: Image, reference: Reference) -> Matrix:
    pose = as_square(start.to_map(width=image.shape[2], height=image.shape[1]))
    result: Matrix = reference.from_map @ pose
    return result


def _again(found: Found, photo: Picture, seek: _Seek) -> tuple[Found, int]:
    """Warp by the fit and match again, as long as the support grows."""
    height, width = photo.valid.shape
    outline = corners(width=width, height=height)
    for done in range(MOST_ROUNDS):
        better = seek(guess=found.fit.matrix)
        if better is None or better.fit.support <= found.fit.support:
            return found, done
        before = moved(outline, found.fit.matrix)
        found = better
        if np.abs(moved(outline, found.fit.matrix) - before).max() < _SETTLED_PX:
            return found, done + 1
    return found, MOST_ROUNDS


def _location(found: Found, photo: Picture, reference: Reference, rounds: int) -> Location:
    height, width = photo.valid.shape
    pairs = ControlPoints(photo=found.photo, map=moved(found.reference, reference.to_map))
    matrix = reference.to_map @ found.fit.matrix
    return Location(
        kind=found.fit.kind, matrix=matrix, points=pairs.some(found.fit.inliers),
        matches=len(pairs), width=width, height=height, rounds=rounds,
        others=pairs.some(~found.fit.inliers).evenly(MOST_OTHERS),
    )  # fmt: skip


def _aligned(
    location: Location,
    photo: Picture,
    reference: Reference,
    few_inliers: int,
    tolerance_px: float,
) -> Location:
    """`location` after a last step by intensities, where points are few and it helps."""
    if not location.believable or location.inliers >= few_inliers:
        return location
    start = reference.from_map @ location.matrix
    found = align(photo.image, photo.valid, reference, start, kind=location.kind)
    if found is None:
        return location
    on_reference = moved(location.points.map, reference.from_map)
    kept = offsets(found.matrix, location.points.photo, on_reference) <= 2 * tolerance_px
    points = location.points.some(kept)
    better = replace(location, matrix=reference.to_map @ found.matrix, points=points, aligned=True)
    enough = 2 * len(points) > location.inliers  # it must not leave what was found
    return better if enough and not doubt(better, least_inliers=1) else location
