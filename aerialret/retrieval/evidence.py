"""Evidence: scores of a search's results go in, what they say of the first one being right comes.

A photo that is asked about has all of it, so that what was learnt of it on places whose answer is
known can be applied to places whose answer is not.
"""

import numpy as np
from numpy.typing import NDArray

NAMES = ("score", "gap", "lead", "gallery")
"""The columns of the evidence, in their order; more of each speaks for the first result.

score    of the first result
gap      from there to the first result elsewhere
lead     logarithm of the way from there to the mean of the next `OTHERS` elsewhere
gallery  logarithm of the number of tiles: the same lead is harder to have over more
"""

OTHERS = 10
"""Results elsewhere that the first is held against."""

DEPTH = 20
"""Results that are looked at: the first, its eight neighbours, `OTHERS` elsewhere, one to spare."""

_LEAST_LEAD = 0.02  # added to the lead, so that none is no infinite evidence against


def evidence_of(
    scores: NDArray[np.float32], elsewhere: NDArray[np.bool_], *, gallery: int
) -> NDArray[np.float64]:
    """The evidence of n searches: float64 [n, 4], see `NAMES`.

    Where no result lies elsewhere there is nothing to hold the first against: gap and lead are 0.

    Args:
        scores: float32 [n, k], of the results, the best first; -inf where there are fewer.
        elsewhere: bool [n, k], as from `lies_elsewhere`.
        gallery: Tiles that were searched.
    """
    first = scores[:, 0].astype(np.float64)
    counted = elsewhere & np.isfinite(scores)
    counted &= np.cumsum(counted, axis=1) <= OTHERS
    number = counted.sum(axis=1)
    best = np.where(counted, scores, -np.inf).max(axis=1)
    mean = np.where(counted, scores, 0.0).sum(axis=1) / np.maximum(number, 1)
    gap = np.where(number > 0, first - best, 0.0)
    lead = np.where(number > 0, first - mean, 0.0)
    size = np.full(len(first), np.log(max(gallery, 1)))
    return np.stack([first, gap, np.log(np.maximum(lead, 0.0) + _LEAST_LEAD), size], axis=1)


def lies_elsewhere(bounds: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the results neither overlap nor touch the first: bool [n, k].

    A photo can lie across tiles that touch, and fits each of them: they are no rivals.

    Args:
        bounds: float64 [n, k, 4], left, bottom, right and top of the results' tiles.
    """
    first, slack = bounds[:, :1], 1e-6 * np.abs(bounds[:, :1, 2] - bounds[:, :1, 0])
    across = (bounds[..., 0] > first[..., 2] + slack) | (bounds[..., 2] < first[..., 0] - slack)
    along = (bounds[..., 1] > first[..., 3] + slack) | (bounds[..., 3] < first[..., 1] - slack)
    apart: NDArray[np.bool_] = across | along
    return apart
