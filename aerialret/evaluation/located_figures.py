"""Figures of locating: located photos go in, `located` of `metrics.json` comes out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.locating import Located
from aerialret.evaluation.pose_errors import PoseErrors, error_figures
from aerialret.evaluation.scores import MAP_KEY
from aerialret.retrieval.metrics import NOT_FOUND, map_at, recall_at

NEAR = 0.05
"""A photo lies near the truth if its corner error is at most this share of the side it shows."""

_DEPTHS = (1, 5, 10)
_DIGITS = 6


def rank_figures(
    ranks: NDArray[np.int64], errors: PoseErrors, among: NDArray[np.bool_]
) -> dict[str, Any]:
    """map@5, recall, and the errors of those whose first answer is right.

    Args:
        ranks: int [n], of the right places.
        errors: Of the first answers.
        among: bool [n], the photos that count, if the gallery holds their place.
    """
    counted = among & (ranks != NOT_FOUND)
    figures = {MAP_KEY: map_at(ranks[counted])}
    figures |= {f"recall@{depth}": recall_at(ranks[counted], depth=depth) for depth in _DEPTHS}
    right = counted & (ranks == 1)
    return {
        **{key: _rounded(value) for key, value in figures.items()},
        "queries": int(counted.sum()),
        "right": int(right.sum()),
        **error_figures(errors, right),
    }


def believed_figures(
    located: Located, among: NDArray[np.bool_], *, sides_m: NDArray[np.float64]
) -> dict[str, Any]:
    """How many photos are believed, how many of those rightly, and their errors.

    Args:
        located: After verification.
        among: bool [n], the photos that count, if the gallery holds their place.
        sides_m: float64 [n], ground on a side of each photo.
    """
    counted = among & (located.ranks != NOT_FOUND)
    believed = counted & located.believed
    right = believed & (located.ranks == 1)
    near = believed & (located.errors.corner_m <= NEAR * sides_m)
    return {
        "photos": int(believed.sum()),
        "share": _share(believed, counted),
        "right": int(right.sum()),
        "precision": _share(right, believed),
        "near": _share(near, believed),
        **error_figures(located.errors, right),
    }


def located_figures(
    searched: PoseErrors,
    ranks: NDArray[np.int64],
    located: Located | None,
    among: NDArray[np.bool_],
    *,
    sides_m: NDArray[np.float64],
) -> dict[str, Any]:
    """All of it: by the search alone, after verification, and those that are believed.

    Args:
        searched: Errors of the search's first answers.
        ranks: int [n], of the right places by the search.
        located: After verification; None where nothing was verified.
        among: bool [n], the photos that count.
        sides_m: float64 [n], ground on a side of each photo.
    """
    found: dict[str, Any] = {"search": rank_figures(ranks, searched, among)}
    if located is None:
        return found
    among = among & located.asked
    return {
        "verify_top": located.top,
        "near_share": NEAR,
        "search": rank_figures(ranks, searched, among),
        "verified": rank_figures(located.ranks, located.errors, among),
        "believed": believed_figures(located, among, sides_m=sides_m),
    }


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float | None:
    return _rounded(part.sum() / whole.sum()) if whole.any() else None


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _DIGITS)
