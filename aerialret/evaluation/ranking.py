"""Rankings: vectors of queries and of a gallery go in, the ranks of the right places come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.metrics import NOT_FOUND, similarities
from aerialret.retrieval.vector_index import NO_ROW, Neighbours

_BLOCK = 1024

Similarity: TypeAlias = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float32]]
"""From queries and a gallery to the score of each pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """How the gallery is ordered for n queries.

    Attributes:
        ranks: int [n], the rank of the right place; `metrics.NOT_FOUND` where the gallery lacks it.
        nearest: The first results, rows of the gallery; `NO_ROW` where there are not as many.
        own_scores: float32 [n], score of each query and its right place; NaN where there is none.
    """

    ranks: NDArray[np.int64]
    nearest: Neighbours
    own_scores: NDArray[np.float32]


def rank_gallery(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    top: int,
    neutral: Mapping[int, NDArray[np.int64]] | None = None,
    similarity: Similarity = similarities,
    block: int = _BLOCK,
) -> Ranking:
    """Searches every query exactly.

    Ties count against the query: a gallery of equal vectors scores as badly as it can.

    Args:
        queries: float32 [n, R], or [n, V, R] of which the best of V counts.
        gallery: float32 [m, R].
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        top: Results that are kept.
        neutral: Rows of the gallery that are taken out of a query's ranking, by query.
        similarity: Scores of queries and gallery, float32 [n, m]; where the method has its own.
        block: Queries compared at once, which bounds the memory at block x m floats.
    """
    count, kept = len(queries), min(top, len(gallery))
    ranks = np.full(count, NOT_FOUND, np.int64)
    own = np.full(count, np.nan, np.float32)
    nearest = Neighbours(np.empty((count, kept), np.int64), np.empty((count, kept), np.float32))
    for start in range(0, count, block):
        part = slice(start, min(start + block, count))
        scores = similarity(queries[part], gallery)
        _drop(scores, neutral or {}, first=start)
        known = truth[part] >= 0
        right = scores[np.arange(len(scores)), truth[part]]
        ahead = (scores >= right[:, None]).sum(axis=1)
        ranks[part] = np.where(known, ahead, NOT_FOUND)
        own[part] = np.where(known, np.minimum(right, 1.0), np.float32(np.nan))
        _keep_nearest(scores, nearest, part)
    return Ranking(ranks=ranks, nearest=nearest, own_scores=own)


def _drop(
    scores: NDArray[np.float32], neutral: Mapping[int, NDArray[np.int64]], *, first: int
) -> None:
    """Takes the neutral rows out of a block of scores whose first query is `first`."""
    for query in range(first, first + len(scores)) if neutral else ():
        if query in neutral:
            scores[query - first, neutral[query]] = -np.inf


def _keep_nearest(scores: NDArray[np.float32], nearest: Neighbours, part: slice) -> None:
    """Fills the rows `part` of `nearest`; equal scores in the gallery's order."""
    kept = nearest.rows.shape[1]
    order = np.argsort(-scores, axis=1, kind="stable")[:, :kept]
    found = np.take_along_axis(scores, order, axis=1)
    nearest.rows[part] = np.where(np.isneginf(found), NO_ROW, order)
    nearest.scores[part] = np.minimum(found, 1.0)
