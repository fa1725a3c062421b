"""Scores: ranks of the right places go in, the figures of `metrics.json` come out."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.metrics import MAP_DEPTH, NOT_FOUND, RECALL_DEPTHS, map_at, recall_at

MAP_KEY = f"map@{MAP_DEPTH}"

_DIGITS = 6


def scores(ranks: NDArray[np.int64]) -> dict[str, Any]:
    """map@5, recall, the median rank and the number of queries; None where there is no query.

    Queries whose place the gallery lacks cannot be answered and do not count.
    """
    ranks = ranks[ranks != NOT_FOUND]
    figures = {MAP_KEY: map_at(ranks)}
    figures |= {f"recall@{depth}": recall_at(ranks, depth=depth) for depth in RECALL_DEPTHS}
    figures["median_rank"] = float(np.median(ranks)) if len(ranks) else float("nan")
    rounded = {key: None if np.isnan(v) else round(v, _DIGITS) for key, v in figures.items()}
    return {**rounded, "queries": len(ranks)}


def chance_map(gallery: int) -> float:
    """Expected map@5 of a ranking drawn at random: the mean of 1 / rank over ranks 1..5."""
    depth = min(MAP_DEPTH, gallery)
    return round(sum(1 / rank for rank in range(1, depth + 1)) / gallery, _DIGITS)
