import csv
import math
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import ModelConfig
from aerialret.network.classical import build_classical
from aerialret.network.classical.hog import HogDescriptor
from aerialret.network.inputs import resize_images, unit_range
from aerialret.network.methods import build_network
from aerialret.retrieval.metrics import map_at, ranks_of_truth
from tests.textures import textured

CLCD = Path(__file__).resolve().parents[2] / "shared" / "data" / "clcd"
CLCD_MAP_AT_5 = 0.98  # 0.996 when it was written; the README of the data has 0.967 for another HOG


def hog(cells: int = 4, orientations: int = 8) -> HogDescriptor:
    return HogDescriptor(
        ModelConfig(method="hog", input="image", hog_cells=cells, hog_orientations=orientations)
    )


def described(module: HogDescriptor, image: Tensor) -> Tensor:
    return module(image, torch.zeros_like(image[:, :1]))


def slow_hog(grey: NDArray[np.float64], *, cells: int, orientations: int) -> NDArray[np.float64]:
    """The oracle: pixel by pixel, cell by cell."""
    height, width = grey.shape
    votes = np.zeros((orientations, height, width))
    for y in range(height):
        for x in range(width):
            across = grey[y, min(x + 1, width - 1)] - grey[y, max(x - 1, 0)]
            down = grey[min(y + 1, height - 1), x] - grey[max(y - 1, 0), x]
            length = math.hypot(across, down) / 2
            position = math.atan2(down, across) % math.pi / math.pi * orientations
            share = position - math.floor(position)
            votes[math.floor(position) % orientations, y, x] += (1 - share) * length
            votes[(math.floor(position) + 1) % orientations, y, x] += share * length
    grid = np.zeros((orientations, cells, cells))
    for row in range(cells):
        for col in range(cells):
            ys = slice(row * height // cells, -(-(row + 1) * height // cells))
            xs = slice(col * width // cells, -(-(col + 1) * width // cells))
            grid[:, row, col] = votes[:, ys, xs].mean(axis=(1, 2))
    result = np.zeros_like(grid)
    for row in range(cells):
        for col in range(cells):
            block = grid[:, max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2]
            histogram = grid[:, row, col] / math.sqrt((block**2).sum() / 9 + 1e-6)
            result[:, row, col] = histogram - histogram.mean()
    return result.ravel()


@pytest.mark.parametrize(
    ("height", "width", "cells", "orientations"),
    [(32, 32, 4, 8), (19, 31, 4, 8), (23, 17, 5, 3), (5, 6, 8, 2)],
)
def test_the_descriptor_is_that_of_a_loop_over_pixels(
    height: int, width: int, cells: int, orientations: int
) -> None:
    image = unit_range(textured(40, blur_px=1.0)[None, :, :height, :width])
    red, green, blue = image[0].double().numpy()
    grey = 0.299 * red + 0.587 * green + 0.114 * blue
    wanted = slow_hog(grey, cells=cells, orientations=orientations)
    found = described(hog(cells, orientations), image)
    assert found.shape == (1, hog(cells, orientations).length)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=2e-4)


def test_the_default_grid_has_16_by_16_cells_of_8_orientations() -> None:
    module = build_classical(ModelConfig(method="hog", input="image"))
    assert module.length == 16 * 16 * 8
    assert module(torch.rand(2, 3, 50, 50), torch.zeros(2, 1, 50, 50)).shape == (2, 2048)


def test_a_picture_and_its_negative_are_alike() -> None:
    image = unit_range(textured(64)[None])
    torch.testing.assert_close(
        described(hog(), image), described(hog(), 1 - image), atol=2e-3, rtol=0
    )


def test_contrast_matters_little() -> None:
    image = unit_range(textured(64)[None])
    pair = normalize(described(hog(), torch.cat([image, 0.3 + 0.4 * image])), dim=1)
    assert float(pair[0] @ pair[1]) > 0.999


def test_another_place_is_less_alike_than_the_same_with_noise() -> None:
    place, other = (unit_range(textured(64, seed=seed)[None]) for seed in (0, 1))
    noisy = place + 0.05 * torch.randn(place.shape, generator=torch.Generator().manual_seed(0))
    a, b, c = normalize(described(hog(), torch.cat([place, noisy.clamp(0, 1), other])), dim=1)
    assert float(a @ b) > 0.8
    assert float(a @ c) < 0.5


def test_a_flat_picture_gives_zeros() -> None:
    assert not described(hog(), torch.full((1, 3, 32, 32), 0.3)).any()


def test_no_picture_gives_no_descriptor() -> None:
    assert described(hog(), torch.zeros(0, 3, 32, 32)).shape == (0, 128)


def test_a_tile_is_described_alike_in_every_batch() -> None:
    images = unit_range(np.stack([textured(48, seed=seed) for seed in range(3)]))
    together = described(hog(), images)
    assert torch.equal(together[1:2], described(hog(), images[1:2]))


def test_it_is_built_by_its_name() -> None:
    network = build_network(ModelConfig(method="hog", input="image"), tile_px=64)
    assert isinstance(network, HogDescriptor)


@pytest.mark.skipif(not CLCD.is_dir(), reason="the real pairs of ../shared/data are not here")
def test_real_pairs_aligned_to_the_pixel_are_found() -> None:
    rows = list(csv.DictReader((CLCD / "places.csv").open()))
    module = HogDescriptor(ModelConfig(method="hog", input="image"))
    validation = np.array([row["split"] == "val" for row in rows])
    vectors = {}
    for date, kept in (("2019", validation), ("2017", np.ones(len(rows), bool))):
        parts = []
        for row, wanted in zip(rows, kept, strict=True):
            if wanted:
                with rasterio.open(CLCD / date / f"{row['place']}.tif") as source:
                    image = unit_range(source.read([1, 2, 3])[None])
                parts.append(described(module, resize_images(image, side=256)))
        vectors[date] = normalize(torch.cat(parts), dim=1).numpy()
    ranks = ranks_of_truth(vectors["2019"], vectors["2017"], truth=np.flatnonzero(validation))
    assert map_at(ranks) > CLCD_MAP_AT_5
