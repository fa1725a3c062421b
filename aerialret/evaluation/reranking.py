"""Re-ranking: a ranking and local features go in, the ranking after a geometric check comes out."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.ranking import Ranking
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.rerank import LEAST_INLIERS, rerank


def reranked(
    found: Ranking,
    *,
    truth: NDArray[np.int64],
    photo: Callable[[int], LocalFeatures],
    candidate: Callable[[int], LocalFeatures],
    top: int,
    progress: Callable[[int, int], None] | None = None,
) -> Ranking:
    """The ranking with the first results of each query in the order of their RANSAC inliers.

    Args:
        found: How the search ordered the gallery.
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        photo: Local features of a query.
        candidate: Local features of a row of the gallery.
        top: Results that are checked.
        progress: Told the queries done and the queries in all.
    """
    ranks, rows, scores = found.ranks.copy(), found.nearest.rows.copy(), found.nearest.scores.copy()
    for query in range(len(ranks)):
        checked = rows[query, :top][rows[query, :top] != NO_ROW]
        result = rerank(photo(query), [candidate(int(row)) for row in checked])
        if ranks[query] != NOT_FOUND:
            behind = scores[query, : len(checked)] < found.own_scores[query]
            ranks[query] = _rank_after(
                int(ranks[query]),
                right=checked == truth[query],
                behind=behind,
                inliers=result.inliers,
                order=result.order,
            )
        rows[query, : len(checked)] = checked[result.order]
        scores[query, : len(checked)] = scores[query, : len(checked)][result.order]
        if progress:
            progress(query + 1, len(ranks))
    return replace(found, ranks=ranks, nearest=Neighbours(rows, scores))


def _rank_after(
    rank: int,
    *,
    right: NDArray[np.bool_],
    behind: NDArray[np.bool_],
    inliers: NDArray[np.int64],
    order: NDArray[np.int64],
) -> int:
    """The rank of the right place; ties of the search still count against the query.

    Args:
        rank: Before the check.
        right: bool [k], which candidate is the right place.
        behind: bool [k], which candidates score less than the right place.
        inliers: int [k], of each candidate.
        order: int [k], the candidates by their new order.
    """
    lifted = inliers >= LEAST_INLIERS
    if (lifted & right).any():
        return 1 + int(np.flatnonzero(right[order])[0])
    return rank + int((lifted & behind).sum())
