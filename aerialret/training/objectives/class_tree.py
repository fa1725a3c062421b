"""The tree of places by likeness: descriptors go in, merges, nearest places and batches come out.

Ge, Huang, Dong and Scott, "Deep Metric Learning with Hierarchical Triplet Loss", ECCV 2018,
sections 3.2 and 3.3. A place is a class, and its tiles at two dates are its samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage as merge_by_linkage

from aerialret.errors import ConfigurationError
from aerialret.tiles.arrays import Descriptors

NEAREST = 31
"""Nearest places that a tree knows of each place."""

_MOST_PLACES = 30_000
"""Their distances two by two take 7 GiB while the tree is built."""

_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class ClassTree:
    """Places merged bottom-up by their mean distance.

    Attributes:
        linkage: float64 [places - 1, 4], scipy's linkage matrix: the two clusters that merge, the
            distance at which they do, and how many places they then have. Clusters below `places`
            are places; cluster places + i is the result of row i.
        nearest: int64 [places, k], of each place the nearest others, nearest first; k is NEAREST,
            or all others where there are fewer.
    """

    linkage: NDArray[np.float64]
    nearest: NDArray[np.int64]

    @classmethod
    def empty(cls) -> "ClassTree":
        """The tree of no places."""
        return cls(np.empty((0, 4)), np.empty((0, 0), np.int64))

    @classmethod
    def of(cls, query: Descriptors, gallery: Descriptors) -> "ClassTree":
        """The tree of places with descriptors at two dates, float [places, R] each.

        The distance of two places is d(p, q) = 1 / (n_p n_q) sum |r_i - r_j|^2 over their tiles
        (Ge 2018, equation 1), that of two clusters the mean over their places.

        Raises:
            ConfigurationError: There are too many places for a table of distances.
        """
        if len(query) > _MOST_PLACES:
            raise ConfigurationError(
                f"a tree of classes takes at most {_MOST_PLACES:,} training places, but there are "
                f"{len(query):,}; set train.batches = 'random', and another train.loss than "
                "hierarchical-triplet"
            )
        distances, nearest = _distances(query, gallery)
        merges = merge_by_linkage(distances, method="average") if len(distances) else None
        return cls(np.empty((0, 4)) if merges is None else merges, nearest)

    @property
    def places(self) -> int:
        """How many places it has."""
        return len(self.nearest)

    def line(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The places in an order in which every cluster is contiguous, and where they merge.

        Two places merge at the greatest of the distances between them in that order.

        Returns:
            int64 [places], the position of each place; float64 [places - 1], the distance at which
            what ends at a position merges with what begins at the next.
        """
        count = self.places
        start = np.zeros(max(2 * count - 1, 0), np.int64)
        sizes = np.concatenate([np.ones(count, np.int64), self.linkage[:, 3].astype(np.int64)])
        heights = np.zeros(max(count - 1, 0))
        for row in range(count - 2, -1, -1):
            left, right = self.linkage[row, :2].astype(np.int64)
            start[left] = start[count + row]
            start[right] = start[left] + sizes[left]
            heights[start[right] - 1] = self.linkage[row, 2]
        return start[:count], heights


def alike_batches(
    tree: ClassTree, *, groups: int, classes_per_group: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """One epoch of anchor-neighbourhood sampling: random places, each with its nearest.

    Ge 2018, section 3.3, with each place about once in an epoch: random places are drawn among
    those that have not been shown yet, and of their nearest those go first that have not: by
    distance alone, places that are near to many would come again and again and draw the epoch out.
    No place is twice in a batch.

    Args:
        tree: Of all places.
        groups: l', the random places of a batch.
        classes_per_group: m, places of a group, at most NEAREST + 1.
        rng: Source of all draws.

    Yields:
        int64, at most groups x classes_per_group rows of places.
    """
    shown: set[int] = set()
    batch: list[int] = []
    count = 0
    for place in rng.permutation(tree.places).tolist():
        if place in shown:
            continue
        near = [other for other in tree.nearest[place].tolist() if other not in batch]
        near.sort(key=shown.__contains__)
        batch += [place, *near[: classes_per_group - 1]]
        shown.update(batch)
        count += 1
        if count % groups == 0:
            yield np.array(batch, np.int64)
            batch = []
    if batch:
        yield np.array(batch, np.int64)


def _distances(
    query: Descriptors, gallery: Descriptors
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Of all pairs of places the distance, in scipy's condensed order, and each place's nearest."""
    first, second = query.astype(np.float64), gallery.astype(np.float64)
    centre = (first + second) / 2
    spread = ((first**2).sum(axis=1) + (second**2).sum(axis=1)) / 2
    count = len(centre)
    condensed, nearest = [np.empty(0)], [np.empty((0, min(NEAREST, max(count - 1, 0))), np.int64)]
    for start in range(0, count, _AT_ONCE):
        rows = np.arange(start, min(start + _AT_ONCE, count))
        block = spread[rows, None] + spread[None, :] - 2 * centre[rows] @ centre.T
        block = np.maximum(block, 0)
        condensed += [line[row + 1 :] for row, line in zip(rows, block, strict=True)]
        nearest.append(_nearest(block, rows))
    return np.concatenate(condensed), np.concatenate(nearest)


def _nearest(block: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The columns of the least distances of each row but its own, least first."""
    block = block.copy()
    block[np.arange(len(rows)), rows] = np.inf
    count = min(NEAREST, block.shape[1] - 1)
    least = np.argpartition(block, max(count - 1, 0), axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(block, least, axis=1), axis=1, kind="stable")
    return np.take_along_axis(least, order, axis=1)
