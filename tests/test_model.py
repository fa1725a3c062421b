"""The network is the published one, and its parts do what their equations say."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError
from aerialret.network.importing.matching import fill
from aerialret.network.inputs import fill_absent, luma
from aerialret.network.model import (
    DescriptorNetwork,
    PoolingHead,
)
from aerialret.network.weights import initial_network

SMALL = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head_filters=(16, 12, 8),
    head_strides=(1, 1, 1), head_padding=1, dimensions=10,
)  # fmt: skip


def rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(7))


def test_the_published_network_maps_256_px_to_256_numbers() -> None:
    network = DescriptorNetwork(ModelConfig(weights="none"), tile_px=256).eval()
    with torch.inference_mode():
        assert network(rand(2, 3, 256, 256), rand(2, 1, 256, 256)).shape == (2, 256)
    convolutions = [m for m in network.head.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convolutions] == [1024, 512, 256]


@pytest.mark.parametrize("encoding", ["grey", "rgb"])
def test_the_fusion_starts_as_half_image_plus_half_mask(encoding: str) -> None:
    network = DescriptorNetwork(replace(SMALL, mask_encoding=encoding), tile_px=64)
    image, mask = rand(2, 3, 8, 8), rand(2, 1 if encoding == "grey" else 3, 8, 8).flip(3)
    torch.testing.assert_close(
        network.fuse(image, mask), 0.5 * image + 0.5 * mask.expand(-1, 3, -1, -1)
    )


def test_a_fixed_fusion_is_not_trained() -> None:
    assert DescriptorNetwork(SMALL, tile_px=64).fusion.weight.requires_grad
    fixed = DescriptorNetwork(replace(SMALL, fusion="fixed"), tile_px=64)
    assert not fixed.fusion.weight.requires_grad


def test_an_image_without_mask_reaches_the_trunk_at_full_strength() -> None:
    network = DescriptorNetwork(replace(SMALL, mask_encoding="rgb"), tile_px=64)
    image, mask = rand(2, 3, 8, 8), rand(2, 3, 8, 8).flip(2)
    absent = torch.tensor([True, False])
    fused = network.fuse(*fill_absent(image, mask, has_image=absent | True, has_mask=~absent))
    torch.testing.assert_close(fused[0], image[0])
    torch.testing.assert_close(fused[1], 0.5 * image[1] + 0.5 * mask[1])


def test_a_mask_without_image_stands_in_for_it() -> None:
    image, mask = rand(1, 3, 8, 8), rand(1, 1, 8, 8)
    no, yes = torch.tensor([False]), torch.tensor([True])
    filled, same = fill_absent(image, mask, has_image=no, has_mask=yes)
    torch.testing.assert_close(filled, mask.expand(-1, 3, -1, -1))
    torch.testing.assert_close(same, mask)


def test_the_luma_of_grey_is_that_grey() -> None:
    grey = rand(2, 1, 4, 4)
    torch.testing.assert_close(luma(grey.expand(-1, 3, -1, -1)), grey)


@pytest.mark.parametrize("kind", ["max", "average", "gem"])
def test_pooling_agrees_with_its_definition(kind: str) -> None:
    features = rand(2, 5, 3, 4)
    flat = features.flatten(2)
    expected = {
        "max": flat.max(2).values,
        "average": flat.sum(2) / 12,
        "gem": ((flat**3).sum(2) / 12) ** (1 / 3),
    }[kind]
    torch.testing.assert_close(PoolingHead(kind)(features), expected)


def test_the_trunk_is_torchvisions_resnet() -> None:
    resnet = torchvision.models.resnet50(weights=None).eval()
    config = ModelConfig(weights="none", input="image", head="average")
    network = DescriptorNetwork(config, tile_px=64).eval()
    fill(network, resnet.state_dict(), source="resnet")
    pixels = rand(1, 3, 64, 64)
    resnet.fc = nn.Identity()
    with torch.inference_mode():
        torch.testing.assert_close(network.head(network.trunk(pixels)), resnet(pixels))


def test_the_stride_can_sit_in_the_first_convolution() -> None:
    config = ModelConfig(weights="none", input="image", bottleneck_stride="1x1")
    trunk = DescriptorNetwork(config, tile_px=256).trunk
    block = trunk.layer2[0]
    assert (block.conv1.stride, block.conv2.stride) == ((2, 2), (1, 1))


def test_one_seed_gives_one_network_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, second = (initial_network(SMALL, tile_px=64, seed=5) for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)
    other = initial_network(SMALL, tile_px=64, seed=6)
    assert not torch.equal(first.head.fully_connected.weight, other.head.fully_connected.weight)


def test_weights_of_another_backbone_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save(torchvision.models.resnet50(weights=None).state_dict(), path)
    with pytest.raises(ConfigurationError, match="does not fit resnet18"):
        initial_network(replace(SMALL, weights=str(path)), tile_px=64, seed=0)


def test_weights_that_are_missing_or_broken_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file"):
        initial_network(replace(SMALL, weights=str(tmp_path / "x.pth")), tile_px=64, seed=0)
    (tmp_path / "x.pth").write_bytes(b"nothing")
    with pytest.raises(UnreadableInputError, match="no state dict"):
        initial_network(replace(SMALL, weights=str(tmp_path / "x.pth")), tile_px=64, seed=0)


def test_a_head_that_leaves_nothing_says_what_to_change() -> None:
    with pytest.raises(ConfigurationError, match="head_padding"):
        DescriptorNetwork(ModelConfig(weights="none"), tile_px=128)


def test_the_descriptor_length_is_that_of_the_head() -> None:
    gem = replace(SMALL, head="gem")
    assert DescriptorNetwork(SMALL, tile_px=64).length == 10
    assert DescriptorNetwork(gem, tile_px=64).length == 256
    assert DescriptorNetwork(replace(gem, head_linear=True), tile_px=64).length == 10
