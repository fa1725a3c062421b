"""The second look in an evaluation and in a query: one and the same."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from aerialret.cli.entry import main
from aerialret.config import IndexConfig, ModelConfig, QueryConfig
from aerialret.errors import ConfigurationError
from aerialret.evaluation.comparisons import HEADLINE, Dates
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.run import run_evaluation
from aerialret.evaluation.windows import on_the_ground
from aerialret.network.checkpoint import Model, load_model
from aerialret.querying.query import PhotoAnswer, query
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.tiles.tileset import TileSet
from aerialret.verification.second_look import SecondLook

from .tiny_tileset import tiny_model, tiny_tileset

TOP = 2
ASKING = QueryConfig(rotations=4, rerank="cells", rerank_top=TOP)
DATES = Dates(queries="2019", gallery="2004")
CONFIG = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=6,
    input="image", input_px=64, gallery_scales=(0.5, 1.0),
)  # fmt: skip


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("t") / "tiles", tile_px=96, cols=5, rows=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "model", tileset, config=CONFIG)
    return load_model(folder, device="cpu")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet, model: Model) -> Index:
    out = tmp_path_factory.mktemp("i") / "index"
    build_index(tileset, model, out, config=IndexConfig(dates=("2004",)), recipe=Recipe())
    return load_index(out, device="cpu")


@pytest.fixture(scope="module")
def evaluation(tileset: TileSet, model: Model) -> Evaluation:
    return measured(tileset, model, ASKING)


def measured(tileset: TileSet, model: Model, asking: QueryConfig) -> Evaluation:
    return run_evaluation(
        tileset, model, dates=DATES, protocol="hard", seed=3, asking=asking, only=HEADLINE,
        before_training=False,
    )  # fmt: skip


def asked(evaluation: Evaluation, row: int, index: Index, folder: Path) -> PhotoAnswer:
    """What `query` says of one photo of the evaluation."""
    photo = evaluation.photos.cut(evaluation.tileset, slice(row, row + 1)).batch
    path = folder / f"{row}.png"
    Image.fromarray(np.moveaxis(photo.images[0], 0, -1)).save(path)
    return query(
        [path], index=index, top=TOP, rotations=4, rerank="cells", rerank_top=TOP
    ).answers[0]  # fmt: skip


@pytest.mark.parametrize("row", [0, 3, 8])
def test_a_query_answers_as_the_evaluation_measured(
    evaluation: Evaluation, index: Index, tmp_path: Path, row: int
) -> None:
    answer = asked(evaluation, row, index, tmp_path)
    found = evaluation.trained[evaluation.main]
    tiles = index.tiles["place"].tolist()
    assert [hit.place for hit in answer.hits] == [tiles[n] for n in found.nearest.rows[row, :TOP]]
    scores = [hit.score for hit in answer.hits]
    assert scores == pytest.approx(found.nearest.scores[row, :TOP], abs=2e-3)  # float16 in an index
    assert scores == sorted(scores, reverse=True)


def test_an_answer_lies_where_the_second_look_puts_it(
    evaluation: Evaluation, index: Index, tmp_path: Path
) -> None:
    hit = asked(evaluation, 0, index, tmp_path).hits[0]
    found = evaluation.trained[evaluation.main]
    assert found.shown is not None
    window = found.shown[0][int(found.nearest.rows[0, 0])]
    centre = np.array([window.centre_x, window.centre_y])
    assert (hit.x, hit.y) == pytest.approx(
        tuple(on_the_ground(centre, tile=hit.tile, grid=index.grid)), abs=0.5
    )
    assert hit.side_m == pytest.approx(window.side * index.grid.tile_size_m, rel=0.02)


def test_ranks_count_the_places_before_the_right_one(evaluation: Evaluation) -> None:
    found = evaluation.trained[evaluation.main]
    truth = evaluation.photos.truth
    for row, rank in enumerate(found.ranks):
        order = found.nearest.rows[row].tolist()
        assert rank == order.index(truth[row]) + 1


def test_answers_beyond_those_looked_at_keep_their_order(
    tileset: TileSet, model: Model, evaluation: Evaluation
) -> None:
    plain = measured(tileset, model, QueryConfig(rotations=4)).trained[evaluation.main]
    found = evaluation.trained[evaluation.main]
    assert found.shown is not None
    for row, looked in enumerate(found.shown):
        mine, before = found.nearest.rows[row].tolist(), plain.nearest.rows[row].tolist()
        assert 1 < len(looked) < len(before)
        assert set(mine[: len(looked)]) == set(looked)
        assert mine[len(looked) :] == [tile for tile in before if tile not in looked]
        assert (np.diff(found.nearest.scores[row]) <= 0).all()


def test_without_its_tile_set_an_index_answers_by_the_search_alone(
    evaluation: Evaluation, index: Index, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere" / "index"
    shutil.copytree(index.folder, moved)
    answer = asked(evaluation, 0, load_index(moved, device="cpu"), tmp_path)
    assert len(answer.hits) == TOP
    assert any("were not looked at a second time" in note for note in answer.notes)


def test_a_model_without_cells_has_no_second_look(tileset: TileSet, tmp_path: Path) -> None:
    pooled = load_model(tiny_model(tmp_path / "m", tileset), device="cpu")
    with pytest.raises(ConfigurationError, match="has no head 'grid'; use rerank 'none'"):
        SecondLook(pooled, tile_px=64, modality="image")


def test_the_command_line_looks_again_and_asks_about_held_out_places(
    tileset: TileSet, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "report"
    options = ["--protocol", "mild", "--rerank", "cells", "--places", "held-out"]
    folders = [str(tileset.folder), "--model", str(model.folder), "--out", str(out)]
    words = ["aerialret", "evaluate", *folders, *options, "--rotations", "4"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    metrics = json.loads((out / "metrics.json").read_text())
    assert (metrics["rerank"], metrics["queries"], metrics["gallery"]) == ("cells", 2, 10)
