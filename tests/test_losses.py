"""The siamese loss agrees with a slow loop and is zero where there is nothing to learn."""

import math

import pytest
import torch
from torch import Tensor

from aerialret.network.model import Similarity
from aerialret.training.losses import batch_negatives, hardest_negatives, pair_loss


def slow_loss(layer: Similarity, positives: list[tuple], negatives: list[tuple]) -> float:
    """Equations 1 to 3 of RFIAP 2020, a pair at a time."""

    def logit(a: Tensor, b: Tensor) -> float:
        weights = layer.classifier.weight[0].tolist()
        distance = [abs(x - y) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
        bias = layer.classifier.bias.item()
        return sum(w * d for w, d in zip(weights, distance, strict=True)) + bias

    def probability(a: Tensor, b: Tensor) -> float:
        return 1 / (1 + math.exp(-logit(a, b)))

    right = [-math.log(probability(a, b)) for a, b in positives]
    wrong = [-math.log(1 - probability(a, b)) for a, b in negatives]
    return (sum(right) / len(right) + sum(wrong) / len(wrong)) / 2


@pytest.fixture
def layer() -> Similarity:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        similarity = Similarity(6).double()
        torch.nn.init.normal_(similarity.classifier.weight)
    return similarity


def some(n: int, seed: int) -> Tensor:
    return torch.randn(n, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_loss_is_that_of_a_slow_loop(layer: Similarity) -> None:
    a, b, c, d = some(5, 1), some(5, 2), some(3, 3), some(3, 4)
    expected = slow_loss(layer, list(zip(a, b, strict=True)), list(zip(c, d, strict=True)))
    assert pair_loss(layer, (a, b), (c, d)).item() == pytest.approx(expected, rel=1e-12)


def test_its_gradient_is_that_of_finite_differences(layer: Similarity) -> None:
    inputs = tuple(some(3, seed).requires_grad_() for seed in range(4))
    assert torch.autograd.gradcheck(
        lambda a, b, c, d: pair_loss(layer, (a, b), (c, d)), inputs, atol=1e-6
    )


def test_without_any_pair_it_is_zero_and_can_be_differentiated(layer: Similarity) -> None:
    nothing = torch.empty(0, 6, dtype=torch.float64, requires_grad=True)
    loss = pair_loss(layer, (nothing, nothing), (nothing, nothing))
    loss.backward()
    assert loss.item() == 0


def test_a_side_without_pairs_leaves_the_other_whole(layer: Similarity) -> None:
    a, b, nothing = some(4, 1), some(4, 2), some(0, 0)
    distance = torch.nn.functional.softplus(-layer(a, b)).mean().item()
    assert pair_loss(layer, (a, b), (nothing, nothing)).item() == pytest.approx(distance)


def test_batch_negatives_are_all_pairs_of_different_places() -> None:
    query, gallery = torch.arange(4.0)[:, None], torch.arange(4.0)[:, None] + 10
    places = torch.tensor([7, 8, 7, 9])
    first, second = batch_negatives(query, gallery, places)
    found = sorted(zip(first[:, 0].tolist(), second[:, 0].tolist(), strict=True))
    expected = []
    for i in range(4):
        for j in range(4):
            if places[i] != places[j]:
                expected.append((i, j + 10))
                if i < j:
                    expected += [(i, j), (i + 10, j + 10)]
    assert found == sorted((float(a), float(b)) for a, b in expected)


def test_a_near_pair_starts_as_one_place_and_a_far_one_as_two() -> None:
    layer = Similarity(256)
    unit = torch.nn.functional.normalize(some(2, 5).float().repeat(1, 43)[:, :256], dim=1) * 16
    assert layer(unit[:1], unit[:1]).item() > 0
    generator = torch.Generator().manual_seed(0)
    far = torch.nn.functional.normalize(torch.randn(2, 256, generator=generator), dim=1) * 16
    assert layer(far[:1], far[1:]).item() < 0


def test_hardest_negatives_are_the_likeliest_wrong_pair_of_each_tile(layer: Similarity) -> None:
    query, gallery = some(5, 1), some(5, 2)
    places = torch.tensor([4, 9, 4, 7, 1])
    found = {
        tuple(a.tolist() + b.tolist())
        for a, b in zip(*hardest_negatives(layer, query, gallery, places), strict=True)
    }
    expected = set()
    for anchors, others in ((query, gallery), (gallery, query), (query, query), (gallery, gallery)):
        for i, anchor in enumerate(anchors):
            wrong = [other for j, other in enumerate(others) if places[i] != places[j]]
            likeliest = max(wrong, key=lambda other: layer(anchor[None], other[None]).item())
            expected.add(tuple(anchor.tolist() + likeliest.tolist()))
    assert found == expected


def test_a_batch_of_one_place_has_no_hardest_negative(layer: Similarity) -> None:
    places = torch.tensor([3, 3])
    first, second = hardest_negatives(layer, some(2, 1), some(2, 2), places)
    assert len(first) == len(second) == 0
