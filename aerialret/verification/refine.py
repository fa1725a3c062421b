"""Locating: a photo and a mosaic of its candidate go in, its place on the map comes out.

Match, fit, warp the photo by the fit, match again (Berton et al., EarthMatch, CVPRW 2024, section
3): once it lies as the map does, more points look alike, and those that did by chance fall away.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.chance import log10_false_alarms
from aerialret.verification.estimate import TOLERANCE_PX
from aerialret.verification.intensity import align
from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.matching import Matcher, SiftMatcher
from aerialret.verification.pose import (
    Matrix,
    Pose,
    as_square,
    corners,
    inverse,
    moved,
    shift_scale,
)
from aerialret.verification.reference import Reference
from aerialret.verification.transform import TransformFit, fit_transform, is_sound, offsets
from aerialret.verification.warp import warped

MOST_ROUNDS = 3

LEAST_BELIEVABLE = 8
"""Pairs that must agree, however unlikely it is: repeated things (rows of trees, of roofs) agree
more often than scattered points do. See docs/verify.md for what was measured."""

MOST_FALSE_ALARMS = 1e-6
"""Agreements as large that random matches would give, at most."""

LEAST_SPREAD = 0.06
"""How far the control points must spread (their standard deviation along the shorter axis), as a
share of the photo's shorter side: pairs in one corner tell little of the others."""

FEW_INLIERS = 40
"""With fewer, intensities take the last step: more points average better than pixels do."""

_MARGIN = 0.15  # of the photo's sides, of map around it that is matched with it
_LEAST_MARGIN_PX = 24
_LARGEST_GRID_PX = 1536
_GRID_STEP_PX = 32  # strides of networks divide it
_SETTLED_PX = 0.05  # corners that move less do not need another round


@dataclass(frozen=True, slots=True, kw_only=True)
class _Picture:
    """A picture, where it has an image, and its pixels' way to those of the original."""

    image: Image
    valid: Valid
    back: Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Pairs of the photo and the reference, and the fit to them; all in their own pixels."""

    fit: TransformFit
    photo: NDArray[np.float64]
    reference: NDArray[np.float64]
    area_px: float


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
    photo = _Picture(image=image, valid=valid, back=np.eye(3))
    guess = None if start is None else _guess(start, image, reference)
    found = _match(photo, reference, guess, matcher, tolerance_px)
    if found is None and guess is not None:
        found = _match(photo, reference, None, matcher, tolerance_px)
    if found is None:
        return None
    found, rounds = _again(found, photo, reference, matcher, tolerance_px)
    location = _location(found, photo, reference, rounds)
    reason = doubt(location, least_inliers=least_inliers) or _chance_doubt(found, tolerance_px)
    location = replace(location, doubt=reason)
    return _aligned(location, photo, reference, few_inliers, tolerance_px)


def doubt(location: Location, *, least_inliers: int = LEAST_BELIEVABLE) -> str:
    """Why what `location` shows cannot be, in words; nothing where it can."""
    width, height = location.width, location.height
    upright = np.diag([1.0, -1.0, 1.0]) @ location.matrix  # northings grow upwards, rows downwards
    if not is_sound(upright, width=width, height=height):
        return "the photo would be folded or stretched"
    if location.inliers < least_inliers:
        return f"only {location.inliers} of {location.matches} matches agree"
    spread = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(location.points.photo.T))[0], 0)))
    if spread < LEAST_SPREAD * min(width, height):
        return f"its {location.inliers} control points lie on one line or spot"
    return ""


def _chance_doubt(found: _Found, tolerance_px: float) -> str:
    """Why it may be an accident; nothing where it hardly can be."""
    agreeing, matches = found.fit.count, len(found.photo)
    alarms = log10_false_alarms(
        agreeing=agreeing, matches=matches, kind=found.fit.kind, tolerance_px=tolerance_px,
        area_px=found.area_px,
    )  # fmt: skip
    likely = alarms > math.log10(MOST_FALSE_ALARMS)
    return f"that {agreeing} of {matches} matches agree may be chance" if likely else ""


def _guess(start: Pose, image: Image, reference: Reference) -> Matrix:
    pose = as_square(start.to_map(width=image.shape[2], height=image.shape[1]))
    result: Matrix = reference.from_map @ pose
    return result


def _again(
    found: _Found, photo: _Picture, reference: Reference, matcher: Matcher, tolerance_px: float
) -> tuple[_Found, int]:
    """Warp by the fit and match again, as long as the support grows."""
    height, width = photo.valid.shape
    outline = corners(width=width, height=height)
    for done in range(MOST_ROUNDS):
        better = _match(photo, reference, found.fit.matrix, matcher, tolerance_px)
        if better is None or better.fit.support <= found.fit.support:
            return found, done
        before = moved(outline, found.fit.matrix)
        found = better
        if np.abs(moved(outline, found.fit.matrix) - before).max() < _SETTLED_PX:
            return found, done + 1
    return found, MOST_ROUNDS


def _match(
    photo: _Picture,
    reference: Reference,
    guess: Matrix | None,
    matcher: Matcher,
    tolerance_px: float,
) -> _Found | None:
    """Pairs and their fit, the photo first brought to where `guess` puts it."""
    whole = _Picture(image=reference.image, valid=reference.valid, back=np.eye(3))
    pair = _reduced(photo, whole) if guess is None else _on_one_grid(photo, reference, guess)
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
    return _Found(fit=fit, photo=own, reference=theirs, area_px=area)


def _reduced(photo: _Picture, whole: _Picture) -> tuple[_Picture, _Picture]:
    """The photo with no more pixels than the mosaic has: it hardly shows more than that."""
    height, width = photo.valid.shape
    scale = max(whole.valid.shape) / max(height, width)
    if scale >= 1:
        return photo, whole
    matrix = shift_scale(scale=scale)
    image, valid = warped(
        photo.image, photo.valid, matrix, width=round(width * scale), height=round(height * scale)
    )
    return _Picture(image=image, valid=valid, back=inverse(matrix)), whole


def _on_one_grid(
    photo: _Picture, reference: Reference, guess: Matrix
) -> tuple[_Picture, _Picture] | None:
    """Photo and reference on one grid around the photo, as fine as the coarser of the two."""
    height, width = photo.valid.shape
    outline = moved(corners(width=width, height=height), guess)
    window = _window(outline, reference)
    if window is None or not is_sound(guess, width=width, height=height):
        return None
    left, top, right, bottom = window
    area = abs(np.linalg.det(guess[:2, :2]))
    step = max(1.0, float(np.sqrt(area)), max(right - left, bottom - top) / _LARGEST_GRID_PX)
    cols, rows = (
        _GRID_STEP_PX * max(1, round(side / step / _GRID_STEP_PX))
        for side in (right - left, bottom - top)
    )
    onto = shift_scale(scale=1 / step) @ shift_scale(x=-left, y=-top)
    pictures = []
    for image, valid, matrix in (
        (photo.image, photo.valid, onto @ guess),
        (reference.image, reference.valid, onto),
    ):
        seen = warped(image, valid, matrix, width=cols, height=rows)
        pictures.append(_Picture(image=seen[0], valid=seen[1], back=inverse(matrix)))
    return pictures[0], pictures[1]


def _window(outline: NDArray[np.float64], reference: Reference) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is matched of the reference; None for nothing."""
    height, width = reference.valid.shape
    low, high = outline.min(axis=0), outline.max(axis=0)
    margin = np.maximum(_MARGIN * (high - low), _LEAST_MARGIN_PX)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + margin), [width, height]).astype(int)
    if right - left < _GRID_STEP_PX or bottom - top < _GRID_STEP_PX:
        return None
    return int(left), int(top), int(right), int(bottom)


def _distinct(
    first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pairs without those that repeat: SIFT gives one point several times, with other turns."""
    rounded = np.round(np.column_stack([first, second]) * 2)
    _, kept = np.unique(rounded, axis=0, return_index=True)
    kept.sort()
    return first[kept], second[kept]


def _location(found: _Found, photo: _Picture, reference: Reference, rounds: int) -> Location:
    height, width = photo.valid.shape
    points = ControlPoints(
        photo=found.photo[found.fit.inliers],
        map=moved(found.reference[found.fit.inliers], reference.to_map),
    )
    matrix = reference.to_map @ found.fit.matrix
    return Location(
        kind=found.fit.kind, matrix=matrix, points=points, matches=len(found.photo),
        width=width, height=height, rounds=rounds,
    )  # fmt: skip


def _aligned(
    location: Location,
    photo: _Picture,
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
    points = ControlPoints(photo=location.points.photo[kept], map=location.points.map[kept])
    better = replace(location, matrix=reference.to_map @ found.matrix, points=points, aligned=True)
    enough = 2 * len(points) > location.inliers  # it must not leave what was found
    return better if enough and not doubt(better, least_inliers=1) else location
