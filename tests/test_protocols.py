"""Photos cut out of tiles: their pixels, their truth, and that both follow from seed and cell."""

import math
from pathlib import Path

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError, UnknownDateError
from aerialret.evaluation.looks import faded_to_grey, greenness, in_another_season
from aerialret.evaluation.protocols import cut_image, cut_queries, photographed
from aerialret.evaluation.windows import DISPLACEMENTS, Window, draw_window, generator_of
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import tiny_tileset

DISPLACED = tuple(DISPLACEMENTS)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("protocols") / "t")


def windows(protocol: str, count: int = 400, seed: int = 3) -> list[Window]:
    tiles = [TileId(n, -2 * n) for n in range(count)]
    return [draw_window(protocol, rng=generator_of(tile, seed=seed)) for tile in tiles]


def reflected(at: float, side: int) -> float:
    """A pixel coordinate outside the tile, mirrored at the tile's outer edges."""
    while not -0.5 <= at <= side - 0.5:
        at = -1 - at if at < -0.5 else 2 * side - 1 - at
    return min(max(at, 0.0), side - 1.0)


def slow_points(window: Window, side: int) -> NDArray[np.float64]:
    """float64 [side, side, 2]: row and column in the tile of each pixel's centre."""
    points = np.empty((side, side, 2))
    cosine, sine = (f(math.radians(window.rotation_deg)) for f in (math.cos, math.sin))
    for row in range(side):
        for col in range(side):
            right, down = ((n + 0.5) / side - 0.5 for n in (col, row))
            x = window.centre_x + window.side * (cosine * right - sine * down)
            y = window.centre_y + window.side * (sine * right + cosine * down)
            points[row, col] = y * side - 0.5, x * side - 0.5
    return points


def slow_bilinear(image: NDArray[np.uint8], row: float, col: float) -> NDArray[np.float64]:
    side = image.shape[-1]
    row, col = reflected(row, side), reflected(col, side)
    top, left = int(row), int(col)
    below, right = min(top + 1, side - 1), min(left + 1, side - 1)
    down, across = row - top, col - left
    upper = (1 - across) * image[:, top, left] + across * image[:, top, right]
    lower = (1 - across) * image[:, below, left] + across * image[:, below, right]
    result: NDArray[np.float64] = (1 - down) * upper + down * lower
    return result


@pytest.mark.parametrize("protocol", ["mild", "hard"])
def test_a_pixel_is_the_tiles_bilinear_value_where_the_formula_points(
    protocol: str, tileset: TileSet
) -> None:
    tiles = [TileId(-3, 5), TileId(1, 7)]
    whole = tileset.read("2019", tiles)
    cut = cut_queries(tileset, date="2019", tiles=tiles, protocol=protocol, seed=5)
    for n, tile in enumerate(tiles):
        points = slow_points(draw_window(protocol, rng=generator_of(tile, seed=5)), 32)
        for row, col in ((0, 0), (3, 29), (17, 8), (31, 31), (30, 2)):
            expected = slow_bilinear(whole.images[n], *points[row, col])
            assert np.abs(cut.batch.images[n, :, row, col] - expected).max() <= 0.51
            nearest = tuple(round(reflected(float(at), 32)) for at in points[row, col])
            assert cut.batch.masks[n, row, col] == whole.masks[n][nearest]


def test_what_lies_outside_the_tile_is_its_reflection() -> None:
    image = np.random.default_rng(0).integers(0, 256, (3, 24, 24), dtype=np.uint8)
    window = Window(centre_x=0.1, centre_y=0.95, side=0.8, rotation_deg=33.0)
    points = slow_points(window, 24)
    assert points.min() < -3
    assert points.max() > 27
    cut = cut_image(image, window)
    for row in range(24):
        for col in range(24):
            expected = slow_bilinear(image, *points[row, col])
            np.testing.assert_allclose(cut[:, row, col], expected, atol=0.02)


def test_the_content_is_turned_counter_clockwise() -> None:
    image = np.zeros((3, 64, 64), np.uint8)
    image[:, 30:34, 52:56] = 255  # a lamp in the east
    cut = cut_image(image, Window(side=1.0, rotation_deg=90.0))
    row, col = (axis.mean() for axis in np.nonzero(cut[0] > 128))
    assert row < 16  # now in the north
    assert 28 < col < 36


@pytest.mark.parametrize("protocol", DISPLACED)
def test_any_selection_of_tiles_gives_the_same_pictures(protocol: str, tileset: TileSet) -> None:
    tiles = tileset.tiles("2019")
    every = cut_queries(tileset, date="2019", tiles=tiles, protocol=protocol, seed=7)
    some = [9, 2, 20]
    few = cut_queries(
        tileset, date="2019", tiles=[tiles[n] for n in some], protocol=protocol, seed=7
    )
    np.testing.assert_array_equal(few.batch.images, every.batch.images[some])
    np.testing.assert_array_equal(few.batch.masks, every.batch.masks[some])
    np.testing.assert_array_equal(few.batch.valid, every.batch.valid[some])
    np.testing.assert_array_equal(few.centres_m, every.centres_m[some])
    np.testing.assert_array_equal(few.shown.corners_m, every.shown.corners_m[some])


@pytest.mark.parametrize("protocol", DISPLACED)
def test_another_seed_gives_other_pictures(protocol: str, tileset: TileSet) -> None:
    tiles = tileset.tiles("2019")[:3]
    one, other = (
        cut_queries(tileset, date="2019", tiles=tiles, protocol=protocol, seed=seed)
        for seed in (7, 8)
    )
    assert (one.batch.images != other.batch.images).any(axis=(1, 2, 3)).all()
    assert (one.rotation_deg != other.rotation_deg).all()


def test_aligned_photos_are_the_tiles_as_they_are(tileset: TileSet) -> None:
    tiles = tileset.tiles("2019")[3:6]
    whole = tileset.read("2019", tiles)
    cut = cut_queries(tileset, date="2019", tiles=tiles, protocol="aligned", seed=7)
    np.testing.assert_array_equal(cut.batch.images, whole.images)
    np.testing.assert_array_equal(cut.batch.masks, whole.masks)
    assert cut.rotation_deg.tolist() == [0.0] * 3
    assert cut.metres_per_px.tolist() == [2.0] * 3
    for tile, centre, corners in zip(tiles, cut.centres_m, cut.shown.corners_m, strict=True):
        bounds = tileset.grid.bounds(tile)
        assert centre.tolist() == [bounds.left + 32, bounds.top - 32]
        assert corners[0].tolist() == [bounds.left, bounds.top]
        assert corners[2].tolist() == [bounds.right, bounds.bottom]


@pytest.mark.parametrize("protocol", DISPLACED)
def test_photos_lie_where_their_pixels_come_from(protocol: str, tileset: TileSet) -> None:
    """A tile whose red and green are its own coordinates tells where each pixel was taken."""
    tile, side = TileId(-2, 6), 32
    shown = photographed(tileset.grid, tiles=[tile], protocol=protocol, seed=11)
    window = draw_window(protocol, rng=generator_of(tile, seed=11))
    image = np.zeros((3, side, side), np.uint8)
    image[0], image[1] = np.arange(side)[None] * 8, np.arange(side)[:, None] * 8
    cut = cut_image(image, window).astype(np.float64) / 8 + 0.5  # pixels from the tile's upper left
    bounds = tileset.grid.bounds(tile)
    x, y = bounds.left + 2 * cut[0], bounds.top - 2 * cut[1]
    middle = slice(side // 2 - 1, side // 2 + 1)
    assert x[middle, middle].mean() == pytest.approx(shown.centres_m[0, 0], abs=1e-2)
    assert y[middle, middle].mean() == pytest.approx(shown.centres_m[0, 1], abs=1e-2)
    step = math.hypot(x[16, 17] - x[16, 16], y[16, 17] - y[16, 16])
    assert step == pytest.approx(shown.metres_per_px[0], rel=1e-3)
    east = math.degrees(math.atan2(y[16, 17] - y[16, 16], x[16, 17] - x[16, 16]))
    assert math.cos(math.radians(east + shown.rotation_deg[0])) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("protocol", DISPLACED)
def test_windows_stay_inside_their_tile(protocol: str) -> None:
    for window in windows(protocol):
        corners = window.corners()
        assert corners.min() >= -1e-9
        assert corners.max() <= 1 + 1e-9
        assert shapely.Polygon(corners).area == pytest.approx(window.side**2)


def test_mild_windows_are_nearly_the_tile() -> None:
    drawn = windows("mild")
    assert 9 < max(abs(w.rotation_deg) for w in drawn) <= 10
    assert min(w.rotation_deg for w in drawn) < -9
    sides = [w.side / 0.78125 for w in drawn]
    assert 0.9 <= min(sides) < 0.905
    assert 1.095 < max(sides) <= 1.1
    shifts = [abs(at - 0.5) for w in drawn for at in (w.centre_x, w.centre_y)]
    assert 0.058 < max(shifts) <= 1 / 16


def test_hard_windows_are_turned_and_placed_anyhow() -> None:
    drawn = windows("hard")
    assert {int(w.rotation_deg // 45) for w in drawn} == set(range(8))
    sides = [w.side / 0.5 for w in drawn]
    assert 0.8 <= min(sides) < 0.81
    assert 1.24 < max(sides) <= 1.25
    assert min(w.centre_x for w in drawn) < 0.27
    assert max(w.centre_y for w in drawn) > 0.73
    assert windows("grey") == drawn == windows("season")


def test_no_draw_depends_on_the_sign_or_the_order_of_the_cell() -> None:
    cells = [TileId(1, 2), TileId(2, 1), TileId(-1, 2), TileId(1, -2)]
    turns = {draw_window("hard", rng=generator_of(cell, seed=0)).rotation_deg for cell in cells}
    assert len(turns) == 4


def test_grey_photos_have_one_faded_channel(tileset: TileSet) -> None:
    tiles = tileset.tiles("2019")
    grey = cut_queries(tileset, date="2019", tiles=tiles, protocol="grey", seed=7).batch.images
    hard = cut_queries(tileset, date="2019", tiles=tiles, protocol="hard", seed=7).batch
    assert (grey[:, :1] == grey).all()
    np.testing.assert_allclose(grey.mean(axis=(1, 2, 3)), 128, atol=1.5)
    assert grey.std() < hard.images.std()


def test_grey_is_blur_then_contrast_then_grain() -> None:
    picture = np.full((3, 201, 201), 90, np.float32)
    flat = faded_to_grey(picture, rng=np.random.default_rng(0))
    assert flat.mean() == pytest.approx(128, abs=0.2)
    assert flat.std() == pytest.approx(6, abs=0.15)
    picture[:, 100, 100] += 90 * 200
    contrast = np.random.default_rng(0).uniform(0.5, 0.8)
    peak = (faded_to_grey(picture, rng=np.random.default_rng(0)) - flat)[0]
    falloff = math.exp(-0.5)  # a Gaussian of 1 px, one pixel from its middle
    assert peak[100, 101] / peak[100, 100] == pytest.approx(falloff, rel=0.02)
    assert peak.sum() == pytest.approx(0, abs=30)
    assert peak[95:106, 95:106].sum() == pytest.approx(contrast * 90 * 200, rel=0.02)


def test_another_season_browns_what_is_green() -> None:
    picture = np.empty((3, 8, 16), np.float32)
    picture[:, :, :8] = np.array([70, 120, 60], np.float32)[:, None, None]
    picture[:, :, 8:] = np.array([150, 150, 150], np.float32)[:, None, None]
    assert greenness(picture)[0, 0] == 1
    assert greenness(picture)[0, 15] == 0
    for seed in range(20):
        later = in_another_season(picture, rng=np.random.default_rng(seed))
        red, green, blue = later[:, 0, 0]
        assert green - (red + blue) / 2 < 0.6 * (120 - 65)
        np.testing.assert_allclose(later[:, 0, 15], later[0, 0, 15], atol=1e-3)  # grey stays grey


def test_masks_keep_their_codes_and_no_coverage_stays(tmp_path: Path) -> None:
    bare = tiny_tileset(tmp_path / "t", masks=False, cols=2, rows=1)
    cut = cut_queries(bare, date="2019", tiles=bare.tiles("2019"), protocol="season", seed=1)
    assert (cut.batch.masks == NO_COVERAGE).all()
    assert cut.batch.valid.all()


def test_no_tile_gives_no_photo(tileset: TileSet) -> None:
    none = cut_queries(tileset, date="2019", tiles=[], protocol="hard", seed=7)
    assert none.batch.images.shape == (0, 3, 32, 32)
    assert none.centres_m.shape == (0, 2)
    assert none.shown.corners_m.shape == (0, 4, 2)
    assert len(none.shown) == 0


def test_unknown_protocols_and_dates_are_refused(tileset: TileSet) -> None:
    with pytest.raises(ConfigurationError, match=r"'harder' was asked for, but there are aligned,"):
        cut_queries(tileset, date="2019", tiles=[], protocol="harder", seed=7)
    with pytest.raises(UnknownDateError, match="1950"):
        cut_queries(tileset, date="1950", tiles=[], protocol="hard", seed=7)
