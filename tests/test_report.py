import base64
import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from aerialret.config import ModelConfig, QueryConfig
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report import render_report
from aerialret.evaluation.report.curves import error_chart, recall_chart
from aerialret.evaluation.report.frames import (
    ATTENTION_COLOUR,
    FOOTPRINT_COLOUR,
    PLACED_COLOUR,
    attended,
    framed,
    within_tile,
)
from aerialret.evaluation.report.line_chart import Axis, Line, even_ticks, line_chart
from aerialret.evaluation.report.misses import worst_misses
from aerialret.evaluation.report.place_map import legend, place_map
from aerialret.evaluation.report.wording import comparison_label, headline, metres, percent
from aerialret.evaluation.run import run_evaluation
from aerialret.network.checkpoint import load_model
from aerialret.querying.pictures import PAPER, mask_picture, tile_picture
from aerialret.retrieval.metrics import recall_at
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import CLASSES, NO_COVERAGE
from tests.html_page import Page
from tests.tiny_tileset import tiny_model, tiny_tileset

DATES = Dates(queries="2019", gallery="2004")


def measured(
    folder: Path,
    *,
    masks: bool = True,
    change: float = 4.0,
    epochs: int = 6,
    protocol: str = "aligned",
) -> Evaluation:
    tileset = tiny_tileset(folder / "t", masks=masks, change=change, missing=(TileId(-1, 6),))
    model = load_model(tiny_model(folder / "m", tileset, epochs=epochs))
    return run_evaluation(tileset, model, dates=DATES, protocol=protocol)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    found = measured(tmp_path_factory.mktemp("evaluation"))
    found.table["in_scope"] = found.table["rank"].notna()  # more to draw than four test places
    return found


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> Page:
    return Page(render_report(evaluation, worst=5, parents={"tile_set": "a" * 64}))


def test_the_page_is_whole_and_asks_for_nothing(page: Page) -> None:
    assert page.open == []
    for _, attributes in page.tags:
        for name in ("src", "href", "data", "srcset", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    style = " ".join(page.words)
    assert "url(" not in style
    assert "@import" not in style
    assert not [tag for tag, _ in page.tags if tag in {"script", "iframe", "object"}]


def test_the_page_says_the_headline_figures(page: Page, evaluation: Evaluation) -> None:
    metrics = evaluation.metrics()
    assert headline(metrics) in page.text
    assert f"{metrics['map@5']:.2f} map@5 by image and mask" in page.text
    for figures in metrics["modalities"].values():
        assert f"{figures['map@5']:.3f}" in page.text
    before = metrics["untrained"]["image+mask"]["map@5"]
    assert f"scored {before:.3f} before training" in page.text


def test_the_map_has_a_cell_for_each_query_coloured_by_its_rank(evaluation: Evaluation) -> None:
    table = evaluation.table
    cells = Page(place_map(table)).tags[1:]
    rects = [attributes for tag, attributes in cells if tag == "rect"]
    assert len(rects) == len(table)
    for rect, (_, row) in zip(rects, table.iterrows(), strict=True):
        assert float(rect["x"]) == pytest.approx(row["col"] - table["col"].min(), abs=0.1)
        assert float(rect["y"]) == pytest.approx(row["row"] - table["row"].min(), abs=0.1)
        rank = row["rank"]
        wanted = "rnone" if pd.isna(rank) else "r1" if rank == 1 else "r5" if rank <= 5 else "r100"
        assert rect["class"].split() == [wanted]


def test_the_legend_counts_every_query_in_scope_once(evaluation: Evaluation) -> None:
    entries = legend(evaluation.table)
    assert sum(entry.count for entry in entries) == len(evaluation.table)
    assert {e.css: e.count for e in entries}["rnone"] == 1


def test_places_out_of_scope_are_pale(evaluation: Evaluation) -> None:
    table = evaluation.table.assign(in_scope=evaluation.table["split"] == "test")
    assert len(Page(place_map(table)).having("pale")) == (table["split"] != "test").sum() - 1


def test_the_worst_misses_come_first_with_pictures(page: Page, evaluation: Evaluation) -> None:
    table = evaluation.table
    worst = table.sort_values(["rank", "place"], ascending=[False, True])
    wanted = worst[worst["rank"] > 1].head(5)
    cards = worst_misses(evaluation, count=5).cards
    assert [card.place for card in cards] == wanted["place"].tolist()
    assert [card.rank for card in cards] == wanted["rank"].tolist()
    for card, results in zip(cards, wanted["results"], strict=True):
        query, wrong, right = card.panels
        assert query.caption == card.place
        assert wrong.caption.startswith(f"{results[0]} ")
        assert right.caption.startswith(f"{card.place} ")
        assert right.caption.endswith(f"rank {card.rank}")
    assert len(page.having("card")) == len(wanted) >= 2


def test_the_pictures_of_a_card_are_those_of_its_tiles(evaluation: Evaluation) -> None:
    card = worst_misses(evaluation, count=1).cards[0]
    tile = TileId.from_place(card.place)
    for panel, date in ((card.panels[0], "2019"), (card.panels[2], "2004")):
        shown = np.asarray(decoded(panel.image).resize((32, 32), Picture.Resampling.BOX), int)
        image = np.moveaxis(evaluation.tileset.read(date, [tile]).images[0], 0, -1)
        assert np.abs(shown - image).mean() < 6  # JPEG
        assert decoded(panel.mask).size == (72, 72)


def decoded(uri: str) -> Picture.Image:
    kind, content = uri.removeprefix("data:image/").split(";base64,")
    picture = Picture.open(io.BytesIO(base64.b64decode(content)))
    assert picture.format is not None
    assert picture.format.lower() == kind
    return picture


def test_without_masks_or_misses_or_training_the_page_leaves_them_out(tmp_path: Path) -> None:
    easy = measured(tmp_path, masks=False, change=0.0, epochs=0)
    page = Page(render_report(easy, worst=5, parents={}))
    assert page.having("mask") == []
    assert "Every one of the 4 queries found its place at the first answer" in page.text
    assert "none: the network is measured with its initial weights" in page.text
    assert " Training Hits" not in page.text
    assert list(easy.trained) == ["image"]


def test_the_recall_curve_goes_through_the_measured_recall(evaluation: Evaluation) -> None:
    chart = recall_chart(evaluation)
    names = [line.label for line in chart.lines]
    assert names[0] == "image and mask"
    assert names[-2:] == ["image and mask, before training", "chance"]
    ranks = evaluation.table.loc[evaluation.table["in_scope"], "rank"].to_numpy(int)
    for depth, value in chart.lines[0].points:
        assert value == recall_at(ranks, depth=int(depth))
    assert chart.svg.count("<polyline") == len(chart.lines)


def test_a_logarithmic_axis_gives_equal_factors_equal_lengths() -> None:
    axis = Axis(title="k", ticks=(1, 10, 100), logarithmic=True)
    assert [axis.share(value) for value in (1, 10, 100)] == pytest.approx([0, 0.5, 1])


def test_higher_values_are_drawn_higher_and_later_ones_further_right() -> None:
    line = Line(label="a < b", points=[(0, 0.1), (1, 0.5), (3, 0.9)], colour="#000")
    x, y = Axis(title="x", ticks=(0, 3)), Axis(title="y", ticks=(0, 1))
    svg = line_chart([line], x=x, y=y, label="test")
    points = re.search(r'points="([^"]+)"', svg)
    assert points
    drawn = [tuple(map(float, pair.split(","))) for pair in points[1].split()]
    assert [at for at, _ in drawn] == sorted(at for at, _ in drawn)
    assert [value for _, value in drawn] == sorted((v for _, v in drawn), reverse=True)
    assert "a &lt; b" in svg


@given(st.floats(1e-6, 1e9))
def test_even_ticks_cover_the_value_in_a_few_even_steps(highest: float) -> None:
    ticks = even_ticks(highest)
    steps = np.diff(ticks)
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 8
    assert np.allclose(steps, steps[0], rtol=1e-3)


@given(st.floats(0, 1))
def test_only_all_is_one_hundred_percent_and_only_none_is_zero(share: float) -> None:
    assert (percent(share) == "100 %") == (share == 1)
    assert (percent(share) == "0 %") == (share == 0)
    assert math.isclose(float(percent(share).removesuffix(" %")), 100 * share, abs_tol=0.51)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("image+mask", "image and mask"),
        ("image", "image alone"),
        ("image against image+mask", "image alone, searched among image and mask"),
        ("image against mask", "image alone, searched among masks"),
        ("mask against image", "mask alone, searched among images"),
    ],
)
def test_comparisons_are_named_in_words(name: str, label: str) -> None:
    assert comparison_label(name) == label


def test_a_mask_is_drawn_in_the_colours_of_its_classes() -> None:
    mask = np.array([[0, 6, 10], [255, 1, 7]], np.uint8).repeat(8, 0).repeat(8, 1)
    square = np.vstack([mask, mask[:8]])
    pixels = np.asarray(mask_picture(square, side_px=24))
    colours = {land_class.code: land_class.colour for land_class in CLASSES}
    for code in (1, 6, 7, 10):
        assert (pixels[square == code] == colours[code]).all()
    assert (pixels[square == 0] == PAPER).all()
    assert len(np.unique(pixels[square == NO_COVERAGE], axis=0)) == 2  # hatched


def test_pixels_without_image_are_drawn_as_paper() -> None:
    image = np.arange(3 * 8 * 8, dtype=np.uint8).reshape(3, 8, 8)
    valid = np.ones((8, 8), bool)
    valid[2:4, 5] = False
    pixels = np.asarray(tile_picture(image, valid, side_px=8))
    assert (pixels[~valid] == PAPER).all()
    np.testing.assert_array_equal(pixels[valid], np.moveaxis(image, 0, -1)[valid])


@pytest.fixture(scope="module")
def displaced(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    found = measured(tmp_path_factory.mktemp("displaced"), protocol="season", epochs=0)
    found.table["in_scope"] = found.table["rank"].notna()
    return found


def test_a_displaced_report_says_how_its_queries_were_cut(displaced: Evaluation) -> None:
    page = Page(render_report(displaced, worst=3, parents={}))
    assert page.open == []
    assert "colours of another season (protocol season, seed 7)" in page.text
    assert "By protocol" in page.text
    assert "framed: what the photo shows" in page.text
    assert "framed: what the network looks at" not in page.text
    assert "Queries season, seed 7" in page.text
    whole = displaced.metrics()["protocols"]["aligned"]
    assert f"{whole['map@5']:.3f}" in page.text


def test_an_aligned_report_frames_nothing_and_has_no_protocols_to_compare(page: Page) -> None:
    assert "framed:" not in page.text
    assert "By protocol" not in page.text
    assert "asking with whole tiles (protocol aligned)" in page.text


def test_a_displaced_card_shows_the_photo_and_where_it_was_cut(displaced: Evaluation) -> None:
    card = worst_misses(displaced, count=1).cards[0]
    rows = displaced.table.index[displaced.table["place"] == card.place]
    row = int(rows[0])
    batch = displaced.photos.cut(displaced.tileset, slice(row, row + 1)).batch
    photo = tile_picture(batch.images[0], batch.valid[0], side_px=192)
    assert np.abs(pixels_of(card.panels[0].image) - np.asarray(photo, np.int16)).mean() < 6
    right = pixels_of(card.panels[2].image)
    yellow = np.abs(right - np.array(FOOTPRINT_COLOUR)).max(axis=2) < 70
    corners = within_tile(
        displaced.photos.shown.corners_m[row], tile=TileId.from_place(card.place),
        grid=displaced.tileset.grid,
    )  # fmt: skip
    middles = ((corners + np.roll(corners, 1, axis=0)) / 2 * 192).astype(int)
    for across, down in middles:
        assert yellow[down - 3 : down + 4, across - 3 : across + 4].any()
    turn = displaced.table["rotation_deg"][row]
    assert f"turned {turn:.0f}°" in card.panels[0].caption


def test_a_report_of_grids_frames_where_the_first_answer_puts_the_photo(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "t", cols=4, rows=3, tile_px=64)
    config = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=16,
        input="image", input_px=32,
    )  # fmt: skip
    model = load_model(tiny_model(tmp_path / "m", tileset, config=config))
    asking = QueryConfig(rotations=4)
    found = run_evaluation(tileset, model, dates=DATES, protocol="hard", asking=asking)
    measured = found.trained["image"]
    assert measured.placed_m is not None
    apart = measured.placed_m.mean(axis=1) - found.photos.shown.centres_m
    np.testing.assert_allclose(measured.distance_m, np.hypot(*apart.T))
    found.table["in_scope"] = found.table["rank"].notna()
    page = Page(render_report(found, worst=1, parents={}))
    assert "framed: where the first answer puts the photo" in page.text
    card = worst_misses(found, count=1).cards[0]
    pink, none = (
        (np.abs(pixels_of(panel.image) - np.array(PLACED_COLOUR)).max(axis=2) < 60).sum()
        for panel in card.panels[1:]
    )
    assert pink > 100 > none


def pixels_of(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Picture.open(io.BytesIO(data)).convert("RGB"), np.int16)


def test_a_footprint_begins_at_the_photos_upper_left(displaced: Evaluation) -> None:
    """Turned counter-clockwise by t, the photo's upper edge runs t clockwise on the map."""
    row = 4
    tile, grid = displaced.photos.tiles[row], displaced.tileset.grid
    corners = within_tile(displaced.photos.shown.corners_m[row], tile=tile, grid=grid)
    assert ((corners > -1e-9) & (corners < 1 + 1e-9)).all()
    across, down = corners[1] - corners[0]
    turn = math.radians(displaced.table["rotation_deg"][row])
    side = displaced.table["metres_per_px"][row] * grid.tile_px / grid.tile_size_m
    assert (across, down) == pytest.approx((side * math.cos(turn), side * math.sin(turn)))


def test_a_frame_is_drawn_along_its_corners_and_inside_the_picture() -> None:
    picture = Picture.new("RGB", (100, 100), (120, 120, 120))
    square = np.array([[0.2, 0.3], [0.8, 0.3], [0.8, 0.9], [0.2, 0.9]])
    drawn = np.asarray(framed(picture, square, colour=ATTENTION_COLOUR))
    for row, col in ((30, 50), (90, 50), (60, 20), (60, 80)):
        assert tuple(drawn[row, col]) == ATTENTION_COLOUR
    assert tuple(drawn[60, 50]) == tuple(drawn[10, 10]) == (120, 120, 120)
    whole = np.asarray(
        framed(picture, square * 0 + [[0, 0], [1, 0], [1, 1], [0, 1]], colour=(9, 9, 9))
    )
    assert tuple(whole[50, 2]) == tuple(whole[97, 50]) == (9, 9, 9)


def test_the_region_that_a_transformer_cuts_out_is_where_it_says(tmp_path: Path) -> None:
    found = measured(tmp_path, epochs=0)
    batch = found.photos.cut(found.tileset, slice(0, 1)).batch
    assert attended(found.model, batch, modality="image") is None
    seen: list[torch.Tensor] = []

    def attention(image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        seen.append(mask)
        return torch.tensor([[0.5, 0.2, -0.4]])

    found.model.network.attention = attention  # type: ignore[assignment]
    corners = attended(found.model, batch, modality="image+mask")
    assert corners is not None
    expected = [[0.35, 0.05], [0.85, 0.05], [0.85, 0.55], [0.35, 0.55]]
    np.testing.assert_allclose(corners, expected, atol=1e-6)
    attended(found.model, batch, modality="image")
    assert (seen[0] != seen[1]).any()


def test_the_error_curve_is_the_share_within_each_distance(displaced: Evaluation) -> None:
    chart = error_chart(displaced)
    assert [line.label for line in chart.lines][-1].endswith("whole tiles (aligned)")
    distances = displaced.table.loc[displaced.table["in_scope"], "distance_m"]
    for at, share in chart.lines[0].points:
        assert share == pytest.approx((distances <= at).mean())
    assert chart.lines[0].points[-1][1] == 1
    assert "inf" not in chart.svg
    assert "nan" not in chart.svg


@pytest.mark.parametrize(
    ("distance", "text"), [(None, "–"), (math.nan, "–"), (0.0, "0 m"), (1234.0, "1.2 km")]
)
def test_distances_are_told_in_metres_and_kilometres(distance: float | None, text: str) -> None:
    assert metres(distance).replace("\u00a0", " ") == text
