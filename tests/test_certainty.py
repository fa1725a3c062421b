"""How probable answers are, from the hits of a photo to what the command line prints."""

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from aerialret.cli.calibrating import calibrate_trained
from aerialret.cli.entry import main
from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig
from aerialret.evaluation.calibration import calibrate as calibrating
from aerialret.evaluation.calibration.calibrate import calibrate
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluate import evaluate
from aerialret.manifest import write_manifest
from aerialret.network.checkpoint import SPLIT_NAME, Model, load_model
from aerialret.querying.answers import format_answers
from aerialret.querying.certainty import BELIEVED_RIGHT, Certainty, certainty_of, depth_of
from aerialret.querying.judgement import probability_of, verdict_line, verdict_of
from aerialret.querying.query import PhotoAnswer, query
from aerialret.retrieval.calibration import (
    CALIBRATION_NAME,
    FOUND,
    Calibration,
    Curve,
    ModelCalibration,
    read_calibration,
)
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import MODEL_FOLDER, Index, load_index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds, TileId
from aerialret.tiles.tileset import TileSet
from aerialret.verification.location import ControlPoints, Location
from tests.calibration_model import model_to_calibrate
from tests.tiny_tileset import FIRST, tiny_model, tiny_split, tiny_tileset

DATES = Dates(queries="2019", gallery="2004")
CURVE = Curve(bias=-2.0, weights=(1.0, 4.0, 0.5, 0.2), most_tiles=100)
CALIBRATION = Calibration(
    first=CURVE, folds=(CURVE,) * 5, absent_if_wrong=0.8, later_if_wrong=0.6, temperature=0.05,
    found_from=0.99, refused_from=0.5,
)  # fmt: skip
OF_MODEL = ModelCalibration(
    model="m", tile_set="t", grid={}, queries="2019", gallery="2004", seed=7, rotations=1,
    protocols=("aligned",), seen="image", tiles=100, absent_share=0.5, places={},
    by={"image": CALIBRATION},
)  # fmt: skip


def hit(rank: int, col: int, score: float, *, date: str = "2004") -> Hit:
    left = 10.0 * col
    return Hit(
        rank=rank, place=f"c{col}_r0", col=col, row=0, date=date, score=score,
        bounds=Bounds(left, 0.0, left + 10.0, 10.0), x=left + 5, y=5.0,
    )  # fmt: skip


def located(x: float, *, doubt: str = "") -> Location:
    points = ControlPoints(photo=np.zeros((9, 2)), map=np.zeros((9, 2)))
    matrix = np.array([[0.1, 0, x], [0, -0.1, 10.0], [0, 0, 1]])
    return Location(
        kind="similarity", matrix=matrix, points=points, matches=20, width=100, height=100,
        doubt=doubt,
    )  # fmt: skip


HITS = (hit(1, 3, 0.9), hit(2, 7, 0.6), hit(3, 3, 0.55, date="2010"), hit(4, 12, 0.5))


def certainty(hits: tuple[Hit, ...] = HITS) -> Certainty:
    found = certainty_of(hits, OF_MODEL, modality="image", seen="image", tiles=50)
    assert found is not None
    return found


def test_the_first_probability_is_that_of_the_curve() -> None:
    mean = (0.6 + 0.5) / 2
    odds = -2 + 0.9 + 4 * 0.3 + 0.5 * np.log(0.9 - mean + 0.02) + 0.2 * np.log(50)
    assert certainty().of(HITS[0]) == pytest.approx(1 / (1 + np.exp(-odds)), rel=1e-5)


def test_hits_of_one_place_share_its_probability() -> None:
    found = certainty()
    assert found.of(HITS[2]) == found.of(HITS[0])
    assert 0 < found.of(HITS[3]) < found.of(HITS[1]) < 1


def test_places_and_absence_sum_to_one_at_most() -> None:
    found = certainty()
    assert sum(found.probabilities.values()) + found.absent <= 1
    assert len(found.probabilities) == 3


def test_without_a_fitting_calibration_nothing_is_told() -> None:
    assert certainty_of(HITS, None, modality="image", seen="image", tiles=5) is None
    assert certainty_of(HITS, OF_MODEL, modality="mask", seen="image", tiles=5) is None
    assert certainty_of(HITS, OF_MODEL, modality="image", seen="image+mask", tiles=5) is None
    assert certainty_of((), OF_MODEL, modality="image", seen="image", tiles=5) is None


def test_a_single_tile_has_no_gap_to_boast_of() -> None:
    alone = certainty(HITS[:1]).of(HITS[0])
    assert alone < certainty().of(HITS[0])


def test_a_believed_answer_is_found_and_takes_from_the_others() -> None:
    found = certainty()
    moved = (replace(HITS[1], rank=1), replace(HITS[0], rank=2), *HITS[2:])
    after = found.after(moved, [located(70.0), None, None, None])
    assert after.verdict == FOUND
    assert found.verdict != FOUND
    assert after.of(HITS[1]) == pytest.approx(BELIEVED_RIGHT)
    assert sum(after.probabilities.values()) + after.absent <= 1 + 1e-12
    ratio = after.of(HITS[0]) / found.of(HITS[0])
    assert after.absent / found.absent == pytest.approx(ratio)


def test_doubted_and_untried_answers_change_nothing() -> None:
    found = certainty()
    assert found.after(HITS, [located(30.0, doubt="folded"), None, None, None]) == found
    assert found.after((), []) == found


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tiles") / "t", cols=9, rows=6, change=0.6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    """A calibrated model with six test places, and twenty-four for validation."""
    made = model_to_calibrate(tmp_path_factory.mktemp("model") / "m", tileset)
    calibrate(tileset, made, dates=DATES, seed=7)
    return made


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet, model: Model) -> Index:
    folder = tmp_path_factory.mktemp("index") / "i"
    build_index(tileset, model, folder, config=IndexConfig(dates=("2004",)), recipe=Recipe())
    return load_index(folder)


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Path:
    path = tmp_path_factory.mktemp("photo") / "p.png"
    tile = TileId(FIRST.col + 5, FIRST.row + 2)
    image = tileset.read("2019", [tile]).images[0]
    Picture.fromarray(np.moveaxis(image, 0, -1)).save(path)
    return path


def answer_to(photo: Path, index: Index, *, top: int = 3, rotations: int = 1) -> PhotoAnswer:
    (answer,) = query([photo], index=index, top=top, rotations=rotations).answers
    return answer


def test_an_index_takes_the_calibration_but_stays_the_same_index(
    index: Index, tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    copied = index.folder / MODEL_FOLDER / CALIBRATION_NAME
    assert copied.read_bytes() == (model.folder / CALIBRATION_NAME).read_bytes()
    bare = tmp_path / "m"
    shutil.copytree(model.folder, bare)
    (bare / CALIBRATION_NAME).unlink()
    uncalibrated = load_model(bare, device="cpu")
    config = IndexConfig(dates=("2004",))
    build_index(tileset, uncalibrated, tmp_path / "i", config=config, recipe=Recipe())
    assert not (tmp_path / "i" / MODEL_FOLDER / CALIBRATION_NAME).exists()
    assert load_index(tmp_path / "i").manifest.content_hash == index.manifest.content_hash
    again = build_index(tileset, model, tmp_path / "i", config=config, recipe=Recipe())
    assert not again.built
    assert (tmp_path / "i" / MODEL_FOLDER / CALIBRATION_NAME).is_file()


def test_every_format_tells_probability_and_verdict(photo: Path, index: Index) -> None:
    answer = answer_to(photo, index)
    assert len(answer.hits) == 3
    lines = format_answers([answer], output_format="json").splitlines()
    told = [json.loads(line) for line in lines]
    probabilities = [each["probability"] for each in told]
    assert all(0 <= p <= 1 for p in probabilities)
    assert probabilities[0] == pytest.approx(probability_of(answer, answer.hits[0]), abs=1e-4)
    assert {each["verdict"] for each in told} == {verdict_of(answer)}
    collection = json.loads(format_answers([answer], output_format="geojson"))
    assert [f["properties"]["probability"] for f in collection["features"]] == probabilities
    rows = list(csv.DictReader(io.StringIO(format_answers([answer], output_format="csv"))))
    assert [float(row["probability"]) for row in rows] == probabilities
    table = format_answers([answer], output_format="table")
    assert f"{probabilities[0]:.3f}" in table
    assert str(verdict_line(answer)) in table


def test_probabilities_do_not_depend_on_how_many_answers_are_asked_for(
    photo: Path, index: Index
) -> None:
    few, many = answer_to(photo, index, top=1), answer_to(photo, index, top=40)
    assert probability_of(few, few.hits[0]) == probability_of(many, many.hits[0])
    assert len(many.hits) == 40 > depth_of(1)


def test_other_turns_than_calibrated_with_are_noted(photo: Path, index: Index) -> None:
    notes = answer_to(photo, index, rotations=2).notes
    assert any("2 turns were tried, but 1 when calibrating" in note for note in notes)
    assert not any("calibrating" in note for note in answer_to(photo, index).notes)


def test_without_calibration_probability_and_verdict_are_null(
    photo: Path, index: Index, tmp_path: Path
) -> None:
    bare = tmp_path / "i"
    shutil.copytree(index.folder, bare)
    (bare / MODEL_FOLDER / CALIBRATION_NAME).unlink()
    answer = answer_to(photo, load_index(bare))
    told = json.loads(format_answers([answer], output_format="json").splitlines()[0])
    assert told["probability"] is None
    assert told["verdict"] is None
    assert "prob." not in format_answers([answer], output_format="table")


def test_evaluation_tells_how_far_its_probabilities_hold(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    config = EvaluateConfig(queries="2019", gallery="2004", worst=0, untrained=False)
    metrics = evaluate(tileset, model, tmp_path / "r", config=config)
    trust, absent = metrics["calibration"], metrics["absent"]
    assert metrics["scope"] == "test"
    assert not trust["cross_fitted"]  # validation places are asked about, but are not in scope
    assert trust["searches"] == 12 == sum(each["count"] for each in trust["bins"])
    assert 0 <= trust["ece"] <= 1
    assert absent["photos"] == 6
    assert absent["precision@recall0.8"] <= absent["without_right_answer@recall0.8"]
    page = (tmp_path / "r" / "report.html").read_text()
    assert "How far the answers can be trusted" in page


def test_a_new_calibration_makes_a_report_outdated(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    other = tmp_path / "m"
    shutil.copytree(model.folder, other)
    (other / CALIBRATION_NAME).unlink()
    config = EvaluateConfig(queries="2019", gallery="2004", worst=0, untrained=False)
    bare = load_model(other, device="cpu")
    metrics = evaluate(tileset, bare, tmp_path / "r", config=config)
    assert metrics["calibration"] is None
    assert metrics["absent"] is None
    assert "How far the answers can be trusted" not in (tmp_path / "r" / "report.html").read_text()
    calibrate(tileset, bare, dates=DATES, seed=7)
    assert evaluate(tileset, bare, tmp_path / "r", config=config, replace=True)["calibration"]


def test_second_looks_are_calibrated_for_recipes_that_ask_for_them(
    tileset: TileSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrating, "PROTOCOLS", ("aligned",))
    monkeypatch.setattr(calibrating, "MOST_CHECKED", 3)
    config = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=8,
        input="image", input_px=32, gallery_scales=(0.5, 1.0),
    )  # fmt: skip
    folder = tiny_model(tmp_path / "m", tileset, config=config)
    bare = load_model(folder, device="cpu")
    asking = {"rotations": 1, "rerank": "cells", "rerank_top": 4}
    facts = {**bare.manifest.facts, "asking": asking}
    write_manifest(folder, replace(bare.manifest, facts=facts))
    unseen = replace(load_model(folder, device="cpu"), split=bare.split.iloc[:0])
    found = calibrate(tileset, unseen, dates=DATES, seed=7)
    assert set(found.by) == {"image", "image, cells"}
    assert found.by["image"].measured["photos"] == 54
    assert found.by["image, cells"].measured["photos"] == 3
    told = certainty_of(
        HITS, replace(found, seen="image"), modality="image", seen="image", tiles=5, rerank="cells"
    )
    assert told is not None
    assert told.calibration == found.by["image, cells"]


def test_a_training_calibrates_once_where_places_were_kept(
    tileset: TileSet, model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "m"
    shutil.copytree(model.folder, other)
    facts = {**model.manifest.facts, "dates": {"query": "2004", "gallery": "2019"}}
    write_manifest(other, replace(model.manifest, facts=facts))
    calibrate_trained(tileset.folder, other)  # its calibration is there
    assert capsys.readouterr().err == ""
    (other / CALIBRATION_NAME).unlink()
    tiny_split(tileset).to_parquet(other / SPLIT_NAME, index=False)  # 6 places for validation
    calibrate_trained(tileset.folder, other)
    assert "not calibrated: 6 places" in capsys.readouterr().err
    assert not (other / CALIBRATION_NAME).exists()


def test_the_command_calibrates_and_says_so(
    tileset: TileSet,
    model: Model,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "m"
    shutil.copytree(model.folder, other)
    (other / CALIBRATION_NAME).unlink()
    arguments = ["aerialret", "calibrate", str(tileset.folder), "--model", str(other)]
    monkeypatch.setattr("sys.argv", [*arguments, "--seed", "3"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "calibrated on 24 places by image: probabilities are off by" in capsys.readouterr().err
    found = read_calibration(other, model=model.content_hash)
    assert found is not None
    assert found.seed == 3
