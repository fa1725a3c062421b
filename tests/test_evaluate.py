import json
import math
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aerialret.cli.entry import main
from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig, QueryConfig
from aerialret.errors import (
    ConfigurationError,
    NothingToDoError,
    StaleArtefactError,
    UnknownDateError,
    WouldOverwriteError,
)
from aerialret.evaluation.change import change_between, edge_map, image_change, mask_change
from aerialret.evaluation.comparisons import HEADLINE, Dates, comparisons_of
from aerialret.evaluation.evaluate import evaluate
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.photos import overlapping_neighbours, photos_of
from aerialret.evaluation.protocols import cut_queries
from aerialret.evaluation.query_table import tiles_in_scope
from aerialret.evaluation.ranking import rank_gallery
from aerialret.evaluation.reranking import reranked
from aerialret.evaluation.run import run_evaluation
from aerialret.evaluation.scores import chance_map, scores
from aerialret.evaluation.strata import (
    SHARE_BINS,
    change_class,
    covered_shares,
    land_cover,
    main_class,
    mask_content,
    settlement,
    share_bin,
)
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import Modality, describe_queries, describe_tiles
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import load_index
from aerialret.retrieval.metrics import ranks_of_truth
from aerialret.retrieval.vector_index import NO_ROW, exact_neighbours
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from aerialret.verification.local_features import LocalFeatures
from tests.tiny_tileset import FIRST, tiny_model, tiny_tileset

MISSING = TileId(-1, 6)
CONFIG = EvaluateConfig(worst=3)
HARD = EvaluateConfig(worst=3, protocol="hard", seed=9)
DATES = Dates(queries="2019", gallery="2004")
STRATA = ("land_cover", "mask_content", "main_class", "settlement", "change_class")


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
        rows = scoped[(scoped[list(STRATA)] == name).any(axis=1)]
        assert figures["median_rank"] == rows["rank"].median()
        assert figures["queries"] == len(rows) > 0
    for name, figures in metrics["modalities"].items():
        column = "rank" if name == "image+mask" else f"rank_{name.replace(' ', '_')}"
        assert figures["recall@5"] == pytest.approx((scoped[column] <= 5).mean(), abs=1e-6)
    assert metrics["median_error_m"] == pytest.approx(scoped["distance_m"].median(), abs=1e-6)
    right = scoped.loc[scoped["rank"] == 1, "distance_m"]
    assert metrics["median_error_right_m"] == right.median() == 0
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
        ("either", True, True, ["image against mask", "mask against image", "image", "mask"]),
        ("either", False, True, ["image against mask", "image"]),
        ("either", True, False, ["mask against image", "image"]),
        ("either", False, False, ["image"]),
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
    empty = scores(np.empty(0, np.int64), np.empty(0))
    assert empty["queries"] == 0
    assert {value for key, value in empty.items() if key != "queries"} == {None}


@pytest.mark.parametrize("gallery", [1, 3, 5, 40])
def test_chance_is_the_mean_over_random_rankings(gallery: int) -> None:
    random = np.random.default_rng(gallery)
    ranks = random.integers(1, gallery + 1, 200_000)
    drawn = np.where(ranks <= 5, 1 / ranks, 0).mean()
    assert chance_map(gallery) == pytest.approx(drawn, abs=0.004)


def vectors(seed: int, *shape: int) -> np.ndarray:
    found = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    unit: np.ndarray = found / np.linalg.norm(found, axis=-1, keepdims=True)
    return unit


@pytest.mark.parametrize("shape", [(9, 5), (9, 3, 5)])
@pytest.mark.parametrize("block", [1, 4, 1024])
def test_a_ranking_is_that_of_the_exact_search(shape: tuple[int, ...], block: int) -> None:
    queries, gallery = vectors(0, *shape), vectors(1, 20, 5)
    truth = np.array([3, -1, 0, 19, 7, 7, -1, 2, 11])
    found = rank_gallery(queries, gallery, truth, top=6, block=block)
    np.testing.assert_array_equal(found.ranks, ranks_of_truth(queries, gallery, truth))
    exact = exact_neighbours(queries, gallery, top=6)
    np.testing.assert_array_equal(found.nearest.rows, exact.rows)
    np.testing.assert_allclose(found.nearest.scores, exact.scores, atol=1e-6)
    assert np.isnan(found.own_scores).tolist() == (truth < 0).tolist()


def test_neutral_tiles_are_taken_out_before_the_rank_is_counted() -> None:
    """The oracle: a gallery that never had the neutral tiles."""
    queries, gallery = vectors(2, 6, 4), vectors(3, 15, 4)
    truth = np.array([4, 0, 14, -1, 7, 2])
    neutral = {0: np.array([1, 2, 3, 9]), 2: np.array([0]), 4: np.arange(15)[np.arange(15) != 7]}
    found = rank_gallery(queries, gallery, truth, top=15, neutral=neutral, block=4)
    for query in range(6):
        left = np.setdiff1d(np.arange(15), neutral.get(query, np.empty(0, int)))
        scores_left = gallery[left] @ queries[query]
        order = left[np.argsort(-scores_left, kind="stable")]
        rank = 1 + order.tolist().index(truth[query]) if truth[query] >= 0 else 0
        assert found.ranks[query] == rank
        kept = found.nearest.rows[query]
        assert kept[: len(order)].tolist() == order.tolist()
        assert (kept[len(order) :] == NO_ROW).all()
    assert (found.ranks != ranks_of_truth(queries, gallery, truth)).any()
    assert found.ranks[4] == 1


def test_an_empty_ranking_is_empty() -> None:
    none = rank_gallery(vectors(0, 0, 4), vectors(1, 3, 4), np.empty(0, np.int64), top=2)
    assert none.ranks.shape == (0,)
    assert none.nearest.rows.shape == (0, 2)


def test_photos_of_one_tile_have_no_neutral_neighbours_and_those_across_an_edge_do(
    tileset: TileSet,
) -> None:
    for protocol in ("aligned", "mild", "hard"):
        assert photos_of(tileset, dates=DATES, protocol=protocol, seed=1).neutral == {}
    gallery = [TileId(c, r) for r in range(4, 8) for c in range(-4, 1)]
    square = np.array([[0, 0], [1, 0], [1, -1], [0, -1]], np.float64) * 64
    corner = np.array([900_000 - 64.0, 6_800_000 - 5 * 64.0])  # upper left of cell (-1, 5)
    shifts = np.array([[[0, 0]], [[-16, 0]], [[16, 10]], [[1e-5, 0]]])
    moved = square + corner + shifts
    truth = np.full(4, gallery.index(TileId(-1, 5)))
    found = overlapping_neighbours(moved, gallery, grid=tileset.grid, truth=truth)
    assert {query: [gallery[row] for row in rows] for query, rows in found.items()} == {
        1: [TileId(-2, 5)],
        2: [TileId(-1, 4), TileId(0, 4), TileId(0, 5)],
    }


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet, model: Model) -> Path:
    out = tmp_path_factory.mktemp("hard") / "r"
    evaluate(tileset, model, out, config=HARD, asking=QueryConfig(rotations=3))
    return out


def test_displaced_queries_are_ranked_by_their_own_pixels(
    hard: Path, tileset: TileSet, model: Model
) -> None:
    table = pd.read_parquet(hard / "queries.parquet")
    gallery = describe_tiles(
        model, tileset, date="2004", tiles=tileset.tiles("2004"), modality="image+mask"
    )
    names = [tile.place for tile in tileset.tiles("2004")]
    for row in range(1, len(table), 5):
        tile = TileId(int(table["col"][row]), int(table["row"][row]))
        cut = cut_queries(tileset, date="2019", tiles=[tile], protocol="hard", seed=9)
        views = describe_queries(model, cut.batch, modality="image+mask", rotations=3)[0]
        assert len(views) == 3
        best = [max(float(view @ vector) for view in views) for vector in gallery]
        own = best[names.index(tile.place)]
        rank = 1 + sum(
            score > own for name, score in zip(names, best, strict=True) if name != tile.place
        )
        assert table["rank"][row] == rank
        assert table["centre_x"][row] == cut.centres_m[0, 0]
        assert table["centre_y"][row] == cut.centres_m[0, 1]
        assert table["rotation_deg"][row] == cut.rotation_deg[0]


def test_displaced_errors_are_measured_from_the_centre_of_the_photo(
    hard: Path, tileset: TileSet
) -> None:
    table = pd.read_parquet(hard / "queries.parquet")
    for _, row in table.iterrows():
        bounds = tileset.grid.bounds(TileId.from_place(row["results"][0]))
        centre = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
        expected = math.dist(centre, (row["centre_x"], row["centre_y"]))
        assert row["distance_m"] == pytest.approx(expected, abs=1e-6)
    assert (table["distance_m"] > 0).all()


def test_a_displaced_report_names_protocol_and_seed_and_measures_whole_tiles_beside_it(
    hard: Path, metrics: dict[str, Any]
) -> None:
    found = json.loads((hard / "metrics.json").read_text())
    assert (found["protocol"], found["seed"], found["rotations"]) == ("hard", 9, 3)
    assert (metrics["protocol"], metrics["seed"]) == ("aligned", None)
    assert list(found["protocols"]) == ["aligned", "hard"]
    assert list(metrics["protocols"]) == ["aligned"]
    assert found["protocols"]["hard"]["map@5"] == found["map@5"]
    assert found["protocols"]["aligned"]["map@5"] > found["map@5"]
    table = pd.read_parquet(hard / "queries.parquet")
    whole = table.loc[table["in_scope"], "rank_aligned"]
    assert found["protocols"]["aligned"]["recall@1"] == (whole == 1).mean()
    manifest = json.loads((hard / "manifest.json").read_text())
    assert manifest["configuration"]["query"]["rotations"] == 3


def test_protocols_share_one_description_of_the_gallery(tileset: TileSet, model: Model) -> None:
    told: list[str] = []
    gallery = GalleryCache(tileset, model)
    found = {
        protocol: run_evaluation(
            tileset, model, dates=DATES, protocol=protocol, gallery=gallery, only=HEADLINE,
            before_training=False, progress=lambda stage, done, total: told.append(stage),
        )
        for protocol in ("aligned", "mild")
    }  # fmt: skip
    assert told.count("describing 2004 by image+mask") == 1
    assert "describing 2019 (mild) by image+mask" in told
    assert list(found["mild"].trained) == ["image+mask"]
    assert found["mild"].whole_tiles is None
    assert found["mild"].metrics()["change_seen_in"] is None
    alone = run_evaluation(tileset, model, dates=DATES, protocol="mild", before_training=False)
    pd.testing.assert_series_equal(alone.table["rank"], found["mild"].table["rank"])
    pd.testing.assert_series_equal(alone.table["distance_m"], found["mild"].table["distance_m"])


def test_the_tiles_in_scope_alone_give_the_headline(tileset: TileSet, model: Model) -> None:
    asked = {"dates": DATES, "protocol": "grey", "before_training": False, "only": "image"}
    tiles = tiles_in_scope(tileset, model, dates=DATES)
    assert [tile.col for tile in tiles] == [FIRST.col + 6] * 4
    every = run_evaluation(tileset, model, **asked)  # type: ignore[arg-type]
    few = run_evaluation(tileset, model, tiles=tiles, **asked)  # type: ignore[arg-type]
    scoped = every.table[every.in_scope].reset_index(drop=True)
    pd.testing.assert_frame_equal(few.table[["place", "rank"]], scoped[["place", "rank"]])
    assert few.metrics()["map@5"] == every.metrics()["map@5"]


def test_a_comparison_that_there_is_not_is_refused(tileset: TileSet, model: Model) -> None:
    with pytest.raises(ConfigurationError, match=r"'sound' was asked for, but there are image\+m"):
        run_evaluation(tileset, model, dates=DATES, only="sound")


def random_batch(seed: int, n: int = 3, side: int = 24) -> TileBatch:
    rng = np.random.default_rng(seed)
    masks = rng.choice(np.array([0, 1, 6, NO_COVERAGE], np.uint8), (n, side, side))
    images = rng.integers(0, 256, (n, 3, side, side), dtype=np.uint8)
    return TileBatch(images, masks, np.ones((n, side, side), bool))


def test_change_of_masks_equals_the_slow_loop() -> None:
    later, earlier = random_batch(0), random_batch(1)
    later.masks[2] = NO_COVERAGE
    found = mask_change(later, earlier)
    for tile in range(2):
        pairs = zip(later.masks[tile].flat, earlier.masks[tile].flat, strict=True)
        known = [(a, b) for a, b in pairs if NO_COVERAGE not in (a, b)]
        assert found[tile] == pytest.approx(sum(a != b for a, b in known) / len(known))
    assert math.isnan(found[2])


def test_change_of_images_sees_edges_and_not_colours() -> None:
    earlier = random_batch(3)
    darker = TileBatch(earlier.images // 2 + 20, earlier.masks, earlier.valid)
    assert image_change(earlier, earlier) == pytest.approx([0, 0, 0])
    assert (image_change(darker, earlier) < 0.02).all()
    assert (image_change(random_batch(4), earlier) > 0.5).all()
    flat = TileBatch(np.full_like(earlier.images, 9), earlier.masks, earlier.valid)
    assert np.isnan(image_change(flat, earlier)).all()
    edges = np.zeros((3, 64, 64), np.uint8)
    edges[:, :, 40:] = 200
    found = edge_map(edges)
    assert found.shape == (32, 32)
    assert set(np.flatnonzero(found.sum(axis=0))) == {19, 20}


def test_change_is_seen_in_masks_where_both_dates_have_them(
    tileset: TileSet, tmp_path: Path
) -> None:
    tiles = tileset.tiles("2019")
    change = change_between(tileset, dates=DATES, tiles=tiles)
    assert change.seen_in == "masks"
    assert [tiles[row] for row in np.flatnonzero(np.isnan(change.amount))] == [MISSING]
    again = change_between(tileset, dates=DATES, tiles=tiles[::-1])
    np.testing.assert_array_equal(again.amount[::-1], change.amount)
    bare = tiny_tileset(tmp_path / "t", masks=False, cols=3, rows=2)
    found = change_between(bare, dates=DATES, tiles=bare.tiles("2019"))
    assert found.seen_in == "images"
    assert ((found.amount > 0) & (found.amount < 2)).all()


def test_thirds_of_change_are_even_and_equal_amounts_stay_together() -> None:
    amount = np.array([0.5, 0.1, np.nan, 0.9, 0.2, 0.7, 0.3])
    little, some, much = "little change", "some change", "much change"
    assert change_class(amount).tolist() == [some, little, None, much, little, much, some]
    assert change_class(np.zeros(4)).tolist() == [little] * 4
    assert change_class(np.array([np.nan])).tolist() == [None]


def test_classes_and_settlement_follow_the_largest_shares() -> None:
    rows = pd.DataFrame(
        {
            "share_road": [0.1, 0.3, 0.0, 0.0],
            "share_building": [0.04, 0.05, 0.0, 0.9],
            "share_vegetation": [0.6, 0.2, 0.2, 0.0],
            "covered_fraction": [1.0, 0.2, 1.0, 0.0],
        }
    )
    mainly = ["mainly vegetation", "mainly background", "mainly background", None]
    assert main_class(rows).tolist() == mainly
    assert settlement(rows).tolist() == ["rural", "urban", "rural", None]
    shares = covered_shares(rows)
    assert np.isnan(shares.loc[3]).all()
    none, few, many, most = SHARE_BINS
    assert share_bin(shares["share_vegetation"]).tolist() == [most, many, many, None]
    assert share_bin(pd.Series([0, 1e-9, 0.1, 0.11, 0.5, 1.0])).tolist() == [
        none, few, few, many, many, most,
    ]  # fmt: skip


def spots(seed: int) -> LocalFeatures:
    """Forty points of their own kind."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 200, (40, 2)).astype(np.float32)
    return LocalFeatures(points, vectors(seed + 1, 40, 128))


def test_checked_results_come_first_and_ties_still_count_against_the_query() -> None:
    """Seven candidates; the check recognises the scene 3, and the scene 1 for one query."""
    scenes = [spots(100 * n) for n in range(7)]
    gallery = np.array([[9], [8], [7], [6], [6], [6], [5]], np.float32) / 10
    queries = np.ones((5, 1), np.float32)
    truth = np.array([3, 0, 4, 6, -1])
    found = rank_gallery(queries, gallery, truth, top=6)
    assert found.ranks.tolist() == [6, 1, 6, 7, 0]
    asked = [scenes[3], scenes[3], scenes[1], scenes[3], scenes[1]]
    after = reranked(
        found, truth=truth, photo=asked.__getitem__, candidate=scenes.__getitem__, top=5
    )
    assert after.ranks.tolist() == [1, 2, 6, 7, 0]
    assert after.nearest.rows[0].tolist() == [3, 0, 1, 2, 4, 5]
    assert after.nearest.rows[2].tolist() == [1, 0, 2, 3, 4, 5]
    np.testing.assert_allclose(after.nearest.scores[0, :3], [0.6, 0.9, 0.8])
    nothing = LocalFeatures(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))
    same = reranked(
        found, truth=truth, photo=lambda row: nothing, candidate=scenes.__getitem__, top=5
    )
    np.testing.assert_array_equal(same.ranks, found.ranks)
    np.testing.assert_array_equal(same.nearest.rows, found.nearest.rows)


def test_an_evaluation_checks_its_first_results(tmp_path: Path) -> None:
    """Queries and gallery show the same ground, which the network cannot tell and SIFT can."""
    world = tiny_tileset(tmp_path / "t", cols=4, rows=3, tile_px=96, change=0.0)
    model = load_model(tiny_model(tmp_path / "m", world, network_input="image"))
    draw = np.random.default_rng(0)
    noise = {tile: draw.integers(0, 256, (3, 24, 24)) for tile in world.tiles("2004")}

    def read(date: str, tiles: Sequence[TileId]) -> TileBatch:
        images = [noise[tile].repeat(4, 1).repeat(4, 2) for tile in tiles]
        masks = np.full((len(tiles), 96, 96), NO_COVERAGE, np.uint8)
        batch = np.array(images, np.uint8).reshape(-1, 3, 96, 96)
        return TileBatch(batch, masks, np.ones(masks.shape, bool))

    world.read = read  # type: ignore[method-assign]
    asked = {"dates": DATES, "protocol": "mild", "before_training": False}
    plain = run_evaluation(world, model, **asked)  # type: ignore[arg-type]
    checked = run_evaluation(
        world,
        model,
        asking=QueryConfig(rerank="sift", rerank_top=12),
        **asked,  # type: ignore[arg-type]
    )
    assert (plain.table["rank"] > 1).any()
    assert (checked.table["rank"] == 1).all()
    assert (checked.table["distance_m"] < 64 / 16 * math.sqrt(2) + 1e-6).all()
    assert all(len(results) == 10 for results in checked.table["results"])
    assert checked.metrics()["rerank"] == "sift"


def test_the_command_line_takes_protocol_seed_turns_and_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world = tiny_tileset(tmp_path / "tiles", cols=3, rows=2)
    tiny_model(tmp_path / "model", world)
    monkeypatch.chdir(tmp_path)
    words = (
        "aerialret evaluate tiles --model model --out report --protocol hard --seed 8 "
        "--rotations 2 --rerank sift"
    )
    monkeypatch.setattr(sys, "argv", words.split())
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert "hard queries of the test places" in capsys.readouterr().err
    found = json.loads((tmp_path / "report" / "metrics.json").read_text())
    asked = (found["protocol"], found["seed"], found["rotations"], found["rerank"])
    assert asked == ("hard", 8, 2, "sift")
    monkeypatch.setattr(sys, "argv", [*words.split(), "--protocol", "harder"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert "protocol is 'harder', but must be one of aligned, mild, hard, grey, season" in line
    assert "Traceback" not in line
