"""A photo's grid of cells finds where it lies in a tile, at any turn, scale and position."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn.functional import normalize

from aerialret.config import (
    IndexConfig,
    ModelConfig,
    Pipeline,
    QueryConfig,
    SplitConfig,
    TrainConfig,
)
from aerialret.errors import ConfigurationError, NotAnArtefactError
from aerialret.evaluation.placing import window_of
from aerialret.network import dense
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.dense import GridLayout, dense_similarities
from aerialret.network.describer import Describer
from aerialret.network.descriptors import describe, describe_queries, turn_of_view
from aerialret.network.finish import Finish
from aerialret.network.grid_fits import best_fit
from aerialret.network.grid_head import inscribed_circle
from aerialret.network.inputs import resize_images
from aerialret.network.model import DescriptorNetwork
from aerialret.querying.query import query
from aerialret.retrieval.grid_maps import read_grid_maps
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import load_index
from aerialret.tiles.pixel_store import TileBatch
from aerialret.training.displacement import Displacements, Windows, displaced
from aerialret.training.train import train

from .tiny_tileset import tiny_model, tiny_tileset

CPU = torch.device("cpu")
CONFIG = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=6,
    input="image", input_px=64, gallery_scales=(0.5, 0.8, 1.0),
)  # fmt: skip
LAYOUT = GridLayout.of(CONFIG, tile_px=128)


def vectors(n: int, views: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos float32 [n, views, T] and tiles float32 [m, L] with unit cells."""
    torch.manual_seed(2)
    side, width = LAYOUT.template, LAYOUT.channels
    cells = normalize(torch.randn(n, views, width, side, side), dim=2)
    photos = (cells * inscribed_circle(side)).flatten(2)
    maps = [normalize(torch.randn(m, width, s, s), dim=1).flatten(1) for s in LAYOUT.cells]
    return photos.numpy(), torch.cat(maps, dim=1).numpy()


def slow_scores(photo: np.ndarray, tile: np.ndarray) -> dict[tuple[int, int, int, int], float]:
    """The oracle: every turn, scale, row and column by loops."""
    side, width = LAYOUT.template, LAYOUT.channels
    inside = (inscribed_circle(side) > 0).numpy()
    scores, start = {}, 0
    for number, cells in enumerate(LAYOUT.cells):
        grid = tile[start : start + width * cells * cells].reshape(width, cells, cells)
        start += width * cells * cells
        for view, vector in enumerate(photo):
            own = vector.reshape(width, side, side)
            for row in range(cells - side + 1):
                for column in range(cells - side + 1):
                    met = [
                        float(a @ b) / (np.linalg.norm(a) * np.linalg.norm(b))
                        for y in range(side)
                        for x in range(side)
                        if inside[y, x]
                        for a, b in [(own[:, y, x], grid[:, row + y, column + x])]
                    ]
                    scores[view, number, row, column] = float(np.mean(met))
    return scores


@pytest.mark.parametrize("rough", [False, True])
def test_scores_are_the_mean_cosine_at_the_best_turn_scale_and_position(
    monkeypatch: pytest.MonkeyPatch, rough: bool
) -> None:
    monkeypatch.setattr(dense, "multiplies_bfloat16", lambda _: rough)
    photos, tiles = vectors(3, 2, 4)
    found = dense_similarities(photos, tiles, layout=LAYOUT, device=CPU)
    expected = [[max(slow_scores(photo, tile).values()) for tile in tiles] for photo in photos]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_first_pass_is_rough_only_behind_the_best(monkeypatch: pytest.MonkeyPatch) -> None:
    photos, tiles = vectors(2, 1, 9)
    monkeypatch.setattr(dense, "multiplies_bfloat16", lambda _: False)
    exact = dense_similarities(photos, tiles, layout=LAYOUT, device=CPU)
    monkeypatch.setattr(dense, "multiplies_bfloat16", lambda _: True)
    monkeypatch.setattr(dense, "CHECKED_EXACTLY", 3)
    rough = dense_similarities(photos, tiles, layout=LAYOUT, device=CPU)
    np.testing.assert_allclose(rough, exact, atol=0.02)
    first = np.argsort(-exact, axis=1)[:, :1]
    np.testing.assert_allclose(
        np.take_along_axis(rough, first, 1), np.take_along_axis(exact, first, 1), atol=1e-6
    )


def test_the_best_fit_names_turn_scale_and_position() -> None:
    photos, tiles = vectors(1, 3, 1)
    scores = slow_scores(photos[0], tiles[0])
    view, number, row, column = max(scores, key=lambda key: scores[key])
    fit = best_fit(photos[0], tiles[0], layout=LAYOUT, device=CPU)
    assert (fit.view, fit.scale) == (view, LAYOUT.scales[number])
    assert fit.score == pytest.approx(scores[view, number, row, column], abs=1e-5)
    cells, half = LAYOUT.cells[number], LAYOUT.template / 2
    assert abs(fit.x - (column + half) / cells) <= 0.5 / cells
    assert abs(fit.y - (row + half) / cells) <= 0.5 / cells


def test_the_layout_has_whole_cells_and_says_their_scale() -> None:
    assert LAYOUT.template == 4
    assert LAYOUT.cells == (4, 5, 8)
    assert LAYOUT.scales == (1.0, 0.8, 0.5)
    assert LAYOUT.length == 6 * (16 + 25 + 64)


def test_no_photo_gives_no_score() -> None:
    photos, tiles = vectors(1, 1, 2)
    none = dense_similarities(photos[:0], tiles, layout=LAYOUT, device=CPU)
    assert none.shape == (0, 2)
    assert dense_similarities(photos, tiles[:0], layout=LAYOUT, device=CPU).shape == (1, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("dense")
    tileset = tiny_tileset(folder / "tiles", cols=4, rows=2, tile_px=128)
    loaded = load_model(tiny_model(folder / "model", tileset))
    network = QuarterColours(CONFIG, tile_px=128)
    return replace(loaded, config=network.config, network=network)


class QuarterColours(DescriptorNetwork):
    """Stands in for a trained network: a cell is the colours of its four quarters."""

    def __init__(self, config: ModelConfig, *, tile_px: int) -> None:
        Describer.__init__(self, replace(config, grid_channels=12))
        self.length = 12 * (config.input_px // 16) ** 2
        self.finish = Finish(self.config, length=self.length)
        self.circle = inscribed_circle(config.input_px // 16)

    def maps(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        quarters = torch.nn.functional.avg_pool2d(image - 0.5, 8)
        return normalize(torch.nn.functional.pixel_unshuffle(quarters, 2), dim=1)

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (self.maps(image, mask) * self.circle).flatten(1)


def textured(n: int) -> np.ndarray:
    """uint8 [n, 3, 128, 128] with structure at several scales."""
    torch.manual_seed(1)
    layers = [
        torch.nn.functional.interpolate(torch.rand(n, 3, size, size), (128, 128), mode="bicubic")
        for size in (6, 16, 40)
    ]
    return (sum(layers) / 3 * 255).clamp(0, 255).byte().numpy()


def test_a_window_of_a_tile_is_found_in_it_where_it_was_cut(model: Model) -> None:
    images = textured(5)
    masks, valid = np.zeros((5, 128, 128), np.uint8), np.ones((5, 128, 128), bool)
    gallery = describe(model, TileBatch(images, masks, valid), modality="image")
    assert gallery.shape == (5, model.layout.length)
    cut = images[:, :, 48:112, 16:80]  # half of the tile's side, rows 48 on, columns 16 on
    turned = np.ascontiguousarray(np.rot90(cut, -1, (2, 3)))  # clockwise
    photos = TileBatch(turned, masks[:, :64, :64], valid[:, :64, :64])
    queries = describe_queries(model, photos, modality="image", rotations=4)
    scores = dense_similarities(queries, gallery, layout=model.layout, device=CPU)
    assert scores.argmax(axis=1).tolist() == [0, 1, 2, 3, 4]
    fit = best_fit(queries[2], gallery[2], layout=model.layout, device=CPU)
    assert turn_of_view(fit.view, views=4, rotations=4) == 90
    assert fit.scale == 0.5
    assert fit.x == pytest.approx((16 + 32) / 128, abs=0.03)
    assert fit.y == pytest.approx((48 + 32) / 128, abs=0.03)
    corners = window_of(fit, views=4, rotations=4).corners() * 128
    expected = [[16, 112], [16, 48], [80, 48], [80, 112]]  # of the cut
    np.testing.assert_allclose(corners, expected, atol=4)


def test_an_index_of_cells_finds_a_turned_cut_and_says_where_it_lies(
    tmp_path: Path,
) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", cols=4, rows=3, tile_px=64, change=0.0)
    pipeline = Pipeline(
        model=replace(CONFIG, input_px=32, grid_channels=16), train=TrainConfig(epochs=0),
        query=QueryConfig(rotations=4), split=SplitConfig(block_tiles=2, buffer_tiles=0),
    )  # fmt: skip
    train(tileset, tmp_path / "model", pipeline=pipeline)
    model = load_model(tmp_path / "model")
    summary = build_index(
        tileset, model, tmp_path / "index", config=IndexConfig(dates=("2019",)), recipe=Recipe()
    )
    assert summary.dimensions == model.layout.length
    index = load_index(tmp_path / "index")
    cells = index.vectors.vectors()
    build_index(
        tileset, model, tmp_path / "again", config=IndexConfig(dates=("2019",)), recipe=Recipe()
    )
    file = "cells.safetensors"
    assert (tmp_path / "again" / file).read_bytes() == (tmp_path / "index" / file).read_bytes()
    whole = tileset.tiles("2019")[5]
    described = describe(model, tileset.read("2019", [whole]), modality="image")
    np.testing.assert_allclose(cells[5], described[0], atol=2e-3)
    photo = tileset.read("2019", [whole]).images[0]
    Image.fromarray(photo.transpose(1, 2, 0)).save(tmp_path / "photo.png")
    answer = query([tmp_path / "photo.png"], index=index, top=3, rotations=4).answers[0]
    hit, bounds = answer.hits[0], index.grid.bounds(whole)
    assert (hit.place, answer.turns_deg[0], hit.side_m) == (whole.place, 0, 64)
    assert (hit.x, hit.y) == ((bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2)
    assert hit.score == pytest.approx(1, abs=2e-3)


def test_cells_and_other_vectors_do_not_take_each_others_engine(
    model: Model, tmp_path: Path
) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", cols=4, rows=2, tile_px=128)
    flat = load_model(tiny_model(tmp_path / "flat", tileset))
    config = IndexConfig(dates=("2019",))
    with pytest.raises(ConfigurationError, match="fits every model"):
        build_index(tileset, flat, tmp_path / "a", config=config, recipe=Recipe(engine="grid"))
    with pytest.raises(ConfigurationError, match="fits every model"):
        build_index(
            tileset, model, tmp_path / "b", config=config, recipe=Recipe(engine="inverted-file")
        )


def test_damaged_cells_are_told(tmp_path: Path) -> None:
    (tmp_path / "cells.safetensors").write_bytes(b"none")
    with pytest.raises(NotAnArtefactError, match="run 'aerialret index' again"):
        read_grid_maps(tmp_path / "cells.safetensors")


def test_both_dates_show_one_window_but_for_a_little() -> None:
    config = TrainConfig(window="both", crop=0.4, turn_deg=8, zoom=1.1, shift_px=3)
    rng = np.random.default_rng(0)
    windows = Windows.draw(200, config=config, rng=rng)
    first, second = (Displacements.about(windows, config=config, rng=rng) for _ in range(2))
    assert np.abs(first.turn_deg - second.turn_deg).max() <= 16
    assert np.abs(np.log(first.side / second.side)).max() <= 2 * np.log(1.1) + 1e-9
    np.testing.assert_array_equal(first.centre, second.centre)
    assert windows.side.min() >= 0.4
    assert np.ptp(windows.turn_deg) > 300
    np.testing.assert_array_equal(windows.first(3).side, windows.side[:3])


def test_windows_that_fit_show_nothing_beyond_the_tile() -> None:
    config = TrainConfig(window="both", crop=0.4, turn_deg=0, zoom=1, shift_px=0)
    windows = Windows.draw(50, config=config, rng=np.random.default_rng(1))
    fits = windows.side < 0.7
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64).repeat(50, 1, 1, 1)
    looks = Displacements.about(windows, config=config, rng=np.random.default_rng(2))
    seen = displaced(ramp, looks, out_px=16)
    middle = (windows.centre[:, 0] + 1) / 2
    np.testing.assert_allclose(seen.mean(dim=(1, 2, 3)).numpy()[fits], middle[fits], atol=0.02)


def test_a_photo_of_any_size_is_resized_to_the_template(model: Model) -> None:
    images = torch.from_numpy(textured(1)).float() / 255
    small = resize_images(images, side=64)
    batch = TileBatch(
        (small * 255).round().byte().numpy(),
        np.zeros((1, 64, 64), np.uint8),
        np.ones((1, 64, 64), bool),
    )
    whole = TileBatch(textured(1), np.zeros((1, 128, 128), np.uint8), np.ones((1, 128, 128), bool))
    a = describe_queries(model, batch, modality="image")
    b = describe_queries(model, whole, modality="image")
    np.testing.assert_allclose(a, b, atol=0.03)


def test_a_grid_model_trains_and_keeps_its_last_epoch(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", cols=6, rows=4, tile_px=64)
    pipeline = Pipeline(
        model=replace(CONFIG, input_px=32),
        train=TrainConfig(
            epochs=2, loss="ntxent", distance_on="unit", window="both", crop=0.5, turn_deg=5,
            pairs_per_batch=6, keep="last", hard_share=0, threads=1, precision="float32",
        ),
        split=SplitConfig(block_tiles=2, buffer_tiles=0, val_share=0.2, test_share=0.2),
    )  # fmt: skip
    report = train(tileset, tmp_path / "model", pipeline=pipeline)
    assert report.best_epoch == 2
    assert load_model(tmp_path / "model").length == 6 * (2 * 2 + 4 * 4)
