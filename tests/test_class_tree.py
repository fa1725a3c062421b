"""The tree of places is scipy's, and its batches hold each random place with its nearest."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cophenet, linkage

from aerialret.errors import ConfigurationError
from aerialret.training.objectives import class_tree
from aerialret.training.objectives.class_tree import ClassTree, alike_batches
from tests.slow_losses import class_distances, condensed


def some_places(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(count, 4)).astype(np.float32)
    return first, first + rng.normal(scale=0.3, size=(count, 4)).astype(np.float32)


def merged_at(tree: ClassTree) -> NDArray[np.float64]:
    """Where each two places merge, by the line: in scipy's condensed order."""
    position, heights = tree.line()
    found = []
    for p in range(tree.places):
        for q in range(p + 1, tree.places):
            low, high = sorted((position[p], position[q]))
            found.append(heights[low:high].max())
    return np.array(found)


def test_the_tree_is_that_of_average_linkage_on_class_distances() -> None:
    query, gallery = some_places(12)
    expected = linkage(condensed(class_distances(query, gallery)), method="average")
    np.testing.assert_allclose(ClassTree.of(query, gallery).linkage, expected, rtol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 40])
def test_two_places_merge_at_the_greatest_distance_between_them_in_line(count: int) -> None:
    tree = ClassTree.of(*some_places(count))
    np.testing.assert_allclose(merged_at(tree), cophenet(tree.linkage))


def test_the_line_holds_every_place_once() -> None:
    position, heights = ClassTree.of(*some_places(23)).line()
    assert sorted(position) == list(range(23))
    assert len(heights) == 22


def test_the_nearest_places_are_those_of_a_slow_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_tree, "_AT_ONCE", 7)  # several blocks
    monkeypatch.setattr(class_tree, "NEAREST", 5)
    query, gallery = some_places(19)
    table = class_distances(query, gallery)
    nearest = ClassTree.of(query, gallery).nearest
    assert nearest.shape == (19, 5)
    for place, row in enumerate(nearest):
        others = [other for other in range(19) if other != place]
        assert row.tolist() == sorted(others, key=lambda other: table[place, other])[:5]


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_places_there_is_no_merge(count: int) -> None:
    tree = ClassTree.of(*some_places(count))
    position, heights = tree.line()
    assert tree.linkage.shape == (0, 4)
    assert (len(position), len(heights), tree.places) == (count, 0, count)
    found = list(alike_batches(tree, groups=2, classes_per_group=3, rng=np.random.default_rng(0)))
    assert [rows.tolist() for rows in found] == [[0]] * count


def test_more_places_than_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(class_tree, "_MOST_PLACES", 4)
    with pytest.raises(ConfigurationError, match="at most 4 training places, but there are 5"):
        ClassTree.of(*some_places(5))


def test_every_place_is_in_a_batch_and_none_twice_in_one() -> None:
    tree = ClassTree.of(*some_places(200))
    found = list(alike_batches(tree, groups=3, classes_per_group=4, rng=np.random.default_rng(1)))
    assert set(np.concatenate(found).tolist()) == set(range(200))
    assert all(len(set(rows.tolist())) == len(rows) <= 12 for rows in found)
    assert all(len(rows) == 12 for rows in found[:-1])


def test_an_epoch_is_about_as_long_as_one_of_random_batches() -> None:
    rng = np.random.default_rng(5)
    query = rng.normal(size=(600, 64)).astype(np.float32)
    query /= np.linalg.norm(query, axis=1, keepdims=True)
    tree = ClassTree.of(query, query)
    found = list(alike_batches(tree, groups=3, classes_per_group=4, rng=rng))
    assert 600 / 12 <= len(found) <= 1.2 * 600 / 12


def test_a_group_is_a_random_place_and_its_nearest_that_are_new() -> None:
    tree = ClassTree.of(*some_places(30))  # each knows all others
    shown: set[int] = set()
    anchors = []
    for rows in alike_batches(tree, groups=1, classes_per_group=4, rng=np.random.default_rng(2)):
        anchor, *near = rows.tolist()
        new = [other for other in tree.nearest[anchor].tolist() if other not in shown]
        old = [other for other in tree.nearest[anchor].tolist() if other in shown]
        assert anchor not in shown
        assert near == [*new, *old][:3]
        shown.update(rows.tolist())
        anchors.append(anchor)
    other = alike_batches(tree, groups=1, classes_per_group=4, rng=np.random.default_rng(3))
    assert [rows[0] for rows in other] != anchors


def test_one_seed_gives_the_same_batches() -> None:
    tree = ClassTree.of(*some_places(30))
    first, second = (
        list(alike_batches(tree, groups=2, classes_per_group=3, rng=np.random.default_rng(4)))
        for _ in range(2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
