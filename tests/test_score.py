"""Answers of a query scored against a truth from a table."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from PIL import Image as Picture

from aerialret.cli.entry import main
from aerialret.errors import (
    AerialretError,
    ConfigurationError,
    MissingInputError,
    NothingToDoError,
    UnreadableInputError,
)
from aerialret.evaluation.scoring.answers_file import read_answers
from aerialret.evaluation.scoring.score import Score, score_answers
from aerialret.evaluation.scoring.truth_file import read_truth

CRS = "EPSG:2154"
LEFT, TOP, SIZE = 900_000.0, 6_800_000.0, 100.0
WIDTH, HEIGHT = 40, 20


def answer(query: str, rank: int, col: int, **more: Any) -> dict[str, Any]:
    """An answer that puts the photo 10 m right of and 30 m below the tile's upper left."""
    bounds = [LEFT + col * SIZE, TOP - SIZE, LEFT + (col + 1) * SIZE, TOP]
    return {
        "query": query, "rank": rank, "tile": f"c{col}_r0", "date": "2004", "score": 0.9,
        "rotation_deg": 350.0, "x": bounds[0] + 10, "y": TOP - 30, "side_m": 22.0,
        "modality": "image", "crs": CRS, "bounds": bounds, **more,
    }  # fmt: skip


def as_lines(answers: list[dict[str, Any]], path: Path) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in answers))
    return path


def flat(answers: list[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for each in answers:
        row = dict(each)
        row |= dict(zip(("left", "bottom", "right", "top"), row.pop("bounds"), strict=True))
        rows.append(row)
    return pd.DataFrame(rows)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Photos `a` to `d` of 40 x 20 px."""
    for name in "abcd":
        Picture.fromarray(np.zeros((HEIGHT, WIDTH, 3), np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture
def answers(photos: Path) -> list[dict[str, Any]]:
    """`a` is right at first, `b` at third, `c` never; `d` was not asked about."""
    columns = {"a": (2, 3, 4), "b": (5, 6, 1), "c": (7, 8, 9)}
    return [
        answer(str(photos / f"{name}.png"), rank, col)
        for name, cols in columns.items()
        for rank, col in enumerate(cols, start=1)
    ]


TRUTH = """name,tile,x,y,rotation_deg,metres_per_px
a,x1,900213.0,6799966.0,20.0,1.0
b,x2,900150.0,6799950.0,0.0,1.0
c,x3,900050.0,6799950.0,0.0,1.0
d,x4,900050.0,6799950.0,0.0,1.0
"""


@pytest.fixture
def truth(photos: Path) -> Path:
    path = photos / "truth.csv"
    path.write_text(TRUTH)
    return path


def scored(answers: list[dict[str, Any]], truth: Path) -> Score:
    return score_answers(
        read_answers(as_lines(answers, truth.with_name("a.json"))), read_truth(truth)
    )


def test_an_answer_is_right_if_its_tile_holds_the_photos_centre(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    found = scored(answers, truth)
    assert found.photos["rank"].tolist() == [1, 3, pd.NA, pd.NA]
    assert found.metrics["recall@1"] == 0.25
    assert found.metrics["recall@5"] is None  # three answers were printed
    assert found.metrics["without_answer"] == 1
    assert any("1 photos" in note and "as d" in note for note in found.notes)


def test_photos_that_were_not_asked_about_count_unless_told(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    read = read_answers(as_lines(answers, truth.with_name("a.json")))
    found = score_answers(read, read_truth(truth), asked_only=True)
    assert found.photos["photo"].tolist() == ["a", "b", "c"]
    assert found.metrics["recall@1"] == pytest.approx(1 / 3, abs=1e-6)
    assert found.metrics["without_answer"] == 0
    everything = score_answers(read, read_truth(truth)).metrics
    assert everything["centre_error_m"] == found.metrics["centre_error_m"]


def test_an_index_that_is_not_calibrated_tells_no_calibration(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    told = [{**each, "probability": None} for each in answers]
    assert "calibration" not in scored(told, truth).metrics


def test_recall_and_map_are_told_as_deep_as_the_answers_go(
    answers: list[dict[str, Any]], truth: Path, photos: Path
) -> None:
    deeper = [answer(str(photos / "c.png"), rank, 20 + rank) for rank in (4, 5)]
    found = scored(answers + deeper, truth).metrics
    assert found["map@5"] == pytest.approx((1 + 1 / 3) / 4, abs=1e-6)
    assert (found["recall@5"], found["recall@10"]) == (0.5, None)


def test_errors_are_those_of_corners_laid_out_by_hand(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    errors = scored(answers, truth).metrics
    assert errors["centre_error_m"]["median"] == pytest.approx(5)  # 3 m and 4 m
    assert errors["turn_error_deg"]["median"] == pytest.approx(10, abs=1e-3)  # 350 against -20
    assert errors["scale_error"]["median"] == pytest.approx(0.1, abs=1e-6)  # 22 m against 20 m

    def laid(x: float, y: float, turn: float, scale: float) -> list[tuple[float, float]]:
        c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
        offsets = [(-20, 10), (20, 10), (20, -10), (-20, -10)]
        return [(x + scale * (c * u - s * v), y + scale * (s * u + c * v)) for u, v in offsets]

    pairs = zip(laid(900_210, 6_799_970, -10, 1.1), laid(900_213, 6_799_966, -20, 1), strict=True)
    expected = math.sqrt(sum(math.dist(a, b) ** 2 for a, b in pairs) / 4)
    assert errors["corner_error_m"]["median"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["csv", "geojson", "gpkg", "parquet"])
def test_every_format_of_answers_scores_alike(
    answers: list[dict[str, Any]], truth: Path, kind: str
) -> None:
    told = [{**each, "verified": each["rank"] == 1, "probability": 0.7} for each in answers]
    path = truth.with_name(f"answers.{kind}")
    table = flat(told)
    if kind == "csv":
        table.to_csv(path, index=False)
    elif kind == "geojson":
        features = [{"type": "Feature", "properties": each, "geometry": None} for each in told]
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    else:
        squares = [shapely.box(*each["bounds"]) for each in told]
        layer = gpd.GeoDataFrame(table, geometry=squares, crs=CRS)
        layer.to_parquet(path) if kind == "parquet" else layer.to_file(path)
    assert score_answers(read_answers(path), read_truth(truth)).metrics == (
        scored(told, truth).metrics
    )


def test_precision_of_believed_answers_and_calibration_are_counted(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    chances = {"a": 0.9, "b": 0.6, "c": 0.1}
    told = [
        {
            **each, "verified": Path(each["query"]).stem != "c",
            "probability": chances[Path(each["query"]).stem],
        }
        for each in answers
    ]  # fmt: skip
    found = scored(told, truth).metrics
    assert (found["believed"]["photos"], found["believed"]["precision"]) == (2, 0.5)
    assert found["believed"]["share"] == 0.5
    assert found["calibration"]["photos"] == 3
    assert found["calibration"]["brier_score"] == pytest.approx(
        (0.1**2 + 0.6**2 + 0.1**2) / 3, abs=1e-6
    )


def test_without_centres_the_place_decides(answers: list[dict[str, Any]], truth: Path) -> None:
    truth.write_text("photo,place\na.png,c3_r0\nb.png,c5_r0\n")
    found = scored(answers, truth)
    assert found.photos["rank"].tolist() == [2, 1]
    assert found.metrics["centre_error_m"]["median"] is None
    assert any("tells no centres" in note for note in found.notes)
    assert any("1 photos are not in" in note for note in found.notes)


def test_a_truth_in_another_crs_is_brought_to_that_of_the_answers(
    answers: list[dict[str, Any]], truth: Path
) -> None:
    table = pd.read_csv(truth)
    points = gpd.points_from_xy(table["x"], table["y"], crs=CRS).to_crs("EPSG:4326")
    table.assign(x=points.x, y=points.y).to_csv(truth, index=False)
    read = read_answers(as_lines(answers, truth.with_name("a.json")))
    found = score_answers(read, read_truth(truth), truth_crs="EPSG:4326").metrics
    assert found["centre_error_m"]["median"] == pytest.approx(5, abs=1e-3)
    with pytest.raises(ConfigurationError, match="no coordinate system"):
        score_answers(read, read_truth(truth), truth_crs="EPSG:none")


def test_without_the_photos_files_there_is_the_centre_alone(
    answers: list[dict[str, Any]], truth: Path, photos: Path
) -> None:
    for picture in photos.glob("*.png"):
        picture.unlink()
    found = scored(answers, truth)
    assert found.metrics["centre_error_m"]["median"] == pytest.approx(5)
    assert found.metrics["corner_error_m"]["median"] is None
    assert any("not where the answers say" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("x,y\n1,2\n", ConfigurationError, "no column that names the photo"),
        ("name,x\na,2\n", ConfigurationError, "neither x and y"),
        ("name,x,y\na,2,here\n", UnreadableInputError, "line 2: y is 'here'"),
        ("name,x,y\na,2,3\na,2,3\n", ConfigurationError, "photo 'a' twice"),
        ("name,x,y\n", NothingToDoError, "has no row"),
        ("", UnreadableInputError, "cannot be read as CSV"),
        ("name,x,y\nelse,2,3\n", NothingToDoError, "no answer is of a photo"),
    ],
)
def test_a_truth_that_cannot_be_used_is_refused_in_one_line(
    answers: list[dict[str, Any]], truth: Path, text: str, error: type[AerialretError], words: str
) -> None:
    truth.write_text(text)
    with pytest.raises(error, match=words) as found:
        scored(answers, truth)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("no,answers\n1,2\n", ConfigurationError, "lack query, rank"),
        ('{"query": "a"\n', UnreadableInputError, "cannot be read"),
        ("", NothingToDoError, "no answer is of a photo"),
    ],
)
def test_answers_that_cannot_be_used_are_refused_in_one_line(
    truth: Path, text: str, error: type[AerialretError], words: str
) -> None:
    path = truth.with_name("answers")
    path.write_text(text)
    with pytest.raises(error, match=words):
        score_answers(read_answers(path), read_truth(truth))
    with pytest.raises(MissingInputError, match="are not there"):
        read_answers(path.with_name("nowhere"))


def test_two_photos_of_one_name_are_refused(truth: Path) -> None:
    both = [answer("old/a.png", 1, 0), answer("new/a.png", 1, 0)]
    with pytest.raises(ConfigurationError, match="are both called 'a'"):
        scored(both, truth)


def test_the_command_prints_figures_and_writes_them(
    answers: list[dict[str, Any]], truth: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    path = as_lines(answers, truth.with_name("answers.json"))
    out = truth.with_name("score")
    words = ["aerialret", "score", str(path), "--truth", str(truth), "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    told = capsys.readouterr()
    assert json.loads(told.out) == json.loads((out / "metrics.json").read_text())
    assert "recall@1 0.250" in told.err
    assert len(pd.read_csv(out / "photos.csv")) == 4
