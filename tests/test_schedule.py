"""Which parts learn in which epoch."""

import pytest

from aerialret.config import TrainConfig
from aerialret.training.schedule import Parts, last_third, trained_parts


def plan(*, epochs: int, **values: str) -> list[Parts]:
    config = TrainConfig(epochs=epochs, **values)  # type: ignore[arg-type]
    return [trained_parts(config, epoch=epoch) for epoch in range(epochs)]


def test_joint_training_trains_everything_in_every_epoch() -> None:
    assert plan(epochs=4) == [Parts(transformer=True, rest=True, clusters=False)] * 4


def test_batches_of_clusters_train_learners_in_every_epoch_of_joint_training() -> None:
    parts = plan(epochs=3, batches="clusters")
    assert parts == [Parts(transformer=True, rest=True, clusters=True)] * 3


def test_alternate_training_begins_with_the_transformer_alone() -> None:
    parts = plan(epochs=5, schedule="alternate")
    assert [part.rest for part in parts] == [False, True, False, True, False]
    assert all(part.transformer for part in parts)
    assert not any(part.clusters for part in parts)


@pytest.mark.parametrize(
    ("epochs", "divided"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (6, 4), (100, 66)]
)
def test_the_last_third_conquers(epochs: int, divided: int) -> None:
    parts = plan(epochs=epochs, schedule="divide-and-conquer", batches="clusters")
    assert [part.clusters for part in parts] == [True] * divided + [False] * (epochs - divided)
    assert all(part.transformer and part.rest for part in parts)


def test_every_training_ends_with_everything_together() -> None:
    for epochs in range(1, 40):
        assert 1 <= last_third(epochs) <= epochs / 3 + 1
        assert plan(epochs=epochs, schedule="divide-and-conquer")[-1] == Parts()
