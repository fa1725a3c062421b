"""`query --verify`: photos cut out of a map are laid on it again, others are refused."""

import csv
import io
import json
import shutil
from pathlib import Path

import cv2
import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.config import IndexConfig, QueryConfig
from aerialret.errors import ConfigurationError
from aerialret.network.checkpoint import load_model
from aerialret.querying.control_points import read_points
from aerialret.querying.georeferenced_files import write_pictures
from aerialret.querying.located import best_location, location_of
from aerialret.querying.query import PhotoAnswer, query
from aerialret.querying.verify import MATCHERS, first_answers, verified
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.tiles.tileset import TileSet
from aerialret.verification.pose import Pose, as_square, corners, moved
from aerialret.verification.warp import centred
from tests.made_map import LEFT, RESOLUTION, TILE_PX, TOP, ingest_map, run
from tests.textures import textured
from tests.tiny_tileset import tiny_model

WIDTH, HEIGHT = 180, 130
POSE = Pose(x=LEFT + 45, y=TOP - 64 - 30, rotation_deg=33, metres_per_px=0.4)
TILE = "c0_r1"  # the photo's centre lies in it
ALL = 12


def lay(pose: Pose = POSE) -> NDArray:
    return as_square(pose.to_map(width=WIDTH, height=HEIGHT))


def photo_of(chart: NDArray[np.uint8], path: Path, matrix: NDArray) -> Path:
    to_map = np.array([[RESOLUTION, 0, LEFT], [0, -RESOLUTION, TOP], [0, 0, 1]])
    pixels = cv2.warpPerspective(
        np.moveaxis(chart, 0, -1), centred(np.linalg.inv(to_map) @ matrix), (WIDTH, HEIGHT),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    Picture.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of a map of 4 x 3 tiles, a photo of it and one of another place."""
    folder = tmp_path_factory.mktemp("world")
    chart = textured(4 * TILE_PX, blur_px=2.5)[:, : 3 * TILE_PX]
    ingest_map(chart, folder / "t", date="2004")
    tileset = TileSet(folder / "t")
    assert len(tileset.tiles("2004")) == ALL
    model = load_model(tiny_model(folder / "m", tileset, network_input="image"))
    dates = IndexConfig(dates=("2004",))
    build_index(tileset, model, folder / "i", config=dates, recipe=Recipe())
    photo_of(chart, folder / "photo.png", lay())
    photo_of(textured(4 * TILE_PX, seed=9, blur_px=2.5), folder / "elsewhere.png", lay())
    return folder


@pytest.fixture(scope="module")
def index(world: Path) -> Index:
    return load_index(world / "i")


@pytest.fixture(scope="module")
def answer(world: Path, index: Index) -> PhotoAnswer:
    found = query([world / "photo.png"], index=index, top=ALL).answers
    return verified(found, index, top=ALL)[0]


def test_the_right_tile_comes_first_and_the_photo_lies_on_it(answer: PhotoAnswer) -> None:
    best = best_location(answer)
    assert best is not None
    hit, location = best
    assert (hit.rank, hit.place) == (1, TILE)
    wanted = moved(corners(width=WIDTH, height=HEIGHT), lay())
    assert np.linalg.norm(location.corners - wanted, axis=1).max() < 0.5 * RESOLUTION
    assert (hit.x, hit.y) == pytest.approx((POSE.x, POSE.y), abs=0.2)
    assert hit.side_m == pytest.approx(130 * 0.4, rel=0.01)
    assert answer.turns_deg[0] == pytest.approx(33, abs=0.3)


def test_believed_answers_come_by_their_points_and_the_others_as_they_were_found(
    world: Path, index: Index, answer: PhotoAnswer
) -> None:
    found = query([world / "photo.png"], index=index, top=ALL).answers[0]
    assert [hit.rank for hit in answer.hits] == list(range(1, ALL + 1))
    assert sorted(hit.place for hit in answer.hits) == sorted(hit.place for hit in found.hits)
    located = [location_of(answer, hit) for hit in answer.hits]
    points = [each.inliers if each and each.believable else 0 for each in located]
    assert points[1:] == sorted(points[1:], reverse=True)  # the first holds the photo's centre
    others = [hit.place for hit, count in zip(answer.hits, points, strict=True) if not count]
    assert others
    assert others == [hit.place for hit in found.hits if hit.place in others]


def test_only_the_first_answers_are_tried(world: Path, index: Index) -> None:
    found = query([world / "elsewhere.png"], index=index, top=5).answers
    tried = verified(found, index, top=2)[0]
    assert tried.locations is not None
    assert tried.locations[2:] == (None, None, None)
    assert [hit.place for hit in tried.hits] == [hit.place for hit in found[0].hits]
    kept = first_answers(tried, 3)
    assert len(kept.hits) == len(kept.turns_deg) == len(kept.locations or ()) == 3


def test_a_photo_is_written_where_it_lies(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.tif"
    assert run(
        "query", world / "photo.png", "--index", world / "i", "--verify", "--verify-top", ALL,
        "--out", out, "--matches", tmp_path / "m.png",
    ) == 0  # fmt: skip
    told = capsys.readouterr()
    assert f"in {TILE} of 2004, by a similarity through " in told.err
    assert f"wrote {out}, o.points and o.json beside it" in told.err
    assert told.out.splitlines()[-5].split()[1] == TILE
    assert told.out.splitlines()[-5].split()[-1] == "yes"
    with rasterio.open(out) as picture, rasterio.open(world / "2004.tif") as chart:
        assert picture.crs == chart.crs
        seen = np.array([sample[:3] for sample in picture.sample([(POSE.x, POSE.y)])], float)
        near = np.array(list(chart.sample([(POSE.x, POSE.y)])), float)
    assert np.abs(seen - near).max() < 25
    assert len(read_points((tmp_path / "o.points").read_text()).points) > 50
    assert json.loads((tmp_path / "o.json").read_text())["tile"] == TILE
    with Picture.open(tmp_path / "m.png") as drawn:
        assert drawn.width > 3 * 500


def test_json_tells_what_was_verified_and_the_outline(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("query", world / "photo.png", "--index", world / "i", "--top", ALL, "--verify")
    assert run(*words, "--verify-top", ALL, "--format", "json") == 0
    first, *others = map(json.loads, capsys.readouterr().out.splitlines())
    assert first["verified"]
    assert first["fitted"] == "similarity"
    assert first["inliers"] > 50
    assert 0 < first["rmse_m"] < 0.5
    outline = gpd.GeoSeries([shapely.geometry.shape(first["footprint"])], crs="EPSG:4326")
    wanted = shapely.Polygon(moved(corners(width=WIDTH, height=HEIGHT), lay()))
    found = outline.to_crs("EPSG:2154")[0]
    assert found.symmetric_difference(wanted).area < 0.02 * wanted.area
    refused = [other for other in others if not other["verified"]]
    assert refused
    assert not any("footprint" in other for other in refused)


def test_layers_and_csv_have_the_columns_of_the_verification(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o.gpkg"
    words = ("query", world / "photo.png", "--index", world / "i", "--top", ALL)
    assert run(*words, "--verify", "--verify-top", ALL, "--format", "csv", "--out", out) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    layer = gpd.read_file(out)
    assert rows[0]["verified"] == "True"
    assert rows[-1]["rmse_m"] == rows[-1]["fitted"] == ""
    for name in ("inliers", "rmse_m", "fitted", "verified"):
        assert name in layer.columns
    assert layer["inliers"].tolist() == [int(row["inliers"]) for row in rows]
    assert run(*words, "--format", "csv") == 0
    assert "inliers" not in capsys.readouterr().out


def test_a_photo_of_elsewhere_is_told_and_not_written(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("query", world / "elsewhere.png", "--index", world / "i", "--verify")
    assert run(*words, "--out", tmp_path / "o.tif", "--matches", tmp_path / "m.png") == 0
    told = capsys.readouterr()
    assert "elsewhere.png: no candidate is believable" in told.err
    assert "no picture is written" in told.err
    assert len(told.out.splitlines()) == 5 + 4  # the answers are still there
    assert not (tmp_path / "o.tif").exists()


def test_several_photos_go_into_a_folder(world: Path, tmp_path: Path) -> None:
    twin = tmp_path / "photo.png"
    shutil.copy(world / "photo.png", twin)
    photos = (world / "photo.png", twin, world / "elsewhere.png")
    out = tmp_path / "out"
    words = ("--index", world / "i", "--verify", "--verify-top", ALL, "--out", out)
    assert run("query", *photos, *words) == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == [
        f"photo{number}_georeferenced.{ending}"
        for number in ("_2", "")
        for ending in ("json", "points", "tif")
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "o.tif"), "add '--verify'"),
        (("--verify", "--out", "o.xyz"), "choose one of these endings"),
        (("--matches", "m.png"), "'--verify' alone looks for"),
        (("--verify", "--matches", "m.jpg"), "let it end with .png"),
    ],
)
def test_outputs_that_cannot_be_are_refused_beforehand(
    world: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    assert run("query", world / "photo.png", "--index", world / "i", *words) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert told.out == ""


def test_one_picture_of_two_photos_is_refused(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = (world / "photo.png", world / "elsewhere.png")
    assert run("query", *photos, "--index", world / "i", "--verify", "--out", "o.tif") == 2
    assert "o.tif is one picture, but 2 photos are asked about" in capsys.readouterr().err


def test_without_its_tile_set_an_index_cannot_verify(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(world / "i", tmp_path / "i")
    assert run("query", world / "photo.png", "--index", tmp_path / "i", "--verify") == 2
    told = capsys.readouterr()
    assert "which is not there, but '--verify' compares photos with its pixels" in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_the_number_of_tried_answers_is_checked() -> None:
    with pytest.raises(ConfigurationError, match=r"query\.verify_top"):
        QueryConfig(verify_top=0)


def test_the_matchers_of_the_configuration_are_those_there_are(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert QueryConfig.__dataclass_fields__["matcher"].metadata["choices"] == MATCHERS
    with pytest.raises(ConfigurationError, match="must be one of auto, sift, gradients, cells"):
        QueryConfig(matcher="roma")
    words = ("query", world / "photo.png", "--index", world / "i", "--verify", "--matcher", "roma")
    assert run(*words) == 2
    assert "there are auto, sift, gradients, cells, aliked" in capsys.readouterr().err


def test_photos_are_laid_by_the_cells_of_the_indexs_own_model(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("query", world / "photo.png", "--index", world / "i", "--verify", "--verify-top", 1)
    assert run(*words, "--matcher", "cells", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out.splitlines()[0])
    assert found["verified"]
    assert (found["x"], found["y"]) == pytest.approx((POSE.x, POSE.y), abs=0.5)
    assert found["rotation_deg"] == pytest.approx(33, abs=0.5)


def test_weights_that_are_missing_are_told_before_the_search(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("kornia", reason="kornia is not installed (the extra 'kornia')")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    words = ("query", world / "photo.png", "--index", world / "i", "--verify", "--matcher", "loftr")
    assert run(*words, "--matcher-weights", tmp_path / "w") == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert f"loftr_outdoor.ckpt, which is neither in {tmp_path / 'w'} nor in" in told.err
    assert len(told.err.strip().splitlines()) == 1


def test_no_answer_writes_nothing(tmp_path: Path) -> None:
    assert write_pictures([], tmp_path / "out") == {}
    assert not (tmp_path / "out").exists()
