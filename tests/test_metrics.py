import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torchmetrics.retrieval import RetrievalHitRate, RetrievalMAP, RetrievalMRR

from aerialret.retrieval.metrics import (
    NOT_FOUND,
    average_precision,
    map_at,
    ranks_of_truth,
    recall_at,
)


def unit(seed: int, n: int, dimensions: int = 7) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(n, dimensions)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def noisy_pairs(seed: int, n: int, m: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    gallery = unit(seed, m)
    queries = gallery[:n] + 0.5 * unit(seed + 1, n)
    return queries / np.linalg.norm(queries, axis=1, keepdims=True), gallery


def slow_map5(
    queries: NDArray[np.float32], gallery: NDArray[np.float32], truth: NDArray[np.int64]
) -> float:
    """The definition, word for word: the sum over n = 1..5 of r_n / n, averaged over queries."""
    total = 0.0
    for query, right in zip(queries, truth, strict=True):
        order = sorted(range(len(gallery)), key=lambda row: -float(np.dot(query, gallery[row])))
        for n, row in enumerate(order[:5], start=1):
            r_n = 1 if row == right else 0
            total += r_n / n
    return total / len(queries)


@pytest.mark.parametrize("seed", range(5))
def test_map5_equals_the_slow_loop(seed: int) -> None:
    queries, gallery = noisy_pairs(seed, 30, 50)
    truth = np.arange(30)
    ranks = ranks_of_truth(queries, gallery, truth)
    assert 0.2 < map_at(ranks) < 1
    assert map_at(ranks) == pytest.approx(slow_map5(queries, gallery, truth), abs=1e-12)


def test_map5_and_recall_agree_with_torchmetrics() -> None:
    queries, gallery = noisy_pairs(11, 40, 60)
    ranks = ranks_of_truth(queries, gallery, np.arange(40))
    scores = torch.from_numpy(queries @ gallery.T)
    target = torch.eye(40, 60, dtype=torch.bool)
    which = torch.arange(40)[:, None].expand(40, 60)
    flat = scores.flatten(), target.flatten(), which.flatten()
    assert map_at(ranks) == pytest.approx(float(RetrievalMAP(top_k=5)(*flat)), abs=1e-6)
    assert map_at(ranks) == pytest.approx(float(RetrievalMRR(top_k=5)(*flat)), abs=1e-6)
    for depth in (1, 5, 10):
        theirs = float(RetrievalHitRate(top_k=depth)(*flat))
        assert recall_at(ranks, depth=depth) == pytest.approx(theirs, abs=1e-6)


def test_ties_count_against_the_query() -> None:
    gallery = np.tile(np.array([[0.6, 0.8]], np.float32), (4, 1))
    assert ranks_of_truth(gallery[:1], gallery, np.array([0])).tolist() == [4]


def test_a_place_that_the_gallery_lacks_is_not_found_and_scores_nothing() -> None:
    gallery = unit(0, 6)
    ranks = ranks_of_truth(gallery[:2], gallery, np.array([-1, 1]))
    assert ranks.tolist() == [NOT_FOUND, 1]
    assert average_precision(ranks).tolist() == [0.0, 1.0]
    assert recall_at(ranks, depth=100) == 0.5


def test_no_query_has_no_score() -> None:
    none = np.empty(0, np.int64)
    assert ranks_of_truth(np.empty((0, 7), np.float32), unit(0, 3), none).shape == (0,)
    assert math.isnan(map_at(none))
    assert math.isnan(recall_at(none, depth=1))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_map_lies_between_recall_at_1_and_recall_at_its_depth(ranks: list[int]) -> None:
    array = np.array(ranks)
    assert recall_at(array, depth=1) <= map_at(array) + 1e-12
    assert map_at(array) <= recall_at(array, depth=5) + 1e-12


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), block=st.integers(1, 40))
def test_neither_blocks_nor_the_order_of_the_gallery_change_a_rank(seed: int, block: int) -> None:
    queries, gallery = noisy_pairs(seed, 17, 23)
    order = np.random.default_rng(seed).permutation(23)
    moved = ranks_of_truth(queries, gallery[order], np.argsort(order)[:17], block=block)
    np.testing.assert_array_equal(moved, ranks_of_truth(queries, gallery, np.arange(17)))
