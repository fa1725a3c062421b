from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.config import IndexConfig, SourceConfig
from aerialret.errors import NothingToDoError
from aerialret.network.checkpoint import load_model
from aerialret.querying.content import parse_border
from aerialret.querying.photo import read_photo
from aerialret.querying.photo_pixels import read_pixels
from aerialret.querying.query import query
from aerialret.querying.scan import Reading
from aerialret.querying.verify import on_the_ground
from aerialret.querying.whole_photo import of_one_square
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import Index, load_index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds, TileId
from aerialret.verification.pose import Pose, moved
from tests.scanned_photos import scanned
from tests.textures import textured
from tests.tiny_tileset import FIRST, tiny_grid, tiny_model, tiny_tileset

GRID = tiny_grid(tile_px=64)  # of 1 m
TILE = TileId(FIRST.col + 3, FIRST.row + 1)
NOTHING = SourceConfig()


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    tileset = tiny_tileset(folder / "t", tile_px=64, dates=("2004",))
    model = load_model(tiny_model(folder / "m", tileset, network_input="image"))
    build_index(tileset, model, folder / "i", config=IndexConfig(dates=("2004",)), recipe=Recipe())
    return load_index(folder / "i")


def mosaic(index: Index, *, cols: int, rows: int) -> NDArray[np.uint8]:
    """The tiles around `TILE`, which is in the middle."""
    assert index.tileset
    lines = []
    for row in range(TILE.row - rows // 2, TILE.row + rows // 2 + 1):
        tiles = [TileId(TILE.col + c, row) for c in range(-(cols // 2), cols // 2 + 1)]
        lines.append(np.concatenate(list(index.tileset.read("2004", tiles).images), axis=2))
    return np.concatenate(lines, axis=1)


def save(path: Path, image: NDArray[np.uint8], **options: object) -> Path:
    Picture.fromarray(np.moveaxis(image, 0, -1)).save(path, **options)
    return path


def test_a_framed_tile_finds_its_place(index: Index, tmp_path: Path) -> None:
    assert index.tileset
    large = np.kron(index.tileset.read("2004", [TILE]).images[0], np.ones((1, 4, 4), np.uint8))
    path = save(tmp_path / "p.tif", scanned(large, margins=(80, 20, 60, 90)).image)
    answer = query([path], index=index, top=1).answers[0]
    assert answer.hits[0].tile == TILE
    assert any(note.startswith("a frame was found: ") for note in answer.notes)
    seen = answer.photo.image.astype(int)
    assert np.abs(seen - index.tileset.read("2004", [TILE]).images[0]).mean() < 12
    whole = query([path], index=index, top=1, reading=Reading(border=parse_border("0")))
    assert not any("frame" in note for note in whole.answers[0].notes)


def test_a_photo_of_known_resolution_shows_the_network_a_tile(index: Index, tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", mosaic(index, cols=3, rows=3))
    reading = Reading(gsd_m=1.0, cuts=1)
    photo = read_photo(path, grid=GRID, source=NOTHING, reading=reading)
    assert index.tileset
    np.testing.assert_array_equal(photo.image, index.tileset.read("2004", [TILE]).images[0])
    wanted = "no georeference, 1 m for each pixel, as given: searched by its middle 64 m"
    assert photo.notes == (wanted,)


def test_a_photo_that_shows_less_than_a_tile_is_used_whole(index: Index, tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", mosaic(index, cols=1, rows=1))
    photo = read_photo(path, grid=GRID, source=NOTHING, reading=Reading(gsd_m=0.5))
    assert photo.scan is not None
    assert photo.scan.cuts[0].square.side == 64
    assert photo.notes[0].endswith("searched by its middle 32 m, less than the 64 m of the index")


def test_squares_of_a_large_photo_agree_on_its_place(index: Index, tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", mosaic(index, cols=5, rows=3))
    answer = query([path], index=index, top=3, reading=Reading(gsd_m=1.0)).answers[0]
    hit = answer.hits[0]
    assert hit.tile == TILE
    assert answer.votes is not None
    assert answer.votes[hit.place, hit.date] >= 3
    left, bottom, right, top = GRID.bounds(TILE)
    assert (hit.x, hit.y) == pytest.approx(((left + right) / 2, (bottom + top) / 2), abs=16)
    assert hit.side_m == pytest.approx(3 * 64, rel=0.01)
    assert [hit.rank for hit in answer.hits] == [1, 2, 3]
    assert any("squares agree on the first answer" in note for note in answer.notes)
    assert answer.photo.scan is not None
    assert answer.photo.scan.cuts == ()


def test_a_scale_without_dots_per_inch_rejects_the_photo_alone(
    index: Index, tmp_path: Path
) -> None:
    plain = save(tmp_path / "plain.png", mosaic(index, cols=3, rows=3))
    scan = save(tmp_path / "scan.tif", mosaic(index, cols=3, rows=3), dpi=(1000, 1000))
    reading = Reading(photo_scale=1 / 0.0254 * 1000)
    result = query([plain, scan], index=index, top=1, reading=reading)
    assert [answer.query for answer in result.answers] == [str(scan)]
    assert "does not tell its dots per inch" in result.rejected[0].message
    with pytest.raises(NothingToDoError, match="--gsd METRES"):
        query([plain], index=index, top=1, reading=reading)


def test_a_hit_speaks_of_the_photos_own_centre_and_side(tmp_path: Path) -> None:
    scan = scanned(textured(240), margins=(90, 10, 20, 40))
    path = save(tmp_path / "p.png", scan.image)
    photo = read_photo(path, grid=GRID, source=NOTHING)
    assert photo.scan is not None
    square = photo.scan.cuts[0].square
    truth = Pose(x=500.0, y=70.0, rotation_deg=40.0, metres_per_px=0.3)
    to_map = np.vstack(
        [truth.to_map(width=scan.image.shape[2], height=scan.image.shape[1]), [0, 0, 1]]
    )
    x, y = moved(np.array([square.centre]), to_map)[0]
    hit = Hit(
        rank=1, place="c0_r0", col=0, row=0, date="2004", score=0.5, bounds=Bounds(0, 0, 64, 64),
        x=x, y=y, side_m=square.side * 0.3,
    )  # fmt: skip
    (placed,) = of_one_square(photo.scan, square, [hit], [40.0]).hits
    assert (placed.x, placed.y) == pytest.approx((500, 70))
    assert placed.side_m == pytest.approx(0.3 * min(scan.image.shape[1:]))
    told_nothing = replace(hit, side_m=None)
    assert of_one_square(photo.scan, square, [told_nothing], [40.0]).hits == (told_nothing,)


def test_verification_does_not_look_at_the_frame(tmp_path: Path) -> None:
    scan = scanned(textured(240), margins=(90, 10, 20, 40))
    path = save(tmp_path / "p.png", scan.image)
    photo = read_photo(path, grid=GRID, source=NOTHING)
    pixels = on_the_ground(read_pixels(path, longest_px=175), photo)
    left, top, right, bottom = (round(value / 2) for value in scan.box)
    assert not pixels.valid[:, : left - 1].any()
    assert not pixels.valid[bottom + 1 :].any()
    assert pixels.valid[top + 3 : bottom - 3, left + 3 : right - 3].all()
    bare = save(tmp_path / "bare.png", textured(240))
    photo = read_photo(bare, grid=GRID, source=NOTHING)
    assert on_the_ground(read_pixels(bare, longest_px=100), photo).valid.all()
