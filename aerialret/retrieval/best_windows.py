"""The best window of each place: ranked windows go in, each place's best one comes out.

A search for windows asks for more of them, until enough places are among them: the first windows
of a ranking hold the best window of each place that they name.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.vector_index import NO_ROW, Neighbours

Find: TypeAlias = Callable[[int], tuple[Neighbours, NDArray[np.int64]]]
"""From a number k to the best k windows of each query, and which view of it fitted each best."""

_AT_FIRST = 8
"""Windows for each place that are asked for at first."""


def best_windows(
    find: Find, places: NDArray[np.int64], *, top: int, available: int
) -> tuple[Neighbours, NDArray[np.int64]]:
    """The best window of each of the `top` best places, the best first, and its view: int [n, top].

    Args:
        find: Searches windows.
        places: int64 [m], the number of the place that each window stands for.
        top: Places for each query, at most as many as can be found.
        available: Windows that can be found.
    """
    asked = min(_AT_FIRST * top, available)
    while True:
        found, views = find(asked)
        picked = [_first_of_each(places, rows)[:top] for rows in found.rows]
        if asked == available or all(len(some) == top for some in picked):
            return _picked(found, views, picked, top)
        asked = min(4 * asked, available)


def _first_of_each(places: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions in `rows` where a place comes first, in their order."""
    there = np.flatnonzero(rows != NO_ROW)
    _, first = np.unique(places[rows[there]], return_index=True)
    return there[np.sort(first)]


def _picked(
    found: Neighbours, views: NDArray[np.int64], picked: list[NDArray[np.int64]], top: int
) -> tuple[Neighbours, NDArray[np.int64]]:
    count = len(picked)
    best = Neighbours(
        np.full((count, top), NO_ROW, np.int64), np.full((count, top), -np.inf, np.float32)
    )
    best_views = np.zeros((count, top), np.int64)
    for query, some in enumerate(picked):
        best.rows[query, : len(some)] = found.rows[query, some]
        best.scores[query, : len(some)] = found.scores[query, some]
        best_views[query, : len(some)] = views[query, some]
    return best, best_views
