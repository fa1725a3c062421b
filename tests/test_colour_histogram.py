from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from aerialret.config import ModelConfig
from aerialret.network.classical.colour_histogram import ColourHistogram
from aerialret.network.inputs import unit_range
from aerialret.network.methods import build_network
from tests.textures import textured

MODULE = ColourHistogram(ModelConfig(method="colour-histogram", input="image"))


def described(image: torch.Tensor) -> torch.Tensor:
    return MODULE(image, torch.zeros_like(image[:, :1]))


def numpy_histogram(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The oracle: each pixel is 8 weighted samples, which numpy counts."""
    positions = pixels.reshape(3, -1).T / 255 * 7
    samples, weights = [], []
    for position in positions:
        below = np.minimum(np.floor(position), 6)
        for corner in product((0, 1), repeat=3):
            samples.append(below + corner)
            up = position - below
            weights.append(np.prod(np.where(corner, up, 1 - up)))
    counts, _ = np.histogramdd(
        np.array(samples), bins=(8, 8, 8), range=[(-0.5, 7.5)] * 3, weights=np.array(weights)
    )
    return np.sqrt(counts.ravel() / len(positions))


def test_it_counts_as_numpy_does() -> None:
    pixels = textured(24)[:, :17]
    pixels[:, 0, :2] = [[0, 255], [0, 255], [255, 255]]
    found = described(unit_range(pixels[None]))[0].numpy()
    np.testing.assert_allclose(found, numpy_histogram(pixels), atol=1e-4)


def test_each_channel_has_its_own_axis() -> None:
    image = torch.tensor([1.0, 2 / 7, 0.0]).view(1, 3, 1, 1).expand(1, 3, 5, 6)
    histogram = described(image).view(8, 8, 8)
    assert float(histogram[7, 2, 0]) > 0.999


def test_descriptors_have_unit_length() -> None:
    images = unit_range(np.stack([textured(32, seed=seed) for seed in range(3)]))
    torch.testing.assert_close(described(images).norm(dim=1), torch.ones(3))


def test_where_a_colour_is_does_not_matter() -> None:
    pixels = textured(32)
    random = np.random.default_rng(0)
    shuffled = random.permuted(pixels.reshape(3, -1), axis=1)  # each channel by itself: other pairs
    moved = pixels.reshape(3, -1)[:, random.permutation(32 * 32)]
    place, same, other = (
        described(unit_range(p.reshape(1, 3, 32, 32)))[0] for p in (pixels, moved, shuffled)
    )
    torch.testing.assert_close(place, same, atol=1e-4, rtol=0)
    assert float(place @ other) < 0.99


def test_a_shade_more_or_less_changes_little() -> None:
    image = torch.full((1, 3, 8, 8), 0.5)
    assert float(described(image)[0] @ described(image + 0.004)[0]) > 0.99


def test_no_picture_gives_no_descriptor() -> None:
    assert described(torch.zeros(0, 3, 8, 8)).shape == (0, 512)


def test_it_is_built_by_its_name() -> None:
    network = build_network(ModelConfig(method="colour-histogram", input="image"), tile_px=64)
    assert isinstance(network, ColourHistogram)
    assert network.length == 512
