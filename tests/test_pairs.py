"""Batches go over every place once and are topped up with hard ones."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aerialret.training.pairs import batches, hard_places

counts = st.integers(2, 60)


@given(counts, st.integers(2, 16), st.integers(0, 99))
def test_without_hard_places_an_epoch_shows_every_place_once(
    count: int, pairs: int, seed: int
) -> None:
    plan = list(
        batches(
            count, hard=np.empty(0, np.int64), pairs_per_batch=pairs, hard_share=0.5,
            rng=np.random.default_rng(seed),
        )
    )  # fmt: skip
    assert sorted(np.concatenate([batch.places for batch in plan])) == list(range(count))


@given(counts, st.integers(0, 99))
def test_no_place_is_its_own_negative(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for batch in batches(count, hard=np.array([0, 1]), pairs_per_batch=6, hard_share=0.5, rng=rng):
        assert (batch.places != batch.strangers).all()
        assert ((batch.strangers >= 0) & (batch.strangers < count)).all()


def test_half_of_a_batch_is_hard_and_hard_places_are_used_again() -> None:
    hard = np.array([3, 7])
    plan = list(
        batches(24, hard=hard, pairs_per_batch=12, hard_share=0.5, rng=np.random.default_rng(0))
    )
    assert len(plan) == 4
    for batch in plan:
        assert len(batch.places) == 12
        assert np.isin(batch.places[6:], hard).all()


def test_a_place_is_hard_when_it_came_neither_first_nor_second() -> None:
    assert hard_places(np.array([1, 2, 3, 6, 0]), below=0.5).tolist() == [2, 3, 4]
