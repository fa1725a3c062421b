"""Photos laid on the map in `report.html`: on the first answer, and where they lie."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.config import ModelConfig, QueryConfig
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report import render_report
from aerialret.evaluation.report.swipes import RIGHT, SwipeGallery, swipe_gallery
from aerialret.evaluation.run import run_evaluation
from aerialret.network.checkpoint import load_model
from aerialret.pages.swipe import Swipe
from tests.html_page import Page
from tests.tiny_tileset import tiny_model, tiny_tileset

DATES = Dates(queries="2019", gallery="2004")


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Displaced photos of places that look the same at both dates, some found and some not."""
    folder = tmp_path_factory.mktemp("evaluation")
    tileset = tiny_tileset(folder / "t", cols=4, rows=3, tile_px=64, change=0.0)
    config = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=16,
        input="image", input_px=32,
    )  # fmt: skip
    model = load_model(tiny_model(folder / "m", tileset, config=config))
    found = run_evaluation(
        tileset, model, dates=DATES, protocol="hard", asking=QueryConfig(rotations=4), only="image"
    )
    found.table["in_scope"] = True
    ranks = [1, 1, 4, 1, 2, 1, 12, 1, 3, 1, 1, 9]
    found.table["rank"] = np.array(ranks)
    return found


@pytest.fixture(scope="module")
def gallery(evaluation: Evaluation) -> SwipeGallery:
    found = swipe_gallery(evaluation)
    assert found is not None
    return found


def test_the_best_the_middle_and_the_worst_of_the_right_ones_are_drawn(
    evaluation: Evaluation, gallery: SwipeGallery
) -> None:
    right = evaluation.table[evaluation.table["rank"] == 1].sort_values("distance_m")
    assert len(right) == 7
    places = right["place"].tolist()
    assert [card.place for card in gallery.right] == [places[0], places[3], places[-1]]
    assert all(len(card.swipes) == 1 for card in gallery.right)


def test_of_the_wrong_ones_those_whose_right_place_came_latest(
    evaluation: Evaluation, gallery: SwipeGallery
) -> None:
    worst = evaluation.table.sort_values("rank", ascending=False).head(3)
    assert [card.place for card in gallery.wrong] == worst["place"].tolist()
    assert [card.told.split(" · ")[0] for card in gallery.wrong] == [
        f"right place at rank {rank}" for rank in (12, 9, 4)
    ]


def test_a_photo_laid_where_it_lies_agrees_with_the_map_there(gallery: SwipeGallery) -> None:
    for card in gallery.wrong:
        answer, truth = (swipe for _, swipe in card.swipes)
        assert apart(truth) < 6
        assert apart(truth) < apart(answer) / 2


def apart(swipe: Swipe) -> float:
    """Mean difference of photo and map where the photo is, but for the light of the day."""
    photo, chart = decoded(swipe.photo), decoded(swipe.chart)
    assert photo.shape[:2] == chart.shape[:2] == (swipe.side_px, swipe.side_px)
    seen = photo[..., 3] == 255
    assert seen.any()
    between = photo[seen][:, :3] - chart[seen]
    return float(np.abs(between - between.mean()).mean())


def decoded(uri: str) -> NDArray[np.int64]:
    picture = Picture.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.asarray(picture, np.int64)


def test_the_truth_is_drawn_around_photos_on_their_first_answer(
    evaluation: Evaluation, gallery: SwipeGallery
) -> None:
    swipe = gallery.right[0].swipes[0][1]
    placed, truth = swipe.outlines
    assert (placed.css, truth.css) == ("answer", "truth")
    row = int(evaluation.table.index[evaluation.table["place"] == gallery.right[0].place][0])
    drawn = np.array([[float(v) for v in pair.split(",")] for pair in truth.points.split()])
    step = swipe.side_m / swipe.side_px
    on_map = drawn * [step, -step] + [swipe.left, swipe.top]
    shown = evaluation.photos.shown.corners_m[row]
    np.testing.assert_allclose(on_map, shown, atol=0.06 * step)


def test_the_report_draws_them_with_sliders_and_asks_for_nothing(evaluation: Evaluation) -> None:
    text = render_report(evaluation, worst=2, parents={})
    page = Page(text)
    assert page.open == []
    sliders = [a for tag, a in page.tags if tag == "input"]
    assert len(sliders) == len(page.having("swipe")) == RIGHT + 2 * 2
    assert len(set(page.ids)) == len(page.ids)
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:")), (tag, name)
    assert not re.search(r"url\(|@import|https?:", " ".join(page.words))
    assert "Photos laid on the map" in page.text


def test_whole_tiles_and_methods_that_tell_the_tile_alone_have_none(
    evaluation: Evaluation, tmp_path: Path
) -> None:
    whole = replace(evaluation, photos=replace(evaluation.photos, protocol="aligned"))
    assert swipe_gallery(whole) is None
    blind = {name: replace(found, placed_m=None) for name, found in evaluation.trained.items()}
    assert swipe_gallery(replace(evaluation, trained=blind)) is None


def test_photos_without_an_answer_are_not_drawn(evaluation: Evaluation) -> None:
    main = evaluation.trained[evaluation.main]
    assert main.placed_m is not None
    nowhere = np.full_like(main.placed_m, np.nan)
    found = swipe_gallery(
        replace(evaluation, trained={evaluation.main: replace(main, placed_m=nowhere)})
    )
    assert found == SwipeGallery(right=(), wrong=())
    assert found.legend == []
