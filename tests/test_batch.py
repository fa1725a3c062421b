"""A box of photos: files found, answers recorded, killed runs resumed, layers written."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from PIL import Image as Picture

from aerialret.config import IndexConfig
from aerialret.errors import (
    MissingInputError,
    NotAnArtefactError,
    UnreadableInputError,
    WouldOverwriteError,
)
from aerialret.network.checkpoint import load_model
from aerialret.querying.answer_files import answer_layer, write_outcomes, write_results
from aerialret.querying.answers import format_answers
from aerialret.querying.batch import geopackage
from aerialret.querying.batch.asking import Batch, Telling
from aerialret.querying.batch.file_state import file_state
from aerialret.querying.batch.journal import Journal, journal_path
from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.photo_files import find_photos, skipped_words
from aerialret.querying.batch.printing import printed
from aerialret.querying.batch.record import PhotoRecord, record_of
from aerialret.querying.batch.record_lines import from_line, to_line
from aerialret.querying.batch.summary import summary
from aerialret.querying.batch.whole_file import require_whole
from aerialret.querying.georeferenced_files import picture_paths
from aerialret.querying.query import PhotoAnswer, query
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.pose import Pose, as_square, corners, moved
from tests.tiny_tileset import CRS, FIRST, tiny_model, tiny_tileset

REQUEST = {"index": "abc", "top": 3}
WIDTH, HEIGHT = 48, 40
LAYERS = ["answers", "footprints", "control_points", "residuals", "photos"]
STYLES = "layer_styles"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    tileset = tiny_tileset(folder / "t")
    model = load_model(tiny_model(folder / "m", tileset, network_input="image"))
    build_index(tileset, model, folder / "i", config=IndexConfig(dates=("2004",)), recipe=Recipe())
    return load_index(folder / "i")


@pytest.fixture
def box(index: Index, tmp_path: Path) -> Path:
    """Five photos in three folders, one of them no picture, beside what is no photo."""
    assert index.tileset
    tiles = [replace_col(col) for col in range(4)]
    pixels = index.tileset.read("2019", tiles).images
    folder = tmp_path / "box"
    for name, image in zip(("b.png", "a.jpg", "x/c.png", "x/y/d.png"), pixels, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        picture = Picture.fromarray(np.moveaxis(image, 0, -1)).resize((WIDTH, HEIGHT))
        picture.save(folder / name)
    (folder / "x" / "broken.jpg").write_text("no picture")
    for name in ("notes.txt", "b.png.aux.xml", ".hidden.png", "x/Thumbs.db", "x/plain"):
        (folder / name).write_text("something")
    return folder


def replace_col(col: int) -> object:
    return FIRST._replace(col=FIRST.col + col)


def found_at(location_of: Callable[[PhotoAnswer], Location | None], answer: PhotoAnswer):
    located = (location_of(answer), *([None] * (len(answer.hits) - 1)))
    return replace(answer, locations=located)


def location(answer: PhotoAnswer, *, doubt: str = "") -> Location:
    """A photo a little right of the first answer's centre, with three points, one 2 m off."""
    hit = answer.hits[0]
    pose = Pose(x=hit.x + 5, y=hit.y - 3, rotation_deg=20, metres_per_px=1.25)
    matrix = as_square(pose.to_map(width=WIDTH, height=HEIGHT))
    photo = np.array([[1.5, 2.0], [40.0, 7.25], [11.0, 33.0]])
    there = moved(photo, matrix) + np.array([[0, 0], [2, 0], [0, 0.1]])
    return Location(
        kind="similarity", matrix=matrix, points=ControlPoints(photo=photo, map=there),
        matches=9, width=WIDTH, height=HEIGHT, doubt=doubt,
    )  # fmt: skip


class Asker:
    """Asks the index; counts, and stops the run before the photo of a number."""

    def __init__(self, index: Index, *, stop_before: int = -1, verify: bool = True) -> None:
        self.index, self.stop_before, self.verify = index, stop_before, verify
        self.asked: list[str] = []

    def __call__(self, path: Path) -> PhotoAnswer:
        if len(self.asked) == self.stop_before:
            raise KeyboardInterrupt
        self.asked.append(path.name)
        answer = query([path], index=self.index, top=3).answers[0]
        if not self.verify:
            return answer
        return found_at(lambda a: None if path.name == "c.png" else location(a), answer)


def run(box: Path, out: Path, ask: Asker, *, request: dict = REQUEST, **options: object) -> Batch:
    photos = find_photos([box]).photos
    with Journal(journal_path(out), request=request, out=str(out), **options) as journal:
        batch = Batch(photos=photos, journal=journal)
        try:
            batch.run(ask, telling(batch, out))
        except KeyboardInterrupt:
            return batch
        write_outcomes(batch.outcomes(), out, crs=CRS)
    return batch


def telling(batch: Batch, out: Path) -> Telling:
    return Telling(
        answered=lambda photo, answer: None,
        progress=lambda done, total: None,
        write=lambda: write_outcomes(batch.outcomes(), out, crs=CRS),
        remark=lambda line: None,
    )


def content(path: Path) -> dict[str, pd.DataFrame]:
    """All layers; without what differs from run to run."""
    names = [str(name) for name, _ in pyogrio.list_layers(path)]
    frames = {name: pyogrio.read_dataframe(path, layer=name, use_arrow=True) for name in names}
    assert names.pop() == STYLES
    frames = {name: frames[name] for name in names}
    frames["photos"] = frames["photos"].drop(columns="seconds")
    return frames


def plain(layer: gpd.GeoDataFrame) -> pd.DataFrame:
    """The columns, with None for every kind of nothing."""
    columns = pd.DataFrame(layer.drop(columns="geometry")).astype(object)
    return columns.where(columns.notna(), None)


def assert_same(first: Path, second: Path) -> None:
    one, other = content(first), content(second)
    assert list(one) == list(other)
    for name in one:
        pd.testing.assert_frame_equal(pd.DataFrame(one[name]), pd.DataFrame(other[name]))


def test_folders_are_searched_to_the_bottom_in_order_and_the_rest_is_counted(box: Path) -> None:
    found = find_photos([box])
    names = ["a.jpg", "b.png", "x/broken.jpg", "x/c.png", "x/y/d.png"]
    assert [photo.name for photo in found.photos] == names
    assert [photo.path for photo in found.photos] == [box / name for name in names]
    assert found.skipped == {"": 1, ".db": 1, ".txt": 1, ".xml": 1, "hidden": 1}
    words = "5 files are no photos (no ending 1, .db 1, .txt 1, .xml 1, hidden 1)"
    assert skipped_words(found.skipped) == words


def test_files_and_folders_are_mixed_and_each_photo_comes_once(box: Path) -> None:
    found = find_photos([box / "x/y/d.png", box / "x", box / "notes.txt", box / "b.png"])
    names = ["x/y/d.png", "x/broken.jpg", "x/c.png", "notes.txt", "b.png"]
    assert [photo.name for photo in found.photos] == names


def test_names_do_not_depend_on_where_one_stands(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(box.parent)
    near = find_photos([Path("box")]).photos
    monkeypatch.chdir(box / "x")
    inside = find_photos([Path("..")]).photos
    assert [photo.name for photo in near] == [photo.name for photo in inside]
    assert near[0].path == Path("box/a.jpg")


def test_linked_folders_are_followed_once_and_outputs_are_left_out(box: Path) -> None:
    (box / "x" / "loop").symlink_to(box, target_is_directory=True)
    (box / "pictures").mkdir()
    shutil.copy(box / "a.jpg", box / "pictures" / "a_georeferenced.tif")
    shutil.copy(box / "a.jpg", box / "x" / "a_georeferenced.tif")
    (box / "x" / "a_georeferenced.points").write_text("")
    found = find_photos([box], leave_out=[box / "pictures"])
    assert len(found.photos) == 5
    assert found.skipped["georeferenced by aerialret"] == 1


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("something")
    with pytest.raises(MissingInputError, match=r"no picture in there; 1 file is no photo \(\.txt"):
        find_photos([tmp_path])


@pytest.mark.parametrize("name", ["a.jpg", "b.png"])
def test_a_picture_that_is_cut_off_is_refused_and_a_whole_one_is_not(name: str, box: Path) -> None:
    path = box / name
    require_whole(path)
    whole = path.read_bytes()
    path.write_bytes(whole + b"data of the scanner")
    require_whole(path)
    for share in (0.3, 0.9):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UnreadableInputError, match="is cut off"):
            require_whole(path)
    (box / "empty.png").touch()
    require_whole(box / "empty.png")  # it cannot be opened, which says enough


@pytest.fixture(params=["found", "doubted", "unverified"])
def answer(request: pytest.FixtureRequest, index: Index, box: Path) -> PhotoAnswer:
    found = query([box / "a.jpg"], index=index, top=3).answers[0]
    if request.param == "unverified":
        return found
    doubt = "too few points" if request.param == "doubted" else ""
    return found_at(lambda each: location(each, doubt=doubt), found)


def recorded(answer: PhotoAnswer, name: str = "a.jpg") -> PhotoRecord:
    path = Path(answer.query)
    return record_of(answer, name=name, path=path, file=file_state(path), seconds=1.5)


def test_a_record_survives_its_line(answer: PhotoAnswer) -> None:
    record = recorded(answer)
    plain_results = tuple(json.loads(json.dumps(record.results)))  # lists for tuples
    record = replace(record, results=plain_results)
    line = to_line(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert to_line(from_line(line)) == line
    again = from_line(line)
    if record.location is None:
        assert again == record
    else:
        assert again.location is not None
        np.testing.assert_array_equal(again.location.matrix, record.location.matrix)
        np.testing.assert_array_equal(again.location.points.map, record.location.points.map)
        assert replace(again, location=None) == replace(record, location=None)


@pytest.mark.parametrize("output_format", ["table", "json", "geojson", "csv"])
def test_records_print_what_answers_print(
    output_format: str, index: Index, box: Path, answer: PhotoAnswer
) -> None:
    second = replace(answer, query=str(box / "b.png"))
    photos = find_photos([box]).photos
    outcomes = [
        Outcome(photo=photos[0], record=from_line(to_line(recorded(answer)))),
        Outcome(photo=photos[2], reason="broken"),
        Outcome(photo=photos[1], record=recorded(second, "b.png")),
    ]
    wanted = format_answers([answer, second], output_format=output_format)
    assert "".join(printed(outcomes, output_format=output_format)) == wanted
    nothing = format_answers([], output_format=output_format)
    assert "".join(printed([], output_format=output_format)) == nothing


def test_the_status_says_what_was_believed(answer: PhotoAnswer) -> None:
    believed = answer.locations is not None and answer.locations[0].believable  # type: ignore[union-attr]
    assert recorded(answer).status == ("found" if believed else "uncertain")


@pytest.mark.parametrize("stop", range(5))
def test_a_killed_run_resumes_and_ends_as_an_undisturbed_one(
    stop: int, index: Index, box: Path, tmp_path: Path
) -> None:
    whole = Asker(index)
    run(box, tmp_path / "whole.gpkg", whole)
    out = tmp_path / "found.gpkg"
    first, second = Asker(index, stop_before=stop), Asker(index)
    run(box, out, first)
    assert not out.exists()
    batch = run(box, out, second)
    assert batch.earlier == len(set(first.asked) - {"broken.jpg"})
    once = [name for name in [*first.asked, *second.asked] if name != "broken.jpg"]
    assert once == [name for name in whole.asked if name != "broken.jpg"]
    assert_same(out, tmp_path / "whole.gpkg")
    assert [path.name for path in tmp_path.glob(".found*")] == [".found.gpkg.journal"]


def test_a_line_that_was_cut_off_is_asked_again(index: Index, box: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.gpkg"
    run(box, out, Asker(index))
    shutil.copy(out, tmp_path / "whole.gpkg")
    journal = journal_path(out)
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[2] = b"{damaged\n"
    journal.write_bytes(b"".join(lines)[:-7])
    again = Asker(index)
    run(box, out, again)
    assert again.asked == ["b.png", "broken.jpg", "d.png"]
    assert_same(out, tmp_path / "whole.gpkg")
    run(box, out, last := Asker(index))
    assert last.asked == ["broken.jpg"]


def test_a_header_that_was_cut_off_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    path.write_bytes(b'{"journal": 1, "requ')
    with Journal(path, request=REQUEST) as journal:
        assert len(journal) == 0
    assert json.loads(path.read_text()) == {"journal": 1, "request": REQUEST}


def test_added_changed_and_removed_photos_are_noticed_and_touched_ones_are_not_asked(
    index: Index, box: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.gpkg"
    run(box, out, Asker(index))
    shutil.copy(box / "a.jpg", box / "x" / "added.jpg")
    shutil.copy(box / "x/y/d.png", box / "b.png")
    (box / "x" / "c.png").unlink()
    os.utime(box / "a.jpg", ns=(0, 10**18))
    again = Asker(index)
    run(box, out, again)
    assert again.asked == ["b.png", "added.jpg", "broken.jpg"]
    run(box, tmp_path / "fresh.gpkg", Asker(index))
    assert_same(out, tmp_path / "fresh.gpkg")


def test_the_output_is_written_on_the_way_and_never_loses_earlier_answers(
    index: Index, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerialret.querying.batch.asking.WRITE_EVERY", 1)
    out = tmp_path / "found.gpkg"
    run(box, out, Asker(index))
    shutil.copy(box / "a.jpg", box / "0.jpg")
    shutil.copy(box / "a.jpg", box / "x" / "z.jpg")
    run(box, out, Asker(index, stop_before=2))
    photos = content(out)["photos"].set_index("photo")
    assert photos["status"].to_dict() == {
        "0.jpg": "found", "a.jpg": "found", "b.png": "found", "x/broken.jpg": "rejected",
        "x/c.png": "uncertain", "x/y/d.png": "found", "x/z.jpg": "not asked yet",
    }  # fmt: skip


def test_writing_a_large_box_on_the_way_costs_a_fixed_number_of_times_its_photos(
    index: Index, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aerialret.querying.batch.asking.WRITE_EVERY", 4)
    for number in range(96):
        shutil.copy(box / "b.png", box / f"{number:02d}.png")
    photos = find_photos([box]).photos
    answer = Asker(index)(box / "b.png")
    written = []
    with Journal(tmp_path / "j", request=REQUEST) as journal:
        batch = Batch(photos=photos, journal=journal)
        told = replace(telling(batch, tmp_path), write=lambda: written.append(len(batch.done)))
        batch.run(lambda path: answer, told)
    assert written[:4] == [4, 8, 12, 16]
    assert written[4:] == sorted(set(written[4:]))
    assert sum(written) <= 4 * len(photos)


def test_another_request_is_refused_and_replace_begins_anew(
    index: Index, box: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.gpkg"
    run(box, out, Asker(index))
    other = {"index": "abd", "top": 3, "date": "2004"}
    with pytest.raises(WouldOverwriteError) as refusal:
        run(box, out, Asker(index), request=other)
    assert str(refusal.value) == (
        f"{out} was begun with index abc, but now it is abd; date none, but now it is 2004; add "
        "'--replace' to ask about all photos again, or give another '--out'"
    )
    again = Asker(index)
    run(box, out, again, request=other, replace=True)
    assert len(again.asked) == 5


def test_a_journal_without_answers_refuses_nothing(tmp_path: Path) -> None:
    for request in (REQUEST, {"index": "other"}):
        with Journal(tmp_path / "j", request=request):
            pass
        assert json.loads((tmp_path / "j").read_text())["request"] == request


def test_what_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "j").write_text("something else\n")
    with pytest.raises(NotAnArtefactError, match="is no journal of a batch"):
        Journal(tmp_path / "j", request=REQUEST)
    assert (tmp_path / "j").read_text() == "something else\n"


def test_two_runs_do_not_write_one_output(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="files are locked on Unix only")
    with (
        Journal(tmp_path / "j", request=REQUEST),
        pytest.raises(WouldOverwriteError, match="another run is at work on"),
    ):
        Journal(tmp_path / "j", request=REQUEST)


def test_whatever_one_photo_breaks_the_others_are_asked(
    index: Index, box: Path, tmp_path: Path
) -> None:
    errors: Iterator[Exception] = iter(
        [UnreadableInputError("torn"), ValueError("odd"), OSError(5, "Input/output error")]
    )

    def ask(path: Path) -> PhotoAnswer:
        if path.name in ("a.jpg", "c.png", "broken.jpg"):
            raise next(errors)
        return query([path], index=index, top=3).answers[0]

    batch = run(box, tmp_path / "found.gpkg", ask)  # type: ignore[arg-type]
    assert batch.rejected == {
        "a.jpg": "torn",
        "x/broken.jpg": f"photo {box}/x/broken.jpg cannot be used: ValueError: odd",
        "x/c.png": f"photo {box}/x/c.png cannot be read: Input/output error",
    }
    photos = content(tmp_path / "found.gpkg")["photos"]
    assert photos["reason"].tolist()[:3] == ["torn", "", batch.rejected["x/broken.jpg"]]


@pytest.fixture
def layers(index: Index, box: Path, tmp_path: Path) -> dict[str, pd.DataFrame]:
    run(box, tmp_path / "found.gpkg", Asker(index))
    return content(tmp_path / "found.gpkg")


def test_the_layers_lie_where_the_photos_do(
    layers: dict[str, pd.DataFrame], index: Index, box: Path
) -> None:
    assert list(layers) == LAYERS
    assert all(layers[name].crs == CRS for name in LAYERS[:-1])
    found = Asker(index)(box / "a.jpg")
    assert found.locations
    where = found.locations[0]
    assert where
    row = layers["footprints"].set_index("photo").loc["a.jpg"]
    wanted = shapely.Polygon(moved(corners(width=WIDTH, height=HEIGHT), where.matrix))
    assert row.geometry.symmetric_difference(wanted).area < 1e-6
    assert (row.status, row.fitted, row.inliers, bool(row.verified)) == (
        "found", "similarity", 3, True,
    )  # fmt: skip
    assert row.metres_per_px == pytest.approx(1.25)
    assert (row.width_px, row.height_px) == (WIDTH, HEIGHT)
    points = layers["control_points"].query("photo == 'a.jpg'")
    np.testing.assert_allclose(points[["col", "row"]], where.points.photo)
    np.testing.assert_allclose(shapely.get_coordinates(points.geometry), where.points.map)
    lines = layers["residuals"].query("photo == 'a.jpg'")
    np.testing.assert_allclose(lines["length_m"], [0, 2, 0.1], atol=1e-6)
    np.testing.assert_allclose(shapely.length(lines.geometry), lines["length_m"], atol=1e-6)
    np.testing.assert_allclose(
        shapely.get_coordinates(shapely.get_point(lines.geometry, 0)), where.points.map
    )


def test_a_photo_that_is_not_verified_has_the_square_that_was_searched(
    layers: dict[str, pd.DataFrame], index: Index, box: Path
) -> None:
    hit = Asker(index)(box / "x" / "c.png").hits[0]
    row = layers["footprints"].set_index("photo").loc["x/c.png"]
    assert row.status == "uncertain"
    assert row.geometry.equals(shapely.box(*hit.bounds))
    assert pd.isna(row.metres_per_px)
    assert "x/c.png" not in set(layers["control_points"]["photo"])


def test_a_turned_square_is_turned_the_way_photos_are(index: Index, box: Path) -> None:
    found = query([box / "a.jpg"], index=index, top=1).answers[0]
    hit = replace(found.hits[0], side_m=30.0)
    turned = replace(found, hits=(hit,), turns_deg=(33.0,))
    pose = Pose(x=hit.x, y=hit.y, rotation_deg=33, metres_per_px=30 / HEIGHT)
    wanted = moved(
        corners(width=HEIGHT, height=HEIGHT), as_square(pose.to_map(width=40, height=40))
    )
    record = recorded(turned)
    np.testing.assert_allclose(record.outline, wanted)
    assert record.metres_per_px == pytest.approx(30 / HEIGHT)


def test_the_style_names_its_layer_and_is_well_formed(
    layers: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    style = pyogrio.read_dataframe(tmp_path / "found.gpkg", layer=STYLES).iloc[0]
    assert (style["f_table_name"], style["f_geometry_column"]) == ("footprints", "geom")
    root = ElementTree.fromstring(style["styleQML"])
    values = {category.get("value") for category in root.iter("category")}
    assert set(layers["footprints"]["status"]) <= values
    assert 'to_base64("thumbnail")' in (root.findtext("mapTip") or "")


def test_thumbnails_are_small_pictures_of_the_photos(
    layers: dict[str, pd.DataFrame], box: Path
) -> None:
    blob = layers["footprints"].set_index("photo").loc["b.png", "thumbnail"]
    with Picture.open(BytesIO(blob)) as small, Picture.open(box / "b.png") as photo:
        assert small.format == "JPEG"
        assert small.size == (WIDTH, HEIGHT)
        difference = np.asarray(small, float) - np.asarray(photo.convert("RGB"), float)
        assert np.abs(difference).mean() < 12


def test_every_photo_has_its_row_whatever_became_of_it(layers: dict[str, pd.DataFrame]) -> None:
    photos = layers["photos"]
    assert photos["photo"].tolist() == ["a.jpg", "b.png", "x/broken.jpg", "x/c.png", "x/y/d.png"]
    statuses = ["found", "found", "rejected", "uncertain", "found"]
    assert photos["status"].tolist() == statuses
    assert "broken.jpg cannot be read" in photos["reason"][2]
    assert layers["footprints"]["photo"].tolist() == photos["photo"].drop(2).tolist()
    assert photos["sha256"].drop(2).str.len().eq(64).all()


def test_the_answers_are_those_of_a_query_without_a_box(
    index: Index, box: Path, tmp_path: Path
) -> None:
    run(box, tmp_path / "found.gpkg", Asker(index))
    names = ("a.jpg", "b.png", "x/c.png", "x/y/d.png")
    answers = [Asker(index)(box / name) for name in names]
    write_results(answers, tmp_path / "named.gpkg")
    wanted = answer_layer(answers)
    for name in ("found", "named"):
        layer = gpd.read_file(tmp_path / f"{name}.gpkg", layer="answers")
        assert list(layer.columns) == list(wanted.columns)
        pd.testing.assert_frame_equal(plain(layer), plain(wanted))
        assert layer.geom_equals_exact(wanted, 1e-6).all()


@pytest.mark.parametrize("ending", ["geojson", "parquet"])
def test_other_formats_hold_the_results(
    ending: str, index: Index, box: Path, tmp_path: Path
) -> None:
    out = tmp_path / f"found.{ending}"
    run(box, out, Asker(index))
    layer = gpd.read_parquet(out) if ending == "parquet" else gpd.read_file(out)
    assert layer["query"].tolist() == [
        str(box / name) for name in ("a.jpg", "b.png", "x/c.png", "x/y/d.png") for _ in range(3)
    ]


def test_many_photos_are_written_some_at_a_time(
    index: Index, box: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(box, tmp_path / "whole.gpkg", Asker(index))
    monkeypatch.setattr(geopackage, "_AT_ONCE", 2)
    run(box, tmp_path / "pieces.gpkg", Asker(index))
    assert_same(tmp_path / "whole.gpkg", tmp_path / "pieces.gpkg")


def test_no_photo_makes_empty_layers(tmp_path: Path) -> None:
    write_outcomes([], tmp_path / "found.gpkg", crs=CRS)
    frames = content(tmp_path / "found.gpkg")
    assert list(frames) == LAYERS
    assert all(len(frame) == 0 for frame in frames.values())
    assert summary([], earlier=0) == "0 photos: "


def test_pictures_lie_as_the_photos_do_and_twins_keep_their_endings(tmp_path: Path) -> None:
    paths = picture_paths(["a.jpg", "x/a.jpg", "x/b.jpg", "x/b.tif"], tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths.values()] == [
        "a_georeferenced.tif", "x/a_georeferenced.tif", "x/b.jpg_georeferenced.tif",
        "x/b.tif_georeferenced.tif",
    ]  # fmt: skip
