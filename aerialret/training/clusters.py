"""Divide and conquer: descriptors of places go in, clusters, their slices and batches come out.

Sanakoyeu, Tschernezki, Büchler and Ommer, "Divide and Conquer the Embedding Space for Metric
Learning", CVPR 2019.
"""

from collections.abc import Iterator
from typing import Any

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from aerialret.errors import ConfigurationError

faiss: Any = typed_faiss  # its stubs lack the wrappers that its Python package adds

_ITERATIONS = 25
_STARTS = 10  # from one start alone, k-means at times splits a group and joins two others


def cluster_places(
    descriptors: NDArray[np.float32],
    *,
    clusters: int,
    seed: int,
    previous: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """The cluster of each place, by k-means: int64 [n] in [0, clusters).

    Args:
        descriptors: float32 [n, R].
        clusters: At most so many; with fewer places than that, fewer.
        seed: Seed of the first centroids.
        previous: The clusters of the same places before, int64 [n] in [0, clusters); each new
            cluster takes the number of the old one that it has most in common with, so that a
            learner keeps its places.
    """
    count, length = descriptors.shape
    if count == 0:
        return np.empty(0, np.int64)
    k_means = faiss.Kmeans(
        length, min(clusters, count), niter=_ITERATIONS, nredo=_STARTS, seed=seed,
        min_points_per_centroid=1, max_points_per_centroid=count,
    )  # fmt: skip
    vectors = np.ascontiguousarray(descriptors, np.float32)
    k_means.train(vectors)
    labels = k_means.index.search(vectors, 1)[1][:, 0].astype(np.int64)
    return labels if previous is None else renumbered(labels, previous, clusters=clusters)


def renumbered(
    labels: NDArray[np.int64], previous: NDArray[np.int64], *, clusters: int
) -> NDArray[np.int64]:
    """`labels` under the numbers of `previous` that fit best: int64 [n].

    The assignment with the greatest sum of intersections over unions, by the Hungarian method.

    Args:
        labels: int64 [n] in [0, clusters).
        previous: int64 [n] in [0, clusters).
        clusters: How many there are.
    """
    common = np.zeros((clusters, clusters))
    np.add.at(common, (labels, previous), 1)
    union = common.sum(axis=1, keepdims=True) + common.sum(axis=0, keepdims=True) - common
    _, number = linear_sum_assignment(common / np.maximum(union, 1), maximize=True)
    result: NDArray[np.int64] = number.astype(np.int64)[labels]
    return result


def learner_slice(cluster: int, *, clusters: int, dimensions: int) -> slice:
    """Where the learner of a cluster lies in a descriptor; slices differ by at most 1 in length.

    Args:
        cluster: From 0 to clusters - 1.
        clusters: How many learners share the descriptor.
        dimensions: R, the descriptor's length.

    Raises:
        ConfigurationError: There are more learners than dimensions.
    """
    if clusters > dimensions:
        raise ConfigurationError(
            f"train.clusters is {clusters}, but the descriptor has only {dimensions} dimensions to "
            "share; lower train.clusters or raise model.dimensions"
        )
    return slice(dimensions * cluster // clusters, dimensions * (cluster + 1) // clusters)


def cluster_batches(
    labels: NDArray[np.int64], *, pairs_per_batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """One epoch: every place once, each batch from one cluster.

    The batches of all clusters come in random order, so that the next one is of a cluster in
    proportion to what is left of it. A cluster of a single place, which would have no negatives,
    joins the largest; see `cluster_of`.

    Args:
        labels: int64 [n], the cluster of each place.
        pairs_per_batch: Places in a batch, at least 2; one more where one would be left alone.
        rng: Source of all draws.

    Yields:
        int64 [m], rows of places.
    """
    plan: list[NDArray[np.int64]] = []
    joined = _without_singles(labels)
    for cluster in np.unique(joined):
        places = rng.permutation(np.flatnonzero(joined == cluster))
        parts = min(-(-len(places) // pairs_per_batch), max(1, len(places) // 2))
        plan += [part.astype(np.int64) for part in np.array_split(places, parts)]
    for number in rng.permutation(len(plan)):
        yield plan[number]


def cluster_of(batch: NDArray[np.int64], *, labels: NDArray[np.int64]) -> int:
    """The cluster whose learner a batch trains: that of most of its places.

    Args:
        batch: int64 [m], rows of places, at least one.
        labels: int64 [n], the cluster of each place.
    """
    return int(np.bincount(labels[batch]).argmax())


def _without_singles(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """`labels` with places that are alone in their cluster moved to the largest one."""
    if not len(labels):
        return labels
    sizes = np.bincount(labels)
    return np.where(sizes[labels] == 1, sizes.argmax(), labels)
