"""Which places meet in a batch: training places and the hard ones go in, rows come out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.metrics import average_precision


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of training places.

    Attributes:
        places: int [n]; each gives one positive pair.
        strangers: int [n]; another place for each of `places`, for the sampled negative.
        learner: The slice of the descriptor that learns from this batch; None for all of it.
    """

    places: NDArray[np.int64]
    strangers: NDArray[np.int64]
    learner: slice | None = None


def hard_places(ranks: NDArray[np.int64], *, below: float) -> NDArray[np.int64]:
    """Rows of the places whose map@5 is below `below` (RFIAP 2020, section 4)."""
    return np.flatnonzero(average_precision(ranks) < below)


def batches(
    count: int,
    *,
    hard: NDArray[np.int64],
    pairs_per_batch: int,
    hard_share: float,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: every place once at random, each batch topped up with hard places.

    Hard places are taken in random order and used again when they run out. Before the first
    search there are none, and a batch is all random.

    Args:
        count: Number of training places, at least 2.
        hard: Rows of the hard places.
        pairs_per_batch: Positive pairs in a batch.
        hard_share: Share of a batch that comes from `hard`, 0 to 1.
        rng: Source of all draws.
    """
    hard_count = round(pairs_per_batch * hard_share) if len(hard) else 0
    random_count = max(1, pairs_per_batch - hard_count)
    order = rng.permutation(count)
    for start in range(0, count, random_count):
        drawn = order[start : start + random_count]
        extra = _cycled(hard, hard_count, rng)
        places = np.concatenate([drawn, extra]).astype(np.int64)
        yield Batch(places, _strangers(places, count, rng))


def _cycled(hard: NDArray[np.int64], wanted: int, rng: np.random.Generator) -> NDArray[np.int64]:
    if not wanted:
        return np.empty(0, np.int64)
    return rng.choice(hard, size=wanted, replace=wanted > len(hard))


def _strangers(
    places: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Another place for each: a shift by 1 to count - 1, which never meets the place itself."""
    return (places + rng.integers(1, max(count, 2), size=len(places))) % count
