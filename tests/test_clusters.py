"""Clusters hold what is alike, keep their numbers, share the descriptor and fill the batches."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.training.clusters import (
    cluster_batches,
    cluster_of,
    cluster_places,
    learner_slice,
    renumbered,
)


def islands(*, sizes: tuple[int, ...], seed: int = 0) -> tuple[NDArray, NDArray]:
    """Descriptors in far-apart groups, in random order, and the group of each."""
    rng = np.random.default_rng(seed)
    group = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = 10 * rng.normal(size=(len(sizes), 7))
    return (centres[group] + rng.normal(size=(len(group), 7))).astype(np.float32), group


def same_partition(one: NDArray, other: NDArray) -> bool:
    return bool(((one[:, None] == one) == (other[:, None] == other)).all())


@pytest.mark.parametrize("seed", range(3))
def test_k_means_finds_groups_that_lie_far_apart(seed: int) -> None:
    descriptors, group = islands(sizes=(20, 9, 31), seed=5)
    labels = cluster_places(descriptors, clusters=3, seed=seed)
    assert labels.dtype == np.int64
    assert same_partition(labels, group)


def test_every_place_is_in_the_cluster_with_the_nearest_mean() -> None:
    descriptors = np.random.default_rng(1).normal(size=(60, 5)).astype(np.float32)
    labels = cluster_places(descriptors, clusters=4, seed=0)
    means = np.stack([descriptors[labels == cluster].mean(axis=0) for cluster in range(4)])
    distance = ((descriptors[:, None] - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == labels).mean() > 0.9  # k-means stops a little early


def test_one_seed_gives_one_clustering() -> None:
    descriptors = np.random.default_rng(1).normal(size=(300, 16)).astype(np.float32)
    before = descriptors.copy()
    once = cluster_places(descriptors, clusters=5, seed=3)
    assert (cluster_places(descriptors, clusters=5, seed=3) == once).all()
    assert not same_partition(cluster_places(descriptors, clusters=5, seed=4), once)
    assert (descriptors == before).all()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_fewer_places_than_clusters_get_a_cluster_each(count: int) -> None:
    descriptors, _ = islands(sizes=(1,) * count) if count else (np.empty((0, 7), np.float32), None)
    labels = cluster_places(descriptors, clusters=4, seed=0)
    assert labels.shape == (count,)
    assert len(set(labels.tolist())) == count
    assert ((labels >= 0) & (labels < 4)).all()


def test_places_that_are_all_alike_can_be_clustered() -> None:
    labels = cluster_places(np.ones((9, 4), np.float32), clusters=3, seed=0)
    assert ((labels >= 0) & (labels < 3)).all()


def test_a_cluster_keeps_its_number_when_a_few_places_move() -> None:
    descriptors, group = islands(sizes=(20, 9, 31), seed=5)
    previous = np.array([2, 0, 1])[group]
    previous[:3] = (previous[:3] + 1) % 3
    labels = cluster_places(descriptors, clusters=3, seed=8, previous=previous)
    assert (labels[3:] == previous[3:]).all()


def overlap(labels: NDArray, previous: NDArray, clusters: int) -> float:
    """Sum of the intersections over unions of clusters with one number."""
    total = 0.0
    for cluster in range(clusters):
        one, other = (
            set(np.flatnonzero(labels == cluster)),
            set(np.flatnonzero(previous == cluster)),
        )
        total += len(one & other) / max(len(one | other), 1)
    return total


@settings(max_examples=40)
@given(st.integers(1, 4), st.integers(0, 25), st.integers(0, 999))
def test_no_other_numbering_has_more_in_common(clusters: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels, previous = rng.integers(0, clusters, size=(2, count))
    found = renumbered(labels, previous, clusters=clusters)
    assert same_partition(found, labels)
    best = max(
        overlap(np.array(order)[labels], previous, clusters)
        for order in permutations(range(clusters))
    )
    assert overlap(found, previous, clusters) == pytest.approx(best)


@given(st.integers(1, 40), st.integers(0, 300))
def test_learners_share_the_whole_descriptor_evenly(clusters: int, more: int) -> None:
    dimensions = clusters + more
    slices = [
        learner_slice(cluster, clusters=clusters, dimensions=dimensions)
        for cluster in range(clusters)
    ]
    assert np.concatenate([np.arange(dimensions)[part] for part in slices]).tolist() == list(
        range(dimensions)
    )
    lengths = [part.stop - part.start for part in slices]
    assert max(lengths) - min(lengths) <= 1


def test_more_learners_than_dimensions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"clusters is 9.*only 8 dimensions.*lower"):
        learner_slice(0, clusters=9, dimensions=8)


def plan(labels: NDArray, *, pairs: int, seed: int = 0) -> list[NDArray]:
    rng = np.random.default_rng(seed)
    return list(cluster_batches(labels, pairs_per_batch=pairs, rng=rng))


label_lists = st.lists(st.integers(0, 5), min_size=0, max_size=60)


@given(label_lists, st.integers(2, 13), st.integers(0, 99))
def test_an_epoch_shows_every_place_once(labels: list[int], pairs: int, seed: int) -> None:
    batches = plan(np.array(labels, np.int64), pairs=pairs, seed=seed)
    shown = np.concatenate([np.empty(0, np.int64), *batches])
    assert shown.dtype == np.int64
    assert sorted(shown.tolist()) == list(range(len(labels)))


@given(label_lists, st.integers(2, 13), st.integers(0, 99))
def test_no_place_is_left_without_a_negative(labels: list[int], pairs: int, seed: int) -> None:
    batches = plan(np.array(labels, np.int64), pairs=pairs, seed=seed)
    if len(labels) > 1:
        assert min(map(len, batches)) >= 2
    assert all(len(batch) <= max(pairs, 3) for batch in batches)


@given(label_lists, st.integers(2, 13), st.integers(0, 99))
def test_a_batch_is_of_one_cluster(labels: list[int], pairs: int, seed: int) -> None:
    cluster = np.array([*labels, *labels], np.int64)  # so that none holds a single place
    for batch in plan(cluster, pairs=pairs, seed=seed):
        assert len(set(cluster[batch])) == 1
        assert cluster_of(batch, labels=cluster) == cluster[batch[0]]


def test_a_place_that_is_alone_joins_the_largest_cluster() -> None:
    labels = np.array([3, 3, 1, 5, 5, 5, 0, 3, 5])
    batches = plan(labels, pairs=20)
    assert sorted(sorted(batch.tolist()) for batch in batches) == [[0, 1, 7], [2, 3, 4, 5, 6, 8]]
    assert {cluster_of(batch, labels=labels) for batch in batches} == {3, 5}


def test_clusters_come_first_in_proportion_to_their_size() -> None:
    labels = np.repeat([0, 1], [120, 40])
    firsts = [cluster_of(plan(labels, pairs=4, seed=seed)[0], labels=labels) for seed in range(400)]
    assert np.mean(firsts) == pytest.approx(0.25, abs=0.07)


def test_one_generator_gives_one_plan_and_another_gives_another() -> None:
    labels = np.repeat([0, 1, 2], [9, 14, 5])
    once, again, other = (plan(labels, pairs=4, seed=seed) for seed in (7, 7, 8))
    assert [batch.tolist() for batch in once] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in once] != [batch.tolist() for batch in other]
