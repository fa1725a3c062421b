"""`query --report`: one page with each photo laid on the map, that asks the network for nothing."""

import base64
import io
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.config import AnswerPageConfig, IndexConfig
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.network.checkpoint import load_model
from aerialret.pages.data_uris import webp_uri
from aerialret.pages.swipe import length_text, round_length
from aerialret.querying.answer_page import render_answer_page, write_answer_page
from aerialret.querying.answer_page.match_lines import match_figure
from aerialret.querying.answer_page.overview import Footprint, overview_map
from aerialret.querying.answer_page.placement import photo_pixels, placement_of
from aerialret.querying.laid_photo import is_absurd, lay, to_view_of, window_around
from aerialret.querying.photo import Photo
from aerialret.querying.query import PhotoAnswer, RejectedPhoto
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds, TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.pose import Matrix, Pose, as_square, moved
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.warp import centred
from tests.html_page import Page
from tests.tiny_tileset import FIRST, tiny_model, tiny_tileset

WIDTH, HEIGHT, RESOLUTION = 90, 60, 2.0


def decoded(uri: str) -> Picture.Image:
    kind, content = uri.removeprefix("data:image/").split(";base64,")
    picture = Picture.open(io.BytesIO(base64.b64decode(content)))
    assert picture.format is not None
    assert picture.format.lower() == kind
    return picture


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """5 x 3 places of 64 m, at 2 m for each pixel."""
    folder = tmp_path_factory.mktemp("index")
    tileset = tiny_tileset(folder / "t", cols=5, rows=3)
    model = load_model(tiny_model(folder / "m", tileset, network_input="image"))
    dates = IndexConfig(dates=("2004",))
    build_index(tileset, model, folder / "i", config=dates, recipe=Recipe())
    return load_index(folder / "i")


@pytest.fixture(scope="module")
def reader(index: Index) -> ReferenceReader:
    assert index.tileset is not None
    return ReferenceReader(index.tileset)


def pose_in(index: Index) -> Pose:
    """Across four tiles, turned."""
    bounds = index.grid.bounds(TileId(FIRST.col + 2, FIRST.row + 1))
    return Pose(x=bounds.left + 3, y=bounds.top - 10, rotation_deg=33, metres_per_px=0.8)


def onto(pose: Pose) -> Matrix:
    return as_square(pose.to_map(width=WIDTH, height=HEIGHT))


def cut(index: Index, reader: ReferenceReader) -> NDArray[np.uint8]:
    """uint8 [3, h, w]: what a photo of this pose shows, by OpenCV alone."""
    bounds = Bounds(*index.tiles.total_bounds)
    chart = reader.around(bounds, date="2004", margin_m=0)
    pixels = cv2.warpPerspective(
        np.moveaxis(chart.image, 0, -1), centred(chart.from_map @ onto(pose_in(index))),
        (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def hit_of(index: Index, tile: TileId, *, rank: int = 1, side_m: float | None = None) -> Hit:
    bounds, pose = index.grid.bounds(tile), pose_in(index)
    return Hit(
        rank=rank, place=tile.place, col=tile.col, row=tile.row, date="2004", score=0.9 / rank,
        bounds=bounds, x=pose.x, y=pose.y, side_m=side_m,
    )  # fmt: skip


def located(index: Index, *, doubt: str = "") -> Location:
    """At the true pose, with a point that is 3 m off and two that do not agree."""
    matrix = onto(pose_in(index))
    own = np.array([[10, 10], [80, 12], [70, 50], [20, 45]], float)
    theirs = moved(own, matrix)
    theirs[1] += [3, 0]
    others = ControlPoints(photo=own[:2], map=theirs[2:])
    return Location(
        kind="similarity", matrix=matrix, points=ControlPoints(photo=own, map=theirs), matches=9,
        width=WIDTH, height=HEIGHT, doubt=doubt, others=others,
    )  # fmt: skip


@pytest.fixture(scope="module")
def answer(
    index: Index, reader: ReferenceReader, tmp_path_factory: pytest.TempPathFactory
) -> PhotoAnswer:
    """Three answers: located, laid by the search, and a tile alone."""
    path = tmp_path_factory.mktemp("photos") / "a <b> & c.png"
    pixels = cut(index, reader)
    Picture.fromarray(np.moveaxis(pixels, 0, -1)).save(path)
    photo = Photo(
        path=path, image=np.zeros((3, 32, 32), np.uint8), valid=np.ones((32, 32), bool),
        mask=np.full((32, 32), NO_COVERAGE, np.uint8),
    )  # fmt: skip
    right, other = TileId(FIRST.col + 2, FIRST.row + 1), TileId(FIRST.col, FIRST.row)
    hits = (
        hit_of(index, right),
        hit_of(index, right, rank=2, side_m=0.8 * HEIGHT),
        hit_of(index, other, rank=3),
        hit_of(index, other, rank=4),
    )
    return PhotoAnswer(
        query=str(path), modality="image", notes=("a note",), hits=hits,
        turns_deg=(33.0, 33.0, 0.0, 0.0), photo=photo, crs=index.grid.crs,
        locations=(located(index), None, None, None),
    )  # fmt: skip


@pytest.fixture(scope="module")
def page(index: Index, answer: PhotoAnswer) -> Page:
    return Page(render_answer_page([answer, answer], index))


def test_the_page_is_whole_and_asks_the_network_for_nothing(page: Page) -> None:
    assert page.open == []
    for tag, attributes in page.tags:
        for name in ("src", "href", "data", "srcset", "action", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")), (tag, value[:60])
    everything = " ".join(page.words)
    assert "url(" not in everything
    assert "@import" not in everything
    assert "http" not in everything
    assert "default-src 'none'" in next(a["content"] for _, a in page.tags if "http-equiv" in a)


def test_every_link_leads_somewhere_and_every_id_is_the_only_one(page: Page) -> None:
    assert len(set(page.ids)) == len(page.ids)
    links = [a["href"][1:] for tag, a in page.tags if tag in {"a", "use"}]
    assert len(links) > 6
    assert set(links) <= set(page.ids)


def test_every_picture_says_what_it_shows(page: Page) -> None:
    for tag, attributes in page.tags:
        if attributes.get("role") == "img" or tag == "input":
            assert attributes["aria-label"]


def test_both_pictures_of_a_slider_have_one_size(page: Page, answer: PhotoAnswer) -> None:
    uris = {a["id"]: a["href"] for tag, a in page.tags if tag == "image"}
    swipes = [name.removesuffix("-photo") for name in uris if re.fullmatch(r"p\da\d-photo", name)]
    assert swipes == ["p1a1", "p1a2", "p2a1", "p2a2"]  # the third tells the tile alone
    for name in swipes:
        chart, photo = (decoded(uris[f"{name}-{kind}"]) for kind in ("map", "photo"))
        assert chart.size == photo.size
        assert photo.mode == "RGBA"
        assert chart.mode == "RGB"
    assert "p1a3-map" in uris
    assert "p1a4-map" not in uris  # three answers are drawn
    assert len(page.having("swipe")) == 6


def test_the_page_tells_the_same_figures_as_the_location(page: Page, answer: PhotoAnswer) -> None:
    assert answer.locations is not None
    location = answer.locations[0]
    assert location is not None
    assert f"RMSE {location.rmse_m:.2f}\u00a0m" in " ".join(page.words)
    assert "4 of 9 matches agree (4 drawn), 5 do not (2 drawn)" in page.text
    assert len(page.having("agrees")) == 2 * (4 + 1)  # and the legend
    assert len(page.having("differs")) == 2 * (2 + 1)
    assert "a note" in page.text
    assert "a <b> & c.png" in page.text


def test_a_photo_of_known_pose_agrees_with_the_map_it_was_cut_from(
    index: Index, reader: ReferenceReader
) -> None:
    photo, valid = cut(index, reader), np.ones((HEIGHT, WIDTH), bool)

    def apart(matrix: Matrix) -> float:
        window = window_around(moved(np.array([[0, 0], [WIDTH, HEIGHT]], float), matrix))
        laid = lay(photo, valid, matrix, window=window, reader=reader, date="2004", side_px=120)
        assert 0.2 < laid.seen.mean() < 0.8
        between = np.abs(laid.photo.astype(int) - laid.chart)
        return float(between[:, laid.seen].mean())

    pose = pose_in(index)
    right = apart(onto(pose))
    assert right < 5
    for wrong in (
        replace(pose, x=pose.x + 6), replace(pose, y=pose.y - 6),
        replace(pose, rotation_deg=-33), replace(pose, metres_per_px=1.0),
    ):  # fmt: skip
        assert apart(onto(wrong)) > 2 * right


def test_the_search_lays_a_photo_where_it_saw_it(index: Index, answer: PhotoAnswer) -> None:
    pixels = photo_pixels(answer)
    by_points, by_search, by_tile, _ = (placement_of(answer, hit, pixels) for hit in answer.hits)
    assert by_points is not None
    assert by_search is not None
    np.testing.assert_allclose(by_search.matrix, by_points.matrix, atol=1e-6)
    assert by_tile is None


def test_what_is_not_believed_is_laid_by_the_search_and_said_so(
    index: Index, answer: PhotoAnswer
) -> None:
    doubted = located(index, doubt="only 4 of 9 matches agree")
    hits = tuple(replace(hit, side_m=48.0) for hit in answer.hits)
    other = replace(answer, hits=hits, locations=(doubted, None, None, None))
    text = Page(render_answer_page([other], index)).text
    assert "No candidate is believable; the nearest: only 4 of 9 matches agree" in text
    assert "where the search saw it; the matches below are not believed" in text
    assert "not located" in text


def test_a_georeferenced_photo_is_laid_as_the_window_that_was_searched(
    index: Index, answer: PhotoAnswer
) -> None:
    photo = replace(answer.photo, window=Bounds(0, 0, 64, 64))
    hit = replace(answer.hits[0], side_m=64.0)
    seen = replace(answer, photo=photo, hits=(hit,), turns_deg=(0.0,), locations=(None,))
    placement = placement_of(seen, hit, photo_pixels(seen))
    assert placement is not None
    assert placement.valid.shape == (32, 32)
    expected = [[hit.x - 32, hit.y + 32], [hit.x + 32, hit.y + 32],
                [hit.x + 32, hit.y - 32], [hit.x - 32, hit.y - 32]]  # fmt: skip
    np.testing.assert_allclose(placement.outline, expected)


def test_lines_of_control_points_end_where_the_fit_puts_them(index: Index) -> None:
    location = located(index)
    window = window_around(location.corners)
    to_view = to_view_of(window, side_px=200)
    figure = match_figure(
        location, photo="p", photo_size=(45, 30), to_photo=np.diag([0.5, 0.5, 1]), chart="c",
        chart_px=200, to_view=to_view, most=60,
    )  # fmt: skip
    assert [line.agrees for line in figure.lines] == [False, False, True, True, True, True]
    back = np.diag([WIDTH / (45 * figure.photo_scale), HEIGHT / (30 * figure.photo_scale), 1.0])
    off_px = []
    for line in figure.lines[2:]:
        x, y = moved(np.array([[line.x1, line.y1]]), to_view @ location.matrix @ back)[0]
        off_px.append(np.hypot(x + figure.chart_left - line.x2, y - line.y2))
    assert max(off_px[0], off_px[2], off_px[3]) < 0.3
    assert off_px[1] == pytest.approx(3 * 200 / window.width, abs=0.3)
    assert figure.worst[0].residual_m == pytest.approx(3)


@given(st.integers(1, 300), st.integers(0, 300), st.integers(1, 80))
def test_no_more_lines_are_drawn_than_asked_for(inliers: int, others: int, most: int) -> None:
    def some(count: int) -> ControlPoints:
        at = np.linspace(5, 95, count)[:, None] * [1, 1]
        return ControlPoints(photo=at, map=at)

    location = Location(
        kind="similarity", matrix=np.eye(3), points=some(inliers), matches=inliers + others,
        width=100, height=100, others=some(others),
    )  # fmt: skip
    figure = match_figure(
        location, photo="p", photo_size=(100, 100), to_photo=np.eye(3), chart="c", chart_px=100,
        to_view=np.eye(3), most=most,
    )  # fmt: skip
    assert len(figure.lines) <= most
    assert len(figure.lines) == min(most, inliers + min(others, max(most - inliers, 12)))


def test_lines_of_a_laid_photo_that_agree_are_level(page: Page) -> None:
    ends = [
        [float(value) for value in re.findall(r"-?[\d.]+", a["d"])]
        for a, css in zip(*_paths(page), strict=True)
        if css == "agrees"
    ]
    slopes = [abs(y2 - y1) for _, y1, _, y2 in ends]
    assert len(slopes) == 2 * 4
    assert max(slopes) < 0.3  # the point that is off lies 3 m east
    lengths = [x2 - x1 for x1, _, x2, _ in ends]
    assert max(lengths) - min(lengths) > 2


def _paths(page: Page) -> tuple[list[dict[str, str]], list[str]]:
    """The lines between photo and map, and the look of each."""
    lines, looks, look = [], [], ""
    for tag, attributes in page.tags:
        if tag == "g":
            look = attributes["class"]
        if tag == "path" and look and attributes.get("class") == "casing":
            lines.append(attributes)
            looks.append(look)
    return lines, looks


def test_a_copy_of_another_size_scales_all_its_points(index: Index) -> None:
    location = located(index)
    half = location.resized(width=WIDTH // 2, height=HEIGHT // 2)
    for before, after in ((location.points, half.points), (location.others, half.others)):
        np.testing.assert_allclose(after.photo, before.photo / 2)
        np.testing.assert_array_equal(after.map, before.map)


def test_the_same_request_gives_the_same_bytes(
    index: Index, answer: PhotoAnswer, tmp_path: Path
) -> None:
    for name in ("a.html", "b.html"):
        write_answer_page([answer], index, tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_the_page_says_how_many_photos_are_not_on_it(index: Index, answer: PhotoAnswer) -> None:
    rejected = [RejectedPhoto(Path("x.png"), "photo x.png does not exist")]
    config = AnswerPageConfig(photos=2, answers=1, unfolded=1)
    page = Page(render_answer_page([answer] * 4, index, rejected=rejected, config=config))
    assert [name for name in page.ids if re.fullmatch(r"p\d", name)] == ["p1", "p2"]
    assert "5 photos asked about, 4 located, 1 could not be used" in page.text
    assert "The first 2 with an answer are shown here" in page.text
    assert "photo x.png does not exist" in page.text
    photos = [a for tag, a in page.tags if tag == "details" and a.get("class") == "photo"]
    assert ["open" in a for a in photos] == [True, False]


def test_without_answers_there_is_no_page(index: Index, tmp_path: Path) -> None:
    with pytest.raises(NothingToDoError, match="no answers to show"):
        write_answer_page([], index, tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


def test_a_photo_without_hits_has_no_map(index: Index, answer: PhotoAnswer) -> None:
    none = replace(answer, hits=(), turns_deg=(), locations=())
    page = Page(render_answer_page([none, answer], index))
    assert page.open == []
    assert "The index has no answer to this photo" in page.text
    assert [a["href"] for tag, a in page.tags if tag == "a" and "p1" in a["href"]] == []


def test_without_the_tile_set_photos_and_tables_remain(
    index: Index, answer: PhotoAnswer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = load_index(index.folder)
    bare.__dict__["tileset"] = None
    page = Page(render_answer_page([answer], bare))
    assert page.open == []
    assert "no map can be drawn" in page.text
    assert page.having("swipe") == []
    assert len(page.having("hits")) == 1


@pytest.mark.parametrize("name", ["page.pdf", "page"])
def test_a_page_has_the_ending_of_one(index: Index, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ending with \.html"):
        write_answer_page([], index, tmp_path / name)


def test_the_overview_draws_the_ground_of_the_index_and_each_photo_in_it(index: Index) -> None:
    left, _, _, top = index.tiles.total_bounds
    corner = np.array([[left, top], [left + 64, top], [left + 64, top - 64], [left, top - 64]])
    shifted = corner + np.array([64, -64])
    svg = overview_map(
        [
            Footprint(number=1, title="first", css="found", outline=corner),
            Footprint(number=2, title="a < b", css="absent", outline=shifted),
        ],
        index,
    )
    page = Page(svg)
    assert page.open == []
    rings = [
        np.array([[float(v) for v in pair.split(",")] for pair in a["points"].split()])
        for tag, a in page.tags
        if tag == "polygon"
    ]
    second, first = rings  # what was found lies on top
    side = first[1, 0] - first[0, 0]
    np.testing.assert_allclose(second - first, [[side, side]] * 4, atol=0.2)
    ground = next(a["d"] for _, a in page.tags if a.get("class") == "ground")
    runs = re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)h-[\d.]+z", ground)
    assert len(runs) == 3  # three rows, each one run of five tiles
    for run in runs:
        assert float(run[2]) == pytest.approx(5 * side, abs=0.3)
    assert "a &lt; b" in svg


@given(st.floats(1e-3, 1e7))
def test_a_scale_bar_is_the_longest_round_length_that_fits(most: float) -> None:
    found = round_length(most)
    candidates = [step * 10.0**power for power in range(-5, 9) for step in (1, 2, 5)]
    assert found == pytest.approx(max(c for c in candidates if c <= most * (1 + 1e-9)))


def test_lengths_are_told_in_metres_or_kilometres() -> None:
    assert [length_text(v) for v in (0.5, 20.0, 1000.0, 20000.0)] == [
        "0.5\u00a0m", "20\u00a0m", "1\u00a0km", "20\u00a0km",
    ]  # fmt: skip


@given(st.floats(-90, 90), st.floats(1, 500), st.floats(1, 500))
def test_a_window_is_square_and_holds_its_outline_with_some_map_around(
    x: float, width: float, height: float
) -> None:
    ring = np.array([[x, 7], [x + width, 7], [x + width, 7 + height], [x, 7 + height]])
    window = window_around(ring)
    assert window.width == pytest.approx(window.height)
    margin = 0.15 * max(width, height)
    assert window.left <= x - 0.99 * margin
    assert window.right >= x + width + 0.99 * margin
    assert window.bottom <= 7 - 0.99 * margin
    assert window.top >= 7 + height + 0.99 * margin


def test_photos_of_ten_tiles_or_of_none_are_absurd() -> None:
    tile = Bounds(0, 0, 100, 100)
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], float)
    assert not is_absurd(100 * square, tile=tile)
    assert is_absurd(1000 * square, tile=tile)
    assert is_absurd(square, tile=tile)
    assert is_absurd(np.nan * square, tile=tile)


def test_a_picture_is_transparent_where_it_has_no_image() -> None:
    image = np.full((3, 16, 16), 120, np.uint8)
    valid = np.ones((16, 16), bool)
    valid[:, :5] = False
    alpha = np.asarray(decoded(webp_uri(image, valid)).getchannel("A"))
    np.testing.assert_array_equal(alpha == 255, valid)
