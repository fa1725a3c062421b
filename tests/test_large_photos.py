"""Photos of several tiles: second looks and probabilities where their squares vote."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from aerialret.config import IndexConfig, ModelConfig
from aerialret.network.checkpoint import load_model
from aerialret.querying.certainty import certainty_of
from aerialret.querying.cuts import Square
from aerialret.querying.judgement import probability_of, verdict_line, verdict_of
from aerialret.querying.query import PhotoAnswer, query
from aerialret.querying.scan import Reading
from aerialret.querying.voted_certainty import certainty_of_votes
from aerialret.querying.whole_photo import Found, Voted
from aerialret.retrieval.calibration import (
    ABSENT,
    FOUND,
    Calibration,
    Curve,
    ModelCalibration,
    write_calibration,
)
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import MODEL_FOLDER, Index, load_index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds, TileId
from tests.tiny_tileset import FIRST, tiny_model, tiny_tileset

TILE = TileId(FIRST.col + 3, FIRST.row + 1)
CONFIG = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=6,
    input="image", input_px=128, gallery_scales=(0.5, 0.75, 1.0),
)  # fmt: skip
CURVE = Curve(bias=-2.0, weights=(1.0, 4.0, 0.5, 0.2), most_tiles=100)
CALIBRATION = Calibration(
    first=CURVE, folds=(CURVE,) * 5, absent_if_wrong=0.8, later_if_wrong=0.6, temperature=0.05,
    found_from=0.5, refused_from=0.5, measured={"refused": {"precision": 0.8}},
)  # fmt: skip
OF_MODEL = ModelCalibration(
    model="m", tile_set="t", grid={}, queries="2019", gallery="2004", seed=7, rotations=1,
    protocols=("aligned",), seen="image", tiles=100, absent_share=0.5, places={},
    by={"image": CALIBRATION},
)  # fmt: skip
SQUARES = tuple(Square(left=40 * n, top=0, side=60) for n in range(4))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    tileset = tiny_tileset(folder / "t", tile_px=64, dates=("2004",))
    model = load_model(tiny_model(folder / "m", tileset, config=CONFIG), device="cpu")
    build_index(tileset, model, folder / "i", config=IndexConfig(dates=("2004",)), recipe=Recipe())
    calibration = replace(OF_MODEL, model=model.content_hash)
    write_calibration(calibration, folder / "i" / MODEL_FOLDER)
    return load_index(folder / "i", device="cpu")


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, index: Index) -> Path:
    """Two rows of three tiles and a little less, `TILE` in the middle of the upper row."""
    assert index.tileset
    lines = [
        np.concatenate(
            list(
                index.tileset.read("2004", [TileId(TILE.col + c, row) for c in (-1, 0, 1)]).images
            ),
            axis=2,
        )
        for row in (TILE.row, TILE.row + 1)
    ]
    image = np.concatenate(lines, axis=1)[:, 8:, 5:]
    path = tmp_path_factory.mktemp("photo") / "p.png"
    Picture.fromarray(np.moveaxis(image, 0, -1)).save(path)
    return path


def answer_to(
    photo: Path, index: Index, *, rerank: str = "none", gsd_m: float = 1.0
) -> PhotoAnswer:
    reading = Reading(gsd_m=gsd_m)
    result = query([photo], index=index, top=5, rerank=rerank, reading=reading)
    return result.answers[0]


def off_m(answer: PhotoAnswer) -> float:
    """How far the first answer's centre is from the photo's."""
    left, top = 900_000 + 64 * (TILE.col - 1) + 5, 6_800_000 - 64 * TILE.row - 8
    x, y = left + (3 * 64 - 5) / 2, top - (2 * 64 - 8) / 2
    return math.hypot(answer.hits[0].x - x, answer.hits[0].y - y)


def test_a_second_look_puts_a_large_photo_where_it_is(index: Index, photo: Path) -> None:
    plain, again = answer_to(photo, index), answer_to(photo, index, rerank="cells")
    assert plain.votes is not None
    assert again.votes is not None
    assert off_m(again) < 2.0  # a quarter of a cell
    assert again.hits[0].side_m == pytest.approx(120, rel=0.02)
    assert abs((again.turns_deg[0] + 180) % 360 - 180) < 2
    assert again.hits[0].score != plain.hits[0].score
    assert [hit.rank for hit in again.hits] == [1, 2, 3, 4, 5]
    assert again.hits[0].tile == TileId(TILE.col, TILE.row + 1)


def test_a_second_look_leaves_the_squares_that_agree_to_the_search(
    index: Index, photo: Path
) -> None:
    plain, again = answer_to(photo, index), answer_to(photo, index, rerank="cells")
    assert plain.votes is not None
    assert again.votes is not None
    first, second = (each.hits[0] for each in (plain, again))
    assert second.place == first.place
    agreeing = plain.votes[first.place, first.date]
    assert again.votes[second.place, second.date] == agreeing >= 3
    assert probability_of(again, second) == pytest.approx(probability_of(plain, first))


def test_a_photo_that_is_cut_has_probabilities_and_a_verdict(index: Index, photo: Path) -> None:
    answer = answer_to(photo, index)
    assert answer.certainty is not None
    assert verdict_of(answer) == FOUND
    probabilities = [probability_of(answer, hit) or 0.0 for hit in answer.hits]
    assert probabilities[0] == max(probabilities) > 0.5
    assert sum(answer.certainty.probabilities.values()) + answer.certainty.absent <= 1
    assert "its probabilities are put together from those of its squares" in answer.notes


def test_a_photo_of_nothing_in_the_index_is_said_to_be_that(index: Index, tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (120, 187, 3)).astype(np.uint8)
    Picture.fromarray(noise).save(tmp_path / "p.png")
    answer = answer_to(tmp_path / "p.png", index)
    assert answer.votes is not None
    assert verdict_of(answer) == ABSENT
    assert (
        verdict_line(answer) == f"{ABSENT}, or not to be found in it"
    )  # 80% was of single squares


def test_a_known_resolution_narrows_the_scales(index: Index, photo: Path, tmp_path: Path) -> None:
    picture = Picture.open(photo).crop((10, 20, 54, 64))  # 44 px: whole, between 32 and 46.5
    picture.save(tmp_path / "p.png")
    answer = answer_to(tmp_path / "p.png", index)
    assert answer.photo.scan is not None
    assert answer.notes[0].endswith("searched by its middle 44 m")
    assert [hit.side_m for hit in answer.hits] == [pytest.approx(64 * 8 / 11)] * 5
    searched = answer_to(tmp_path / "p.png", index, gsd_m=0.0)
    assert len({hit.side_m for hit in searched.hits}) > 1


def hit(rank: int, col: int, score: float) -> Hit:
    left = 10.0 * col
    return Hit(
        rank=rank, place=f"c{col}_r0", col=col, row=0, date="2004", score=score,
        bounds=Bounds(left, 0.0, left + 10.0, 10.0), x=left + 5, y=5.0,
    )  # fmt: skip


def found_by(firsts: list[float], *, agree: int, exact: bool = True) -> Found:
    """A photo whose first `agree` squares have place 3 first, the others each another one."""
    squares = {
        square: (
            hit(1, 3 if n < agree else 30 + 5 * n, score),
            hit(2, 60 + 5 * n, 0.5),
            hit(3, 90 + 5 * n, 0.45),
        )
        for n, (square, score) in enumerate(zip(SQUARES, firsts, strict=True))
    }
    voters = tuple((square, hits[0]) for square, hits in list(squares.items())[:agree])
    lone = squares[SQUARES[-1]][1]
    return Found(
        hits=(hit(1, 3, 0.7), lone),
        turns_deg=(0.0, 0.0),
        voted=Voted(
            hits=squares,
            voters={("c3_r0", "2004"): voters, (lone.place, "2004"): ((SQUARES[-1], lone),)},
            exact=exact,
        ),
    )


def own(found: Found) -> list[float]:
    """The probability of each square's first hit, by itself."""
    assert found.voted
    known = [
        certainty_of(hits, OF_MODEL, modality="image", seen="image", tiles=40)
        for hits in found.voted.hits.values()
    ]
    return [
        each.of(hits[0])
        for each, hits in zip(known, found.voted.hits.values(), strict=True)
        if each
    ]


def first_probability(found: Found) -> float:
    told = certainty_of_votes(found, OF_MODEL, modality="image", seen="image", tiles=40)
    assert told is not None
    assert 0 <= sum(told.probabilities.values()) + told.absent <= 1 + 1e-12
    return told.of(found.hits[0])


def test_the_surest_of_the_squares_that_agree_is_left_out() -> None:
    found = found_by([0.9, 0.8, 0.7, 0.6], agree=3)
    _, second, third, _ = own(found)
    assert first_probability(found) == pytest.approx(1 - (1 - second) * (1 - third))


def test_a_square_alone_shares_its_probability_with_those_that_do_not_agree() -> None:
    found = found_by([0.9, 0.8, 0.7, 0.6], agree=1)
    assert first_probability(found) == pytest.approx(own(found)[0] / 4)


def test_more_squares_that_agree_make_an_answer_more_probable() -> None:
    told = [first_probability(found_by([0.8] * 4, agree=n)) for n in (1, 2, 3, 4)]
    assert told == sorted(told)
    assert told[0] < told[1] < told[2] < told[3] < 1


def test_where_nothing_was_calibrated_votes_have_no_probability() -> None:
    found = found_by([0.9, 0.8, 0.7, 0.6], agree=3)
    rough = found_by([0.9, 0.8, 0.7, 0.6], agree=3, exact=False)
    nothing = replace(found, hits=(), turns_deg=())
    for each, calibration in ((found, None), (rough, OF_MODEL), (nothing, OF_MODEL)):
        told = certainty_of_votes(each, calibration, modality="image", seen="image", tiles=40)
        assert told is None
