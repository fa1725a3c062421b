"""Photos are measured among windows as among tiles: a tile stands with the best of its windows."""

from pathlib import Path

import numpy as np
import pytest
import shapely

from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluate import evaluate
from aerialret.evaluation.photos import photos_of
from aerialret.evaluation.window_gallery import WindowGallery
from aerialret.evaluation.windows import on_the_ground
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import describe_queries
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.retrieval.metrics import similarities
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import tiny_model, tiny_tileset

DATES = Dates(queries="2019", gallery="2004")


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("t") / "t", cols=4, rows=3, change=0.2)


@pytest.fixture(scope="module")
def model(tileset: TileSet, tmp_path_factory: pytest.TempPathFactory) -> Model:
    hog = ModelConfig(method="hog", input="image", hog_cells=4)
    return load_model(tiny_model(tmp_path_factory.mktemp("m") / "m", tileset, config=hog))


@pytest.fixture(scope="module")
def index(tileset: TileSet, model: Model, tmp_path_factory: pytest.TempPathFactory) -> Index:
    out = tmp_path_factory.mktemp("i") / "i"
    config = IndexConfig(dates=("2004",), stride=0.5, scales=(1.0, 0.5))
    build_index(tileset, model, out, config=config, recipe=Recipe())
    return load_index(out)


@pytest.fixture(scope="module")
def windows(index: Index, tileset: TileSet) -> WindowGallery:
    return WindowGallery.of(index, date="2004", tiles=tileset.tiles("2004"))


def test_a_tile_stands_with_its_best_window_and_neighbours_that_share_ground_do_not_count(
    windows: WindowGallery, index: Index, tileset: TileSet, model: Model
) -> None:
    photos = photos_of(tileset, dates=DATES, protocol="hard", seed=7)
    batch = photos.cut(tileset, slice(0, 12)).batch
    queries = describe_queries(model, batch, modality="image", rotations=3)
    found = windows.scores(queries, photos=photos, similarity=similarities)
    tiles, vectors = tileset.tiles("2004"), index.vectors.vectors()
    assert found.shape == (12, 12)
    neutral = 0
    for photo, tile in enumerate(photos.tiles):
        footprint = shapely.Polygon(photos.shown.corners_m[photo])
        expected = dict.fromkeys(tiles, -np.inf)
        for row in range(len(index)):
            place = next(t for t in tiles if t.place == index.tiles["place"][row])
            shared = index.tiles.geometry[row].intersection(footprint).area
            if place != tile and shared > 0.01:
                neutral += 1
                continue
            score = float((queries[photo] @ vectors[row]).max())
            expected[place] = max(expected[place], score)
        np.testing.assert_allclose(found[photo], [expected[t] for t in tiles], atol=1e-5)
    assert neutral > 50


def test_a_window_knows_where_in_its_tile_it_lies(
    windows: WindowGallery, index: Index, tileset: TileSet
) -> None:
    assert len(windows.tile_rows) == len(index)
    for row in range(0, len(index), 7):
        tile = windows.tiles[windows.tile_rows[row]]
        assert tile.place == index.tiles["place"][row]
        x, y = on_the_ground(windows.shares[row, :2], tile=tile, grid=index.grid)
        square = index.square(row)
        assert x == pytest.approx((square.left + square.right) / 2)
        assert y == pytest.approx((square.bottom + square.top) / 2)
        assert windows.shares[row, 2] == pytest.approx(index.side_m(row) / 64)


def test_an_evaluation_among_windows_finds_whole_tiles_where_they_lie(
    index: Index, tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    config = EvaluateConfig(untrained=False)
    metrics = evaluate(tileset, model, tmp_path / "r", config=config, index=index)
    assert (metrics["gallery"], metrics["splits"]["all"]["queries"]) == (12, 12)
    assert metrics["splits"]["all"]["recall@1"] == 1
    assert metrics["splits"]["all"]["median_error_m"] == pytest.approx(0, abs=1e-6)
