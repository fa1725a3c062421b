"""Cells of edges say where edges run, whichever side is brighter, and join what is learnt."""

import pytest
import torch
from torch.nn.functional import normalize

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.dense import GridLayout
from aerialret.network.gradient_cells import (
    ORIENTATIONS,
    cell_channels,
    gradient_cells,
    joined_cells,
)
from aerialret.network.model import DescriptorNetwork

CONFIG = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=6,
    input="image", input_px=64, grid_gradients=0.2,
)  # fmt: skip


def stripes(*, down: bool) -> torch.Tensor:
    """Float [1, 3, 64, 96], smooth stripes."""
    line = torch.linspace(0, 40, 64 if down else 96).sin() / 2 + 0.5
    return (line[:, None] if down else line[None]).expand(1, 3, 64, 96).contiguous()


def test_cells_tell_the_direction_of_edges_and_not_their_sign() -> None:
    across, along = (gradient_cells(stripes(down=d), rows=4, columns=6) for d in (False, True))
    inverted = gradient_cells(1 - stripes(down=True), rows=4, columns=6)
    assert across.shape == (1, ORIENTATIONS, 4, 6)
    torch.testing.assert_close(along.norm(dim=1), torch.ones(1, 4, 6))
    torch.testing.assert_close(along, inverted)
    assert ((across * along).sum(dim=1) < 0).all()


def test_colour_and_contrast_do_not_change_cells() -> None:
    generator = torch.Generator().manual_seed(3)
    image = torch.rand(1, 3, 64, 64, generator=generator)
    cells = gradient_cells(image, rows=4, columns=4)
    torch.testing.assert_close(gradient_cells(0.4 * image + 0.3, rows=4, columns=4), cells)


def test_a_flat_image_has_no_edges() -> None:
    assert not gradient_cells(torch.full((1, 3, 64, 64), 0.4), rows=4, columns=4).any()


def test_the_cosine_of_joined_cells_is_the_weighted_mean_of_both() -> None:
    generator = torch.Generator().manual_seed(1)
    first, second, third, fourth = (
        normalize(torch.randn(2, width, 3, 5, generator=generator), dim=1) for width in (6, 6, 9, 9)
    )
    joint = joined_cells(first, third, share=0.3) * joined_cells(second, fourth, share=0.3)
    expected = 0.7 * (first * second).sum(dim=1) + 0.3 * (third * fourth).sum(dim=1)
    torch.testing.assert_close(joint.sum(dim=1), expected)


def test_edges_have_no_part_in_training() -> None:
    torch.manual_seed(0)
    network = DescriptorNetwork(CONFIG, tile_px=64)
    image = torch.rand(2, 3, 64, 64)
    network.train()
    learning = network.maps(image, image)
    assert not learning[:, CONFIG.grid_channels :].any()
    network.eval()
    cells = network.maps(image, image)
    edges = gradient_cells(image, rows=4, columns=4)
    torch.testing.assert_close(cells[:, CONFIG.grid_channels :], edges * 0.2**0.5)
    torch.testing.assert_close(cells.norm(dim=1), torch.ones(2, 4, 4))


def test_the_layout_counts_edges_only_where_they_are() -> None:
    assert cell_channels(CONFIG) == 6 + ORIENTATIONS
    assert GridLayout.of(CONFIG, tile_px=64).channels == 6 + ORIENTATIONS
    network = DescriptorNetwork(CONFIG, tile_px=64)
    network.eval()
    image = torch.rand(1, 3, 64, 64)
    assert network(image, image).shape == (1, network.length) == (1, (6 + ORIENTATIONS) * 16)
    plain = ModelConfig(head="grid", grid_channels=6)
    assert cell_channels(plain) == 6


def test_a_share_beyond_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"model\.grid_gradients is 1\.5"):
        ModelConfig(grid_gradients=1.5)
