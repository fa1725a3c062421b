import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig
from aerialret.errors import (
    ConfigurationError,
    NothingToDoError,
    StaleArtefactError,
    UnknownDateError,
    WouldOverwriteError,
)
from aerialret.evaluation.comparisons import comparisons_of
from aerialret.evaluation.evaluate import evaluate
from aerialret.evaluation.scores import chance_map, scores
from aerialret.evaluation.strata import land_cover, mask_content
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import Modality, describe_tiles
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import load_index
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import FIRST, tiny_model, tiny_tileset

MISSING = TileId(-1, 6)
CONFIG = EvaluateConfig(worst=3)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    folder = tmp_path_factory.mktemp("tileset") / "t"
    return tiny_tileset(folder, missing=(MISSING,), change=4.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("model") / "m", tileset, epochs=6))


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet, model: Model) -> Path:
    out = tmp_path_factory.mktemp("report") / "r"
    evaluate(tileset, model, out, config=CONFIG)
    return out


@pytest.fixture(scope="module")
def metrics(report: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((report / "metrics.json").read_text())
    return content


@pytest.fixture(scope="module")
def table(report: Path) -> pd.DataFrame:
    return pd.read_parquet(report / "queries.parquet")


def slow_rank(
    tileset: TileSet, model: Model, tile: TileId, queries: Modality, gallery: Modality
) -> int | None:
    """The oracle: one query against one tile at a time."""
    truth = tileset.tiles("2004")
    if tile not in truth:
        return None
    own = describe_tiles(model, tileset, date="2019", tiles=[tile], modality=queries)[0]
    others = describe_tiles(model, tileset, date="2004", tiles=truth, modality=gallery)
    similarity = {t: float(np.dot(own, other)) for t, other in zip(truth, others, strict=True)}
    return 1 + sum(value > similarity[tile] for t, value in similarity.items() if t != tile)


@pytest.mark.parametrize(
    ("column", "queries", "gallery"),
    [
        ("rank", "image+mask", "image+mask"),
        ("rank_image", "image", "image"),
        ("rank_mask", "mask", "mask"),
        ("rank_image_against_image+mask", "image", "image+mask"),
    ],
)
def test_ranks_equal_those_of_a_slow_search(
    column: str,
    queries: Modality,
    gallery: Modality,
    table: pd.DataFrame,
    tileset: TileSet,
    model: Model,
) -> None:
    for row in range(0, len(table), 4):
        tile = TileId(int(table["col"][row]), int(table["row"][row]))
        rank = slow_rank(tileset, model, tile, queries, gallery)
        assert (None if pd.isna(table[column][row]) else table[column][row]) == rank


def test_three_lines_of_pandas_recompute_the_headline(
    report: Path, metrics: dict[str, Any]
) -> None:
    table = pd.read_parquet(report / "queries.parquet")
    ranks = table.loc[table["in_scope"], "rank"]
    map5 = (1 / ranks.where(ranks <= 5)).fillna(0).mean()
    assert 0 < metrics["map@5"] < 1
    assert metrics["map@5"] == pytest.approx(map5, abs=1e-6)
    assert metrics["recall@10"] == pytest.approx((ranks <= 10).mean(), abs=1e-6)


def test_every_figure_can_be_recomputed_from_the_table(
    metrics: dict[str, Any], table: pd.DataFrame
) -> None:
    answered = table[table["rank"].notna()]
    for name, figures in metrics["splits"].items():
        ranks = answered.loc[(answered["split"] == name) | (name == "all"), "rank"]
        assert figures["recall@1"] == pytest.approx((ranks == 1).mean(), abs=1e-6)
        assert figures["queries"] == len(ranks)
    scoped = table[table["in_scope"]]
    for name, figures in metrics["strata"].items():
        rows = scoped[(scoped["land_cover"] == name) | (scoped["mask_content"] == name)]
        assert figures["median_rank"] == rows["rank"].median()
    for name, figures in metrics["modalities"].items():
        column = "rank" if name == "image+mask" else f"rank_{name.replace(' ', '_')}"
        assert figures["recall@5"] == pytest.approx((scoped[column] <= 5).mean(), abs=1e-6)
    before = metrics["untrained"]["image+mask"]["recall@1"]
    assert before == pytest.approx((scoped["rank_untrained"] == 1).mean(), abs=1e-6)


def test_the_headline_is_about_the_test_places(
    metrics: dict[str, Any], table: pd.DataFrame
) -> None:
    last_col = FIRST.col + 6
    assert metrics["scope"] == "test"
    assert set(table.loc[table["in_scope"], "col"]) == {last_col}
    headline = {key: metrics[key] for key in metrics["splits"]["test"]}
    assert headline == metrics["splits"]["test"]
    assert metrics["queries"] == 4
    assert set(metrics["splits"]) == {"train", "val", "test", "buffer", "all"}


def test_a_place_without_an_answer_does_not_count(
    metrics: dict[str, Any], table: pd.DataFrame
) -> None:
    unanswered = table[table["rank"].isna()]
    assert unanswered["place"].tolist() == [MISSING.place]
    assert not unanswered["in_scope"].any()
    assert metrics["without_answer"] == 1
    assert metrics["gallery"] == metrics["splits"]["all"]["queries"] == 27


def test_the_table_tells_where_the_first_answer_lies(table: pd.DataFrame) -> None:
    for _, row in table.iterrows():
        first = TileId.from_place(row["results"][0])
        cells = math.dist((row["col"], row["row"]), first)
        assert row["distance_m"] == pytest.approx(cells * 64.0)
        if not pd.isna(row["rank"]):
            assert (row["distance_m"] == 0) == (row["rank"] == 1)
        assert len(row["results"]) == len(row["scores"]) == 10
        assert list(row["scores"]) == sorted(row["scores"], reverse=True)
        if not pd.isna(row["rank"]) and row["rank"] <= 10:
            assert row["results"][row["rank"] - 1] == row["place"]


def test_untrained_weights_are_measured_only_for_a_trained_model(
    metrics: dict[str, Any], tileset: TileSet, tmp_path: Path
) -> None:
    assert set(metrics["untrained"]) == set(metrics["modalities"])
    assert metrics["untrained"]["image"] != metrics["modalities"]["image"]
    initial = load_model(tiny_model(tmp_path / "m", tileset))
    assert evaluate(tileset, initial, tmp_path / "r", config=CONFIG)["untrained"] == {}
    trained = load_model(tiny_model(tmp_path / "n", tileset, epochs=1))
    skipped = EvaluateConfig(untrained=False)
    assert evaluate(tileset, trained, tmp_path / "s", config=skipped)["untrained"] == {}


def test_the_same_evaluation_writes_the_same_bytes(
    report: Path, tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    evaluate(tileset, model, tmp_path / "r", config=CONFIG)
    for name in ("manifest.json", "metrics.json", "queries.parquet", "report.html"):
        assert (tmp_path / "r" / name).read_bytes() == (report / name).read_bytes()


def test_vectors_of_an_index_give_the_same_figures(
    metrics: dict[str, Any], tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    dates = IndexConfig(dates=("2004", "2019"))
    build_index(tileset, model, tmp_path / "i", config=dates, recipe=Recipe())
    index = load_index(tmp_path / "i")
    told: list[str] = []
    found = evaluate(
        tileset, model, tmp_path / "r", config=CONFIG, index=index,
        progress=lambda stage, done, total: told.append(stage),
    )  # fmt: skip
    assert found == metrics
    assert "describing 2004 by image+mask" not in told
    assert "describing 2019 by image+mask" in told


def test_an_index_of_another_model_is_refused(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    other = load_model(tiny_model(tmp_path / "m", tileset, seed=5))
    build_index(tileset, other, tmp_path / "i", config=IndexConfig(), recipe=Recipe())
    with pytest.raises(StaleArtefactError, match=r"built from model .* --replace'"):
        evaluate(tileset, model, tmp_path / "r", config=CONFIG, index=load_index(tmp_path / "i"))
    assert not (tmp_path / "r").exists()


def test_an_index_without_the_gallery_date_is_refused(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    newest = IndexConfig(dates=("2019",))
    build_index(tileset, model, tmp_path / "i", config=newest, recipe=Recipe())
    with pytest.raises(UnknownDateError, match=r"gallery is of 2004, but index .* holds 2019"):
        evaluate(tileset, model, tmp_path / "r", config=CONFIG, index=load_index(tmp_path / "i"))


def test_dates_that_cannot_be_compared_are_refused(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    with pytest.raises(UnknownDateError, match="date 1950 was asked for"):
        evaluate(tileset, model, tmp_path / "r", config=EvaluateConfig(gallery="1950"))
    with pytest.raises(ConfigurationError, match="queries and gallery are both of 2019"):
        evaluate(tileset, model, tmp_path / "r", config=EvaluateConfig(gallery="2019"))
    assert not list(tmp_path.iterdir())


def test_dates_without_a_common_place_are_nothing_to_measure(model: Model, tmp_path: Path) -> None:
    tiles = tuple(TileId(FIRST.col + c, FIRST.row) for c in range(2))
    apart = tiny_tileset(tmp_path / "t", cols=3, rows=1, missing=tiles)
    catalogue = apart.catalogue
    last = (catalogue["date"] == "2019") & (catalogue["col"] == FIRST.col + 2)
    apart.catalogue = catalogue[~last]
    with pytest.raises(NothingToDoError, match="no place of 2019 has a tile at 2004"):
        evaluate(apart, model, tmp_path / "r", config=CONFIG)


def test_a_report_is_neither_repeated_nor_overwritten_unless_told(
    report: Path, metrics: dict[str, Any], tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    out = tmp_path / "r"
    shutil.copytree(report, out)
    (out / "report.html").write_text("read and annotated")
    assert evaluate(tileset, model, out, config=CONFIG) == metrics
    assert (out / "report.html").read_text() == "read and annotated"
    other = EvaluateConfig(worst=1)
    with pytest.raises(WouldOverwriteError, match="holds a report of another"):
        evaluate(tileset, model, out, config=other)
    evaluate(tileset, model, out, config=other, replace=True)
    assert (out / "report.html").read_text() != "read and annotated"
    with pytest.raises(WouldOverwriteError, match="exists and is no report"):
        evaluate(tileset, model, tmp_path, config=CONFIG, replace=True)


def test_a_model_of_another_grid_knows_none_of_the_places(model: Model, tmp_path: Path) -> None:
    moved = tiny_tileset(tmp_path / "t", cols=3, rows=2)
    elsewhere = load_model(tiny_model(tmp_path / "m", moved))
    elsewhere.split["split"] = "train"
    assert evaluate(moved, elsewhere, tmp_path / "r", config=CONFIG)["scope"] == "all"
    object.__setattr__(moved.grid, "origin_x_m", 0.0)
    assert evaluate(moved, elsewhere, tmp_path / "s", config=CONFIG)["scope"] == "unseen"


@pytest.mark.parametrize(
    ("network_input", "queries", "gallery", "names"),
    [
        ("image", True, True, ["image"]),
        ("mask", True, True, ["mask"]),
        ("image+mask", True, True, ["image+mask", "image", "mask", "image against image+mask"]),
        ("image+mask", False, True, ["image against image+mask", "image"]),
        ("image+mask", True, False, ["image"]),
        ("image+mask", False, False, ["image"]),
    ],
)
def test_only_what_can_be_compared_is_compared(
    network_input: str, queries: bool, gallery: bool, names: list[str]
) -> None:
    config = ModelConfig(input=network_input)
    found = comparisons_of(config, queries_masked=queries, gallery_masked=gallery)
    assert [comparison.name for comparison in found] == names


def test_a_network_of_masks_needs_masks_at_both_dates() -> None:
    with pytest.raises(ConfigurationError, match="sees masks only"):
        comparisons_of(ModelConfig(input="mask"), queries_masked=True, gallery_masked=False)


def test_strata_follow_the_shares_of_the_catalogue() -> None:
    rows = pd.DataFrame(
        {
            "share_building": [0.02, 0.5, 0.0, 0.019, 0.0, 0.0],
            "share_vegetation": [0.9, 0.0, 0.5, 0.49, 0.0, 0.0],
            "covered_fraction": [1.0, 0.1, 1.0, 1.0, 1.0, 0.0],
        }
    )
    built, forest, unknown = "built-up", "forest", "unknown"
    assert land_cover(rows).tolist() == [built, built, forest, "open", "open", unknown]
    content = ["mask with features"] * 4 + ["empty mask", "no mask"]
    assert mask_content(rows).tolist() == content


def test_no_query_has_no_figure() -> None:
    empty = scores(np.empty(0, np.int64))
    assert empty["queries"] == 0
    assert {value for key, value in empty.items() if key != "queries"} == {None}


@pytest.mark.parametrize("gallery", [1, 3, 5, 40])
def test_chance_is_the_mean_over_random_rankings(gallery: int) -> None:
    random = np.random.default_rng(gallery)
    ranks = random.integers(1, gallery + 1, 200_000)
    drawn = np.where(ranks <= 5, 1 / ranks, 0).mean()
    assert chance_map(gallery) == pytest.approx(drawn, abs=0.004)
