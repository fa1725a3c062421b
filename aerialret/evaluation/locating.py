"""Locating: the answers of an evaluation go in, verified they come out with their errors."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.measurement import Measurement
from aerialret.evaluation.photos import Photos
from aerialret.evaluation.pose_errors import PoseErrors, pose_errors
from aerialret.querying.located import location_of
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.retrieval.search import Hit
from aerialret.verification.location import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """n photos after verification; those that were not asked about have no figure.

    Attributes:
        top: Answers of each photo that were tried.
        asked: bool [n], the photos that were verified.
        ranks: int [n], of the right place after verification; `metrics.NOT_FOUND` where the gallery
            lacks it or the photo was not asked about.
        first: object [n], the place of each photo's first answer now; None where there is none.
        believed: bool [n], whether that answer is believed.
        inliers: int [n], its control points.
        rmse_m: float64 [n], root mean square of their residuals; NaN where there are none.
        errors: Of the first answer: by the fit where it is believed, else by the search.
        found: Each believed first answer and where it puts the photo, by photo.
    """

    top: int
    asked: NDArray[np.bool_]
    ranks: NDArray[np.int64]
    first: NDArray[np.object_]
    believed: NDArray[np.bool_]
    inliers: NDArray[np.int64]
    rmse_m: NDArray[np.float64]
    errors: PoseErrors
    found: dict[int, tuple[Hit, Location]]


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is kept of one photo's verified answer."""

    rank: int
    first: Hit | None
    location: Location | None


def locate_photos(
    answer: Callable[[int], PhotoAnswer],
    verify: Callable[[PhotoAnswer], PhotoAnswer],
    photos: Photos,
    *,
    rows: NDArray[np.int64],
    ranks: NDArray[np.int64],
    top: int,
    searched: PoseErrors,
    progress: Callable[[int, int], None] | None = None,
) -> Located:
    """Verifies the answers one after the other, so that one photo at a time is in memory.

    Args:
        answer: What the search found for a photo.
        verify: The same answer, verified.
        photos: The photos and their truth.
        rows: int [k], the photos that are asked about.
        ranks: int [n], of the right places before.
        top: Answers of each photo that are tried.
        searched: Errors of the first answers before.
        progress: Told the photos done and the photos in all.
    """
    checked: dict[int, _Checked] = {}
    for done, row in enumerate(map(int, rows), start=1):
        before = answer(row)
        after = verify(before)
        rank = rank_after(before, after, rank=int(ranks[row]), place=photos.tiles[row].place)
        first = after.hits[0] if after.hits else None
        checked[row] = _Checked(rank, first, location_of(after, first) if first else None)
        if progress:
            progress(done, len(rows))
    return _located(checked, photos, top=top, searched=searched)


def search_errors(measurement: Measurement, photos: Photos) -> PoseErrors:
    """Errors of the search's first answers; for methods that tell the tile alone, of the centre."""
    nowhere = np.full((len(photos), 4, 2), np.nan)
    corners = nowhere if measurement.placed_m is None else measurement.placed_m
    placed = pose_errors(corners.mean(axis=1), corners, photos.shown)
    return replace(placed, centre_m=measurement.distance_m)


def rank_after(before: PhotoAnswer, after: PhotoAnswer, *, rank: int, place: str) -> int:
    """The rank of the right place after verification; ties of the search still count against it.

    Args:
        before: The answers of the search.
        after: The same, verified.
        rank: Of the right place before.
        place: The right place.
    """
    was, now = _position(before, place), _position(after, place)
    if rank == NOT_FOUND or was is None or now is None:
        return rank
    location = location_of(after, after.hits[now])
    lifted = location is not None and location.believable
    return now + 1 if lifted else rank + now - was


def _position(answer: PhotoAnswer, place: str) -> int | None:
    return next((n for n, hit in enumerate(answer.hits) if hit.place == place), None)


def _located(
    checked: Mapping[int, _Checked], photos: Photos, *, top: int, searched: PoseErrors
) -> Located:
    count = len(photos)
    asked, first = np.zeros(count, bool), np.full(count, None, object)
    ranks, inliers = np.full(count, NOT_FOUND, np.int64), np.zeros(count, np.int64)
    rmse_m = np.full(count, np.nan)
    found: dict[int, tuple[Hit, Location]] = {}
    for row, each in checked.items():
        asked[row], ranks[row] = True, each.rank
        first[row] = each.first.place if each.first else None
        if each.first and each.location:
            inliers[row], rmse_m[row] = each.location.inliers, each.location.rmse_m
            if each.location.believable:
                found[row] = each.first, each.location
    believed = np.isin(np.arange(count), list(found))
    fitted = _fitted_errors(found, photos)
    return Located(
        top=top, asked=asked, ranks=ranks, first=first, believed=believed, inliers=inliers,
        rmse_m=rmse_m, errors=_chosen(asked, believed, fitted, searched), found=found,
    )  # fmt: skip


def _fitted_errors(found: Mapping[int, tuple[Hit, Location]], photos: Photos) -> PoseErrors:
    centres, corners = np.full((len(photos), 2), np.nan), np.full((len(photos), 4, 2), np.nan)
    for row, (_, location) in found.items():
        centres[row], corners[row] = (location.pose.x, location.pose.y), location.corners
    return pose_errors(centres, corners, photos.shown)


def _chosen(
    asked: NDArray[np.bool_],
    believed: NDArray[np.bool_],
    fitted: PoseErrors,
    searched: PoseErrors,
) -> PoseErrors:
    """The errors of the fit where it is believed, else those of the search."""

    def column(name: str) -> NDArray[np.float64]:
        chosen = np.where(believed, getattr(fitted, name), getattr(searched, name))
        return np.where(asked, chosen, np.nan)

    return PoseErrors(**{name: column(name) for name in PoseErrors.__dataclass_fields__})
