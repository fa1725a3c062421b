"""The bootstrap: a value for each query goes in, means of resamples and their intervals come out.

Efron and Tibshirani, An Introduction to the Bootstrap, 1993: sections 6.2 and 13.3 (percentiles).
"""

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95

_AT_ONCE = 256


def resampled_means(
    values: NDArray[np.float64], *, resamples: int, seed: int
) -> NDArray[np.float64]:
    """The means of samples of the queries, drawn with replacement: float [resamples, m].

    One resample takes the same queries in every column, so that columns can be compared.

    Args:
        values: float [n, m], a row for each query and a column for each method.
        resamples: How many samples of n queries are drawn.
        seed: Seed of the draws.
    """
    generator = np.random.default_rng(seed)
    queries = len(values)
    parts = [np.empty((0, values.shape[1]))]
    for start in range(0, resamples, _AT_ONCE):
        drawn = generator.integers(0, queries, (min(_AT_ONCE, resamples - start), queries))
        parts.append(_times_drawn(drawn) @ values / queries)
    return np.concatenate(parts)


def intervals(
    values: NDArray[np.float64], *, resamples: int, seed: int, level: float = LEVEL
) -> NDArray[np.float64]:
    """Percentile intervals of the columns' means: float [m, 2], low and high; NaN for no query.

    Args:
        values: float [n, m], as for `resampled_means`.
        resamples: How many samples are drawn.
        seed: Seed of the draws.
        level: Share of the resamples' means that lie inside.
    """
    if not len(values):
        return np.full((values.shape[1], 2), np.nan)
    means = resampled_means(values, resamples=resamples, seed=seed)
    tail = (1 - level) / 2
    ends: NDArray[np.float64] = np.quantile(means, [tail, 1 - tail], axis=0).T
    return ends


def _times_drawn(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each resample took each query: float [b, n] from rows int [b, n]."""
    count, queries = drawn.shape
    cells = drawn + queries * np.arange(count)[:, None]
    times = np.bincount(cells.ravel(), minlength=count * queries)
    return times.reshape(count, queries).astype(np.float64)
