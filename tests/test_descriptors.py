"""What the search compares is what the configuration says, for queries and for the gallery."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from aerialret.config import ModelConfig
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import describe, describe_queries, turn_of_view
from aerialret.network.finish import Finish, coded
from aerialret.network.inputs import pictures, resize_images, resize_masks
from aerialret.network.methods import build_network, vector_length
from aerialret.network.turns import turned
from aerialret.retrieval.metrics import ranks_of_truth, similarities
from aerialret.retrieval.vector_index import exact_neighbours
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch

from .tiny_tileset import tiny_model, tiny_tileset

SMALL = ModelConfig(backbone="resnet18", trunk="layer3", weights="none", head="average")


def batch(n: int = 3, *, side: int = 32) -> TileBatch:
    rng = np.random.default_rng(5)
    images = rng.integers(0, 255, (n, 3, side, side), np.uint8)
    masks = rng.integers(0, 6, (n, side, side), np.uint8)
    masks[-1] = NO_COVERAGE
    return TileBatch(images, masks, np.ones((n, side, side), bool))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("descriptors")
    return load_model(tiny_model(folder / "model", tiny_tileset(folder / "tiles", cols=4, rows=1)))


def model(loaded: Model, **changes: object) -> Model:
    """A model with other settings of the configuration; its weights are random, but the same."""
    config = replace(SMALL, **changes)
    torch.manual_seed(3)
    return replace(loaded, config=config, network=build_network(config, tile_px=32).eval())


def test_the_euclidean_code_gives_one_minus_half_the_squared_distance() -> None:
    q, g = torch.randn(5, 7), 3 * torch.randn(4, 7)
    scores = (
        coded(q, distance="euclidean", role="query")
        @ coded(g, distance="euclidean", role="gallery").T
    )
    expected = 1 - torch.cdist(q, g).square() / 2
    torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-4)


def test_euclidean_scores_of_unit_vectors_are_cosines() -> None:
    q, g = normalize(torch.randn(5, 7), dim=1), normalize(torch.randn(4, 7), dim=1)
    scores = (
        coded(q, distance="euclidean", role="query")
        @ coded(g, distance="euclidean", role="gallery").T
    )
    torch.testing.assert_close(scores, q @ g.T)


def test_whitened_training_vectors_have_unit_covariance() -> None:
    raw = torch.randn(200, 12) @ torch.randn(12, 12) + 5
    finish = Finish(replace(SMALL, whitening=True, normalisation="none", dimensions=8), length=12)
    finish.fit(raw)
    white = finish(raw)
    covariance = white.T @ white / len(white)
    torch.testing.assert_close(covariance, torch.eye(8), rtol=1e-3, atol=1e-3)


def test_whitening_of_fewer_places_than_dimensions_gives_finite_numbers() -> None:
    finish = Finish(replace(SMALL, whitening=True, dimensions=8), length=12)
    finish.fit(torch.randn(3, 12))
    assert torch.isfinite(finish(torch.randn(2, 12))).all()


def test_standardised_training_vectors_have_mean_0_and_deviation_1() -> None:
    raw = torch.randn(50, 4) * torch.tensor([1.0, 9.0, 0.1, 0.0]) + 3
    finish = Finish(replace(SMALL, normalisation="standardised"), length=4)
    finish.fit(raw)
    torch.testing.assert_close(finish(raw).mean(0), torch.zeros(4), atol=1e-4, rtol=0)
    spread = finish(raw).std(0, correction=0)
    torch.testing.assert_close(spread, torch.tensor([1.0, 1.0, 1.0, 0.0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("norm", "p"), [("l1", 1), ("l2", 2)])
def test_the_norm_is_the_one_that_is_named(norm: str, p: int) -> None:
    finished = Finish(replace(SMALL, normalisation=norm), length=6)(torch.rand(3, 6) + 1)
    torch.testing.assert_close(finished.norm(p=p, dim=1), torch.ones(3))


def test_a_finish_before_it_learns_changes_only_the_norm() -> None:
    raw = torch.randn(3, 6)
    finish = Finish(replace(SMALL, whitening=True, dimensions=6), length=6)
    torch.testing.assert_close(finish(raw), normalize(raw, dim=1))


def test_a_network_without_learnt_finish_adds_nothing_to_its_file() -> None:
    names = build_network(SMALL, tile_px=32).state_dict()
    assert not [name for name in names if "finish" in name]


def test_only_a_method_that_joins_descriptors_finishes_masks_by_themselves() -> None:
    learnt = replace(SMALL, normalisation="standardised")
    one = build_network(learnt, tile_px=32)
    assert one.mask_finish is None
    assert not [name for name in one.state_dict() if name.startswith("mask_finish")]
    two = build_network(replace(learnt, fusion="late"), tile_px=32)
    assert [name for name in two.state_dict() if name.startswith("mask_finish")] == [
        "mask_finish.mean", "mask_finish.scale"
    ]  # fmt: skip


def test_a_query_and_a_gallery_tile_are_described_alike(loaded: Model) -> None:
    for modality in ("image+mask", "image", "mask"):
        vectors = describe(loaded, batch(), modality=modality)
        np.testing.assert_array_equal(
            describe_queries(loaded, batch(), modality=modality)[:, 0], vectors
        )


def test_concatenation_scores_by_the_mean_of_both_cosines(loaded: Model) -> None:
    joined = model(loaded, fusion="concatenation")
    alone = {m: describe(joined, batch(), modality=m) for m in ("image", "mask")}
    both = describe(joined, batch(), modality="image+mask")
    expected = (alone["image"] @ alone["image"].T + alone["mask"] @ alone["mask"].T) / 2
    np.testing.assert_allclose((both @ both.T)[:2, :2], expected[:2, :2], atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)


def test_a_tile_without_mask_is_concatenated_from_its_image_alone(loaded: Model) -> None:
    joined = model(loaded, fusion="concatenation")
    np.testing.assert_allclose(
        describe(joined, batch(), modality="image+mask")[2],
        describe(joined, batch(), modality="image")[2],
        atol=1e-6,
    )


def test_late_fusion_counts_the_better_of_image_and_mask(loaded: Model) -> None:
    late = model(loaded, fusion="late")
    queries = describe_queries(late, batch(), modality="image+mask")
    gallery = describe(late, batch(), modality="image+mask")
    assert queries.shape == (3, 2, vector_length(late.network))
    alone = model(loaded, fusion="concatenation")
    each = [describe(alone, batch(), modality=m) for m in ("image", "mask")]
    expected = np.maximum(*(vectors @ vectors.T for vectors in each))
    np.testing.assert_allclose(similarities(queries, gallery)[:2, :2], expected[:2, :2], atol=1e-5)


def test_a_photo_without_mask_asks_late_fusion_by_its_image_twice(loaded: Model) -> None:
    queries = describe_queries(model(loaded, fusion="late"), batch(), modality="image+mask")
    np.testing.assert_array_equal(queries[2, 0], queries[2, 1])


def test_either_describes_a_mask_as_if_it_were_an_image(loaded: Model) -> None:
    either = model(loaded, input="either", mask_encoding="rgb")
    tiles = batch(2)
    seen = pictures(tiles, config=either.config, device=torch.device("cpu"))
    painted = TileBatch((seen.mask * 255).round().byte().numpy(), tiles.masks, tiles.valid)
    np.testing.assert_allclose(
        describe(either, tiles, modality="mask"), describe(either, painted, modality="image"),
        atol=1e-6,
    )  # fmt: skip


def test_one_of_four_turns_meets_a_turned_gallery_tile(loaded: Model) -> None:
    tiles = batch()
    turned_tiles = TileBatch(
        np.ascontiguousarray(np.rot90(tiles.images, 1, (2, 3))), tiles.masks, tiles.valid
    )
    queries = describe_queries(loaded, tiles, modality="image", rotations=4)
    gallery = describe(loaded, turned_tiles, modality="image")
    scores = np.einsum("nvr,nr->nv", queries, gallery)
    assert scores.argmax(axis=1).tolist() == [1, 1, 1]
    np.testing.assert_allclose(scores[:, 1], 1, atol=1e-5)
    assert turn_of_view(1, views=4, rotations=4) == 90


def test_views_of_one_turn_follow_each_other() -> None:
    angles = [turn_of_view(view, views=8, rotations=4) for view in range(8)]
    assert angles == [0, 0, 90, 90, 180, 180, 270, 270]


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_turning_by_a_quarter_agrees_with_numpy_and_with_its_neighbourhood(quarters: int) -> None:
    pixels = torch.rand(2, 3, 9, 9)
    exact = turned(pixels, degrees=90 * quarters)
    np.testing.assert_array_equal(exact.numpy(), np.rot90(pixels.numpy(), quarters, (2, 3)))
    torch.testing.assert_close(
        turned(pixels, degrees=90 * quarters + 1e-4), exact, atol=1e-4, rtol=0
    )


def test_the_best_of_several_vectors_ranks() -> None:
    gallery = np.eye(4, dtype=np.float32)
    queries = np.stack([[gallery[2] * 0.9, gallery[1]], [gallery[3], gallery[0] * 0.5]])
    assert ranks_of_truth(queries, gallery, np.array([2, 0])).tolist() == [2, 2]
    assert exact_neighbours(queries, gallery, top=2).rows.tolist() == [[1, 2], [3, 0]]


def test_shrunk_images_are_averaged_and_masks_keep_their_colours() -> None:
    image = torch.tensor([[0.0, 1.0] * 8]).repeat(16, 1)[None, None].repeat(1, 3, 1, 1)
    inner = resize_images(image, side=4)[..., 1:-1]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=0.05, rtol=0)
    mask = torch.randint(0, 3, (1, 3, 16, 16)).float() / 7
    assert set(resize_masks(mask, side=5).unique().tolist()) <= set(mask.unique().tolist())


def test_no_tiles_give_no_vectors(loaded: Model, tmp_path: Path) -> None:
    none = TileBatch(*(part[:0] for part in (
        batch().images, batch().masks, batch().valid)))  # fmt: skip
    assert describe(loaded, none, modality="image").shape == (0, 256)
    assert describe_queries(loaded, none, modality="image", rotations=3).shape == (0, 3, 256)
