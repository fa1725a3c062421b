"""Scores: ranks of the right places go in, the figures of `metrics.json` come out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.metrics import MAP_DEPTH, NOT_FOUND, RECALL_DEPTHS, map_at, recall_at

MAP_KEY = f"map@{MAP_DEPTH}"
ERROR_KEY = "median_error_m"
RIGHT_ERROR_KEY = "median_error_right_m"

_DIGITS = 6


def scores(ranks: NDArray[np.int64], distance_m: NDArray[np.float64]) -> dict[str, Any]:
    """map@5, recall, the median rank, the errors and the number of queries; None for no query.

    Queries whose place the gallery lacks cannot be answered and do not count.

    Args:
        ranks: int [n], of the right places.
        distance_m: float64 [n], of the first results from the truth.
    """
    known = ranks != NOT_FOUND
    ranks, distance_m = ranks[known], distance_m[known]
    figures = {MAP_KEY: map_at(ranks)}
    figures |= {f"recall@{depth}": recall_at(ranks, depth=depth) for depth in RECALL_DEPTHS}
    figures["median_rank"] = _median(ranks)
    figures[ERROR_KEY] = _median(distance_m)
    figures[RIGHT_ERROR_KEY] = _median(distance_m[ranks == 1])
    rounded = {key: None if np.isnan(v) else round(v, _DIGITS) for key, v in figures.items()}
    return {**rounded, "queries": len(ranks)}


def chance_map(gallery: int) -> float:
    """Expected map@5 of a ranking drawn at random: the mean of 1 / rank over ranks 1..5."""
    depth = min(MAP_DEPTH, gallery)
    return round(sum(1 / rank for rank in range(1, depth + 1)) / gallery, _DIGITS)


def _median(values: NDArray[np.float64] | NDArray[np.int64]) -> float:
    return float(np.median(values)) if len(values) else float("nan")
