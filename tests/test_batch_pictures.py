"""What the network sees in training is what it sees in a search, but for what was asked for."""

import numpy as np
import pytest
import torch

from aerialret.config import ModelConfig, TrainConfig
from aerialret.network.inputs import fill_absent
from aerialret.network.model import DescriptorNetwork
from aerialret.network.weights import initial_network
from aerialret.retrieval.metrics import ranks_of_truth
from aerialret.training.augment import shift, turn_and_flip
from aerialret.training.batch_pictures import augmented, whole
from aerialret.training.describing import ranks
from aerialret.training.draws import Draws
from aerialret.training.looks import Looks
from aerialret.training.loop import Training
from aerialret.training.pairs import Batch
from aerialret.training.training_data import DatePixels, PlacePixels

CPU = torch.device("cpu")
ROWS = np.array([4, 0, 2])


def date(*, side: int = 24, seed: int = 0) -> DatePixels:
    rng = np.random.default_rng(seed)
    return DatePixels(
        torch.from_numpy(rng.integers(0, 256, (5, 3, side, side), np.uint8)),
        torch.from_numpy(rng.integers(0, 4, (5, 1, side, side), np.uint8) * np.uint8(70)),
        torch.tensor([True, True, False, True, True]),
    )


def seen(config: TrainConfig, *, side: int = 24) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(6)
    draws = Draws.of(3, config=config, rng=rng)
    looks = Looks.draw(3, config=config, rng=rng, window=True)
    return augmented(date(), ROWS, draws, looks, config=config, side=side, device=CPU)


def test_without_augmentation_training_sees_what_a_search_sees() -> None:
    pictures = whole(date(), ROWS, device=CPU)
    expected = fill_absent(
        pictures.image, pictures.mask,
        has_image=torch.ones(3, dtype=torch.bool), has_mask=pictures.has_mask,
    )  # fmt: skip
    for found, wanted in zip(seen(TrainConfig()), expected, strict=True):
        assert torch.equal(found, wanted)


def test_turns_and_shifts_are_those_drawn() -> None:
    config = TrainConfig(turn_and_flip=True, shift_px=3)
    rng = np.random.default_rng(6)
    draws = Draws.of(3, config=config, rng=rng)
    offsets = Looks.draw(3, config=config, rng=rng, window=True).displacements.shift_px
    assert draws.turns.any()
    assert offsets.any()
    expected = shift(turn_and_flip(date().images[ROWS], draws.turns), offsets).float() / 255
    assert torch.equal(seen(config)[0], expected)


def test_displaced_tiles_come_out_as_large_as_the_network_sees_them() -> None:
    config = TrainConfig(turn_deg=90.0, crop=0.6, turn_and_flip=True, grey_share=0.5)
    image, mask = seen(config, side=10)
    assert image.shape == (3, 3, 10, 10)
    assert mask.shape == (3, 1, 10, 10)
    with_mask = mask[:2] * 255  # the third has none, and its image stands in
    assert set(with_mask.round(decimals=3).unique().tolist()) <= {0.0, 70.0, 140.0, 210.0}
    assert image.is_contiguous(memory_format=torch.channels_last)


def test_whole_tiles_are_resized_for_a_search() -> None:
    pictures = whole(date(), ROWS, device=CPU, side=8)
    assert pictures.image.shape == (3, 3, 8, 8)
    assert set((pictures.mask * 255).round().unique().tolist()) <= {0.0, 70.0, 140.0, 210.0}


@pytest.mark.parametrize("views", [1, 3])
def test_ranks_on_the_device_are_those_of_the_evaluation(views: int) -> None:
    rng = np.random.default_rng(1)
    query = rng.integers(-2, 3, (40, views, 4)).astype(np.float32)  # with ties
    gallery = rng.integers(-2, 3, (40, 4)).astype(np.float32)
    expected = ranks_of_truth(query, gallery, np.arange(40))
    assert np.array_equal(ranks(torch.from_numpy(query), torch.from_numpy(gallery)), expected)
    assert len(ranks(torch.empty(0, views, 4), torch.empty(0, 4))) == 0


def training(config: TrainConfig) -> Training:
    model = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="average", input_px=32
    )
    network = initial_network(model, tile_px=24, seed=0)
    assert isinstance(network, DescriptorNetwork)
    return Training(network, config, places=5, device=CPU)


def test_gradients_of_two_batches_add_up_to_one_step() -> None:
    config = TrainConfig(accumulate=2, trunk_batch_norm="frozen", precision="float32")
    one = training(config)
    one.network.eval()
    places, rng = PlacePixels(date(), date(seed=1)), np.random.default_rng(0)
    before = {name: weight.clone() for name, weight in one.network.state_dict().items()}
    gradients = []
    for last in (False, True):
        batch = Batch(np.array([0, 1 + last]), np.array([3, 4]))
        inputs, count = one.pictures(places, batch, rng)
        fresh = training(config)
        fresh.network.eval()
        fresh.descend(inputs, batch, count=count, last=False)
        gradients.append(fresh.network.fusion.weight.grad.clone())  # type: ignore[union-attr]
        seen_by_step = one.network.fusion.weight.grad  # type: ignore[union-attr]
        if last:
            torch.testing.assert_close(seen_by_step, gradients[0])
        one.descend(inputs, batch, count=count, last=last)
        moved = not torch.equal(one.network.fusion.weight, before["fusion.weight"])  # type: ignore[union-attr]
        assert moved == last
    adam = torch.optim.Adam([torch.nn.Parameter(before["fusion.weight"])], lr=config.rate_fusion)
    adam.param_groups[0]["params"][0].grad = gradients[0] + gradients[1]
    adam.step()
    torch.testing.assert_close(
        one.network.fusion.weight,
        adam.param_groups[0]["params"][0],
        atol=1e-7,
        rtol=0,  # type: ignore[union-attr]
    )


def test_a_compiled_network_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = torch.compile
    # Captured as for the real compiler, but run without the minute that this one takes.
    monkeypatch.setattr(torch, "compile", lambda network: compiler(network, backend="eager"))
    places = PlacePixels(date(), date(seed=1))
    weights = []
    for compiled in (False, True):
        config = TrainConfig(compile=compiled, precision="float32", pairs_per_batch=5)
        one = training(config)
        one.run_epoch(places)
        weights.append(one.state()["network"])
    assert weights[0].keys() == weights[1].keys()
    for name, weight in weights[0].items():
        torch.testing.assert_close(weights[1][name], weight, atol=1e-5, rtol=1e-4)
