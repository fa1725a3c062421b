import base64
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Picture

from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluation import Evaluation, run_evaluation
from aerialret.evaluation.report import render_report
from aerialret.evaluation.report.curves import recall_chart
from aerialret.evaluation.report.line_chart import Axis, Line, even_ticks, line_chart
from aerialret.evaluation.report.misses import worst_misses
from aerialret.evaluation.report.place_map import legend, place_map
from aerialret.evaluation.report.wording import comparison_label, headline, percent
from aerialret.network.checkpoint import load_model
from aerialret.querying.pictures import PAPER, mask_picture, tile_picture
from aerialret.retrieval.metrics import recall_at
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import CLASSES, NO_COVERAGE
from tests.tiny_tileset import tiny_model, tiny_tileset

DATES = Dates(queries="2019", gallery="2004")


class Page(HTMLParser):
    """Every tag's attributes, and whether tags are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in {"meta", "link", "img", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    def having(self, css: str) -> list[dict[str, str]]:
        return [a for _, a in self.tags if css in a.get("class", "").split()]


def measured(
    folder: Path, *, masks: bool = True, change: float = 4.0, epochs: int = 6
) -> Evaluation:
    tileset = tiny_tileset(folder / "t", masks=masks, change=change, missing=(TileId(-1, 6),))
    model = load_model(tiny_model(folder / "m", tileset, epochs=epochs))
    return run_evaluation(tileset, model, dates=DATES)


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
