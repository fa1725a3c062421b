"""Scores of retrieval: ranks of the right place go in, map@5 and recall come out."""

import numpy as np
from numpy.typing import NDArray

MAP_DEPTH = 5
"""N of map@N (RFIAP 2020, section 3.1)."""

RECALL_DEPTHS = (1, 5, 10, 100)

NOT_FOUND = 0
"""The rank of a query whose place is not in the gallery."""


def ranks_of_truth(
    queries: NDArray[np.float32],
    gallery: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    block: int = 1024,
) -> NDArray[np.int64]:
    """The rank of each query's right answer under exact search; 1 is first.

    Ties count against the query: a gallery of equal descriptors scores as badly as it can.

    Args:
        queries: float32 [n, R], or [n, V, R] of which the best of V counts.
        gallery: float32 [m, R].
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        block: Queries compared at once, which bounds the memory at block x m floats.

    Returns:
        int [n]; `NOT_FOUND` where `truth` is -1.
    """
    ranks = np.full(len(queries), NOT_FOUND, np.int64)
    for start in range(0, len(queries), block):
        rows = slice(start, start + block)
        similarity = similarities(queries[rows], gallery)
        right = truth[rows]
        known = right >= 0
        own = similarity[np.arange(len(right)), right]
        ranks[rows] = np.where(known, (similarity >= own[:, None]).sum(axis=1), NOT_FOUND)
    return ranks


def similarities(queries: NDArray[np.float32], gallery: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score of every query and gallery tile, the best of a query's vectors: float32 [n, m].

    Args:
        queries: float32 [n, R], or [n, V, R].
        gallery: float32 [m, R].
    """
    if queries.ndim == 2:
        return queries @ gallery.T
    best = queries[:, 0] @ gallery.T
    for view in range(1, queries.shape[1]):
        np.maximum(best, queries[:, view] @ gallery.T, out=best)
    return best


def average_precision(ranks: NDArray[np.int64], *, depth: int = MAP_DEPTH) -> NDArray[np.float64]:
    """map@N of each query: 1 / rank up to `depth`, else 0 (RFIAP 2020, section 3.1)."""
    ranks = np.asarray(ranks)
    hit = (ranks > NOT_FOUND) & (ranks <= depth)
    return np.where(hit, 1.0 / np.maximum(ranks, 1), 0.0)


def map_at(ranks: NDArray[np.int64], *, depth: int = MAP_DEPTH) -> float:
    """Mean of `average_precision`; NaN for no query."""
    return float(average_precision(ranks, depth=depth).mean()) if len(ranks) else float("nan")


def recall_at(ranks: NDArray[np.int64], *, depth: int) -> float:
    """Share of queries whose rank is at most `depth`; NaN for no query."""
    ranks = np.asarray(ranks)
    hit = (ranks > NOT_FOUND) & (ranks <= depth)
    return float(hit.mean()) if len(ranks) else float("nan")
