"""`query FOLDER` on the command line: all photos of a box, verified, in one file, resumable."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import rasterio
from PIL import Image as Picture

from tests.html_page import Page
from tests.made_map import run
from tests.test_verify_query import ALL, POSE, TILE
from tests.test_verify_query import world as world


@pytest.fixture
def box(world: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "box"
    (folder / "sub").mkdir(parents=True)
    shutil.copy(world / "photo.png", folder / "sub" / "photo.png")
    shutil.copy(world / "elsewhere.png", folder / "elsewhere.png")
    (folder / "broken.tif").write_bytes(b"II*\0broken")
    (folder / "notes.txt").write_text("a box of scans")
    return folder


def words(world: Path, box: Path, *more: object) -> tuple[object, ...]:
    return "query", box, "--index", world / "i", "--top", 3, *more


def test_a_box_is_answered_like_its_photos(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verify = ("--verify", "--verify-top", ALL, "--format", "json")
    out, located = tmp_path / "found.gpkg", tmp_path / "located"
    more = ("--out", out, "--georeferenced", located)
    assert run(*words(world, box, *verify, *more)) == 1
    told = capsys.readouterr()
    photos = (box / "elsewhere.png", box / "sub" / "photo.png")
    assert run("query", *photos, "--index", world / "i", "--top", 3, *verify) == 0
    assert told.out == capsys.readouterr().out
    assert f"photo {box / 'broken.tif'} cannot be read" in told.err
    assert "3 photos: 1 found, 1 uncertain, 1 rejected" in told.err
    assert "1 file is no photo (.txt 1)" in told.err
    footprints = gpd.read_file(out, layer="footprints").set_index("photo")
    assert footprints.loc["sub/photo.png", "place"] == TILE
    centre = footprints.loc["sub/photo.png"].geometry.centroid
    assert (centre.x, centre.y) == pytest.approx((POSE.x, POSE.y), abs=0.3)
    with rasterio.open(located / "sub" / "photo_georeferenced.tif") as picture:
        assert picture.bounds.left < POSE.x < picture.bounds.right
    assert [path.name for path in located.iterdir()] == ["sub"]


def test_the_same_command_asks_nothing_again(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (box / "broken.tif").unlink()
    out = tmp_path / "found.gpkg"
    assert run(*words(world, box, "--out", out)) == 0
    first = capsys.readouterr()
    assert "earlier run" not in first.err
    assert run(*words(world, box, "--out", out)) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "2 photos: 2 uncertain; 2 answered by an earlier run" in second.err
    assert run(*words(world, box, "--out", out, "--format", "geojson")) == 0
    told = capsys.readouterr()
    assert len(json.loads(told.out)["features"]) == 2 * 3
    assert "2 answered by an earlier run" in told.err


def test_georeferenced_photos_can_be_asked_for_later(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (box / "broken.tif").unlink()
    verify = ("--verify", "--verify-top", ALL, "--out", tmp_path / "found.gpkg")
    assert run(*words(world, box, *verify)) == 0
    assert run(*words(world, box, *verify, "--georeferenced", tmp_path / "late")) == 0
    assert "2 answered by an earlier run" in capsys.readouterr().err
    assert run(*words(world, box, *verify[:3], "--out", tmp_path / "early")) == 0
    late, early = (tmp_path / name / "sub" / "photo_georeferenced" for name in ("late", "early"))
    for ending in (".tif", ".points", ".json"):
        one, other = (path.with_suffix(ending).read_bytes() for path in (late, early))
        assert one == other


def test_a_changed_photo_leaves_no_picture_of_what_it_was(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("broken.tif", "elsewhere.png"):
        (box / name).unlink()
    photo, located = box / "sub" / "photo.png", tmp_path / "located"
    picture = located / "sub" / "photo_georeferenced.tif"
    verify = words(world, box, "--verify", "--verify-top", ALL, "--out", tmp_path / "found.gpkg")
    pictures = ("--georeferenced", located)
    assert run(*verify, *pictures) == 0
    first = json.loads(picture.with_suffix(".json").read_text())

    with Picture.open(photo) as upright:  # located, but by a run that writes no pictures
        upright.rotate(180).save(photo)
    assert run(*verify) == 0
    assert run(*verify, *pictures) == 0
    turned = json.loads(picture.with_suffix(".json").read_text())
    assert turned["centre"] == pytest.approx(first["centre"], abs=1)
    between = turned["rotation_deg"] - first["rotation_deg"]
    assert between % 360 == pytest.approx(180, abs=0.5)
    written = picture.stat().st_mtime_ns
    assert run(*verify, *pictures) == 0
    assert picture.stat().st_mtime_ns == written

    shutil.copy(world / "elsewhere.png", photo)
    picture.with_name("notes.txt").write_text("of the user")
    capsys.readouterr()
    assert run(*verify, *pictures) == 0
    assert f"removed {picture}, as {photo} is no longer located" in capsys.readouterr().err
    assert [path.name for path in picture.parent.iterdir()] == ["notes.txt"]


def test_a_picture_that_is_not_of_the_photo_is_left_alone(
    world: Path, box: Path, tmp_path: Path
) -> None:
    (box / "sub" / "photo.png").unlink()
    (box / "broken.tif").unlink()
    stranger = tmp_path / "located" / "elsewhere_georeferenced.tif"
    stranger.parent.mkdir()
    stranger.write_text("of the user")
    told = {"query": "another.png", "matrix": []}
    for summary in (None, "of the user", "[]", json.dumps(told)):
        if summary is not None:
            stranger.with_suffix(".json").write_text(summary)
        out = ("--out", tmp_path / "found.gpkg", "--georeferenced", stranger.parent)
        assert run(*words(world, box, "--verify", *out)) == 0
        assert stranger.read_text() == "of the user"


def test_the_page_of_a_box_is_that_of_its_first_photos(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(world / "photo.png", box / "zoo.png")
    verify = ("--verify", "--verify-top", ALL, "--report-photos", 2, "--report")
    out = ("--out", tmp_path / "found.gpkg")
    first, again, named = (tmp_path / f"{name}.html" for name in ("first", "again", "named"))
    assert run(*words(world, box, *out, *verify, first)) == 1
    told = capsys.readouterr().err
    assert "MB for 2 photos; 1 more are not on it, see '--report-photos'" in told
    assert "broken.tif cannot be read" in Page(first.read_text()).text
    (box / "broken.tif").unlink()
    assert run(*words(world, box, *out, *verify, again)) == 0
    assert "3 answered by an earlier run" in capsys.readouterr().err
    photos = (box / "elsewhere.png", box / "sub" / "photo.png")
    assert run("query", *photos, "--index", world / "i", "--top", 3, *verify, named) == 0
    assert again.read_bytes() == named.read_bytes()
    assert run(*words(world, box, "--report", tmp_path / "page.png")) == 2
    assert "give '--report' a name ending with .html" in capsys.readouterr().err


def test_a_run_with_other_options_is_refused_in_one_line(
    world: Path, box: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "found.gpkg"
    assert run(*words(world, box, "--out", out)) == 1
    capsys.readouterr()
    other = ("query", box, "--index", world / "i", "--top", 4, "--date", "2004", "--out", out)
    assert run(*other) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        f"aerialret: {out} was begun with top 3, but now it is 4; date none, but now it is 2004; "
        "add '--replace' to ask about all photos again, or give another '--out'\n"
    )
    assert run(*other, "--replace") == 1
    assert len(gpd.read_file(out, layer="answers")) == 2 * 4


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--sheet", "s.png"), "'--sheet s.png' shows a few photos"),
        (("--georeferenced", "g"), "add '--verify'"),
        (("--verify", "--out", "o.tif"), "o.tif is one picture"),
        (("--verify", "--out", "o", "--georeferenced", "g"), "both name a folder for pictures"),
        (("--out", "o.xyz"), "choose one of these endings"),
        (("--date", "1950"), "no tile of index"),
    ],
)
def test_what_cannot_be_is_refused_beforehand(
    world: Path,
    box: Path,
    tmp_path: Path,
    more: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words(world, box, *more)) == 2
    told = capsys.readouterr()
    assert message in told.err
    assert len(told.err.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["box"]


def test_a_box_of_broken_photos_is_refused(
    world: Path, box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (box / "elsewhere.png").write_text("broken")
    (box / "sub" / "photo.png").unlink()
    assert run(*words(world, box)) == 2
    told = capsys.readouterr()
    assert "none of the 2 photos can be used; the first: photo" in told.err


def test_named_photos_have_all_layers_too(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.gpkg"
    photos = (world / "photo.png", world / "nothing.png")
    assert run("query", *photos, "--index", world / "i", "--out", out) == 1
    names = [str(name) for name, _ in pyogrio.list_layers(out)]
    assert names[:5] == ["answers", "footprints", "control_points", "residuals", "photos"]
    assert gpd.read_file(out, layer="photos")["status"].tolist() == ["uncertain", "rejected"]
    assert [path.name for path in tmp_path.iterdir()] == ["o.gpkg"]


@pytest.mark.slow
def test_a_killed_process_is_resumed(world: Path, box: Path, tmp_path: Path) -> None:
    for number in range(6):
        shutil.copy(box / "elsewhere.png", box / f"e{number}.png")
    out = tmp_path / "found.gpkg"
    command = [str(word) for word in words(world, box, "--verify", "--out", out)]
    process = subprocess.Popen([sys.executable, "-m", "aerialret", *command])
    journal = tmp_path / ".found.gpkg.journal"
    while process.poll() is None:
        if journal.is_file() and journal.read_bytes().count(b"\n") >= 3:
            os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.05)
    assert process.wait() == -signal.SIGKILL
    assert not out.exists()
    assert run(*command) == 1
    assert run(*words(world, box, "--verify", "--out", tmp_path / "whole.gpkg")) == 1
    for layer in ("answers", "footprints", "control_points", "residuals"):
        one, other = (gpd.read_file(path, layer=layer) for path in (out, tmp_path / "whole.gpkg"))
        assert one.equals(other)
