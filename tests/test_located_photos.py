"""Photos of an evaluation laid on the map: errors, ranks, files, and what is said of them."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio

from aerialret.config import EvaluateConfig
from aerialret.errors import ConfigurationError
from aerialret.evaluation.comparisons import HEADLINE, Dates
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.georeferenced import corners_in_file, file_figures, write_located
from aerialret.evaluation.located_figures import located_figures
from aerialret.evaluation.located_words import located_lines
from aerialret.evaluation.locating import rank_after
from aerialret.evaluation.photo_answers import answer_of
from aerialret.evaluation.pose_errors import PoseErrors, error_figures, pose_errors
from aerialret.evaluation.protocols import Photographed
from aerialret.evaluation.run import run_evaluation
from aerialret.evaluation.windows import Window
from aerialret.network.checkpoint import load_model
from aerialret.querying.photo import Photo
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.verification.location import ControlPoints, Location
from tests.made_map import TILE_PX, ingest_map, run
from tests.textures import textured
from tests.tiny_tileset import tiny_grid, tiny_model

DATES = Dates(queries="2019", gallery="2004")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tile set `t` of 3 x 2 tiles, darker at the second date, and a model that knows nothing."""
    folder = tmp_path_factory.mktemp("world")
    chart = textured(3 * TILE_PX, blur_px=1.5)[:, : 2 * TILE_PX]
    for date, pixels in (("2004", chart), ("2019", (chart * 0.8).astype(np.uint8))):
        ingest_map(pixels, folder / "t", date=date)
    tiny_model(folder / "m", TileSet(folder / "t"), network_input="image")
    return folder


@pytest.fixture(scope="module")
def located(world: Path) -> Evaluation:
    return run_evaluation(
        TileSet(world / "t"), load_model(world / "m"), dates=DATES, protocol="hard", seed=3,
        only=HEADLINE, before_training=False, verify_top=6,
    )  # fmt: skip


def truth_of(corners_m: np.ndarray) -> Photographed:
    count = len(corners_m)
    return Photographed(
        centres_m=corners_m.mean(axis=1), corners_m=corners_m, rotation_deg=np.zeros(count),
        metres_per_px=np.ones(count),
    )  # fmt: skip


@pytest.mark.parametrize(("turn", "scale"), [(5.0, 1.02), (-170.0, 0.9), (0.0, 1.0)])
def test_turn_scale_and_corner_errors_are_those_of_a_slow_loop(turn: float, scale: float) -> None:
    true = np.array([[[10, 70], [90, 60], [100, 5], [0, 0]]], float)
    middle = true.mean(axis=1)
    cosine, sine = (scale * f(math.radians(turn)) for f in (math.cos, math.sin))
    found = (true - middle) @ np.array([[cosine, -sine], [sine, cosine]]).T + middle + [3, -4]
    errors = pose_errors(middle + np.array([3, -4]), found, truth_of(true))
    squares = [math.dist(a, b) ** 2 for a, b in zip(found[0], true[0], strict=True)]
    assert errors.corner_m[0] == pytest.approx(math.sqrt(sum(squares) / 4))
    assert errors.centre_m[0] == pytest.approx(5)
    assert errors.turn_deg[0] == pytest.approx(abs(turn))
    assert errors.scale[0] == pytest.approx(abs(scale - 1))


def test_errors_of_no_photo_have_no_figure() -> None:
    nothing = pose_errors(np.empty((0, 2)), np.empty((0, 4, 2)), truth_of(np.empty((0, 4, 2))))
    figures = error_figures(nothing, np.empty(0, bool))
    assert figures["corner_error_m"] == {"median": None, "p90": None}


def answer(*places: int, believed: tuple[int, ...] | None = None) -> PhotoAnswer:
    """An answer of the tiles in these columns; those in `believed` are."""
    picture = np.zeros((3, 8, 8), np.uint8)
    photo = Photo(path=Path("p"), image=picture, valid=picture[0] == 0, mask=picture[0])
    found = answer_of(
        photo, modality="image", tiles=[TileId(col, 0) for col in places],
        scores=np.zeros(len(places), np.float32), windows=[None] * len(places), date="2004",
        grid=tiny_grid(),
    )  # fmt: skip
    if believed is None:
        return found
    points = ControlPoints(photo=np.zeros((9, 2)), map=np.zeros((9, 2)))
    fitted = Location(
        kind="similarity", matrix=np.eye(3), points=points, matches=9, width=8, height=8
    )
    locations = tuple(fitted if col in believed else None for col in places)
    return replace(found, locations=locations)


def test_a_believed_place_takes_its_new_rank_and_others_move_by_what_overtook_them() -> None:
    before = answer(4, 5, 6)
    place = TileId(6, 0).place
    lifted = answer(6, 4, 5, believed=(6,))
    assert rank_after(before, lifted, rank=4, place=place) == 1  # a tie had made it fourth
    overtaken = answer(5, 4, 6, believed=(5,))
    assert rank_after(before, overtaken, rank=4, place=place) == 4
    assert rank_after(before, overtaken, rank=1, place=TileId(4, 0).place) == 2
    assert rank_after(before, overtaken, rank=9, place=TileId(7, 0).place) == 9
    assert rank_after(before, lifted, rank=NOT_FOUND, place=place) == NOT_FOUND
    assert rank_after(answer(), answer(believed=()), rank=3, place=place) == 3


def test_a_hit_lies_where_its_window_puts_it_and_else_in_the_middle_of_its_tile() -> None:
    grid, tile = tiny_grid(), TileId(2, -1)
    window = Window(centre_x=0.25, centre_y=0.75, side=0.5, rotation_deg=30)
    picture = np.zeros((3, 8, 8), np.uint8)
    photo = Photo(path=Path("p"), image=picture, valid=picture[0] == 0, mask=picture[0])
    found = answer_of(
        photo, modality="image", tiles=[tile, tile], scores=np.ones(2, np.float32),
        windows=[window, None], date="2004", grid=grid,
    )  # fmt: skip
    bounds = grid.bounds(tile)
    first, second = found.hits
    assert (first.x, first.y) == (bounds.left + 16, bounds.bottom + 16)
    assert (first.side_m, found.turns_deg) == (32, (330, 0))
    assert (second.x, second.y) == (bounds.left + 32, bounds.bottom + 32)
    assert second.side_m is None


def test_verification_finds_every_photo_that_shows_the_same_ground(located: Evaluation) -> None:
    assert located.located is not None
    figures = located.metrics()["located"]
    scope = located.in_scope
    assert 0 < scope.sum() < len(scope)
    assert figures["verified"]["recall@1"] == 1
    assert figures["search"]["recall@1"] < 1
    assert figures["believed"]["share"] == figures["believed"]["precision"] == 1
    assert figures["believed"]["near"] == 1
    assert figures["verified"]["corner_error_m"]["p90"] < 0.2
    assert figures["verified"]["turn_error_deg"]["p90"] < 0.5
    assert figures["verified"]["scale_error"]["p90"] < 0.01


def test_the_table_has_a_row_of_errors_for_each_photo_in_scope_and_no_other(
    located: Evaluation,
) -> None:
    table, scope = located.table, located.in_scope
    for column in ("verified", "inliers", "rank_verified", "corner_error_m", "centre_error_m"):
        assert table.loc[scope, column].notna().all(), column
        assert table.loc[~scope, column].isna().all(), column
    assert (table.loc[scope, "result_verified"] == table.loc[scope, "place"]).all()
    median = located.metrics()["located"]["verified"]["centre_error_m"]["median"]
    assert table["centre_error_m"].median() == pytest.approx(median, abs=1e-6)


def test_a_written_file_shows_the_photo_where_the_truth_says(
    located: Evaluation, tmp_path: Path
) -> None:
    written = write_located(located, tmp_path / "maps", count=1)
    assert [each.row for each in written] == [np.flatnonzero(located.in_scope)[0]]
    figures = file_figures(written, located.photos.shown)
    assert (figures["photos"], figures["read_back"]) == (1, 1)
    assert figures["corner_error_m"]["median"] < 0.2
    assert figures["turn_error_deg"]["median"] < 0.5


def test_a_file_that_lies_elsewhere_is_measured_there(located: Evaluation, tmp_path: Path) -> None:
    """Nothing but the file's own pixels and georeference counts."""
    written = write_located(located, tmp_path / "maps", count=1)[0]
    photo = written.picture.with_name(written.picture.name.replace("_georeferenced.tif", ".png"))
    with rasterio.open(written.picture, "r+") as raster:
        raster.transform = rasterio.Affine.translation(30, -40) * raster.transform
    moved = corners_in_file(photo, written.picture, crs="EPSG:2154")
    np.testing.assert_allclose(moved - written.corners_m, [[30, -40]] * 4, atol=1e-3)


def test_a_photo_that_is_not_in_the_file_has_no_corners(
    located: Evaluation, tmp_path: Path
) -> None:
    picture = write_located(located, tmp_path / "maps", count=1)[0].picture
    blank = tmp_path / "blank.png"
    with rasterio.open(
        blank, "w", driver="PNG", count=3, dtype="uint8", width=64, height=48
    ) as raster:
        raster.write(np.full((3, 48, 64), 90, np.uint8))
    assert np.isnan(corners_in_file(blank, picture, crs="EPSG:2154")).all()


def test_without_verification_there_is_the_search_alone(world: Path) -> None:
    found = run_evaluation(
        TileSet(world / "t"), load_model(world / "m"), dates=DATES, protocol="hard", seed=3,
        only=HEADLINE, before_training=False,
    )  # fmt: skip
    figures = found.metrics()["located"]
    assert list(figures) == ["search"]
    assert figures["search"]["recall@1"] == found.metrics()["recall@1"]
    assert write_located(found, world / "nothing", count=3) == []
    assert located_lines(figures) == []
    assert "verified" not in found.table


def test_where_nothing_is_believed_there_is_no_precision(located: Evaluation) -> None:
    assert located.located is not None
    nobody = replace(located.located, believed=np.zeros_like(located.located.believed), found={})
    figures = located_figures(
        located.searched, located.trained["image"].ranks, nobody, located.in_scope,
        sides_m=located.photos.shown.metres_per_px * TILE_PX,
    )  # fmt: skip
    assert figures["believed"]["share"] == 0
    assert figures["believed"]["precision"] is None
    assert "0 of" in located_lines(figures)[2]


def test_the_command_measures_locating_and_the_files(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    words = ("evaluate", world / "t", "--model", world / "m", "--queries", "2019")
    asked = ("--protocol", "hard", "--verify", "--verify-top", 6, "--georeferenced", 1,
             "--matcher", "sift")  # fmt: skip
    assert not run(*words, *asked, "--out", out)
    told = capsys.readouterr().err
    assert "verified: recall@1" in told
    assert "GeoTIFFs: 1 written, read back" in told
    metrics: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    assert metrics["located"]["verify_top"] == 6
    assert metrics["located"]["files"]["corner_error_m"]["median"] < 0.2
    assert len(list((out / "georeferenced").glob("*_georeferenced.tif"))) == 1
    page = (out / "report.html").read_text()
    assert "How well photos are located" in page
    assert "centre, verified" in page
    assert "inliers" in pd.read_parquet(out / "queries.parquet")
    assert not run("info", out)


def test_files_without_verification_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"set evaluate\.verify"):
        EvaluateConfig(georeferenced=2)


def test_errors_keep_their_photos() -> None:
    errors = PoseErrors(
        centre_m=np.array([1.0, 50, np.nan]), corner_m=np.array([2.0, 60, np.nan]),
        turn_deg=np.array([3.0, 70, np.nan]), scale=np.array([0.1, 0.2, np.nan]),
    )  # fmt: skip
    figures = error_figures(errors, np.array([True, False, True]))
    assert figures["centre_error_m"] == {"median": 1, "p90": 1}
    assert figures["scale_error"] == {"median": 0.1, "p90": 0.1}
