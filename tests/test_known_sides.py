"""Searches by the scales next to a known one, against a slow loop over all of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from aerialret.network.dense import GridLayout
from aerialret.network.grid_head import inscribed_circle
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.known_sides import TOLERANCE, KnownSideMaps
from aerialret.retrieval.vector_index import NO_ROW

LAYOUT = GridLayout(
    channels=3, template=4, cells=(4, 5, 7, 9), scales=(1, 0.8, 4 / 7, 4 / 9), stride_px=16
)
TILE_M = 90.0
TILES, PHOTOS, VIEWS = 7, 3, 2


@pytest.fixture(scope="module")
def maps() -> GridMaps:
    cells = np.random.default_rng(3).normal(size=(TILES, LAYOUT.length)).astype(np.float16)
    return GridMaps(cells, LAYOUT, device="cpu")


@pytest.fixture(scope="module")
def photos() -> NDArray[np.float32]:
    made = np.random.default_rng(4).normal(size=(PHOTOS, VIEWS, 3 * 16)).astype(np.float32)
    return made / np.linalg.norm(made, axis=2, keepdims=True) / 10


def slow_scores(maps: GridMaps, photos: NDArray[np.float32], scale: int) -> NDArray[np.float64]:
    """The best of every view and position at one scale: float64 [n, m]."""
    side, start = LAYOUT.cells[scale], sum(3 * c * c for c in LAYOUT.cells[:scale])
    cells = maps.vectors()[:, start : start + 3 * side * side].reshape(TILES, 3, side, side)
    found = np.full((len(photos), TILES), -np.inf)
    for photo in range(len(photos)):
        for kernel in photos[photo].reshape(VIEWS, 3, 4, 4):
            for row in range(side - 3):
                for col in range(side - 3):
                    met = (cells[:, :, row : row + 4, col : col + 4] * kernel).sum(axis=(1, 2, 3))
                    found[photo] = np.maximum(found[photo], met)
    return found * float(inscribed_circle(4).max())


def slow_best(
    maps: GridMaps, photos: NDArray[np.float32], sides_m: NDArray[np.float64], shown_m: float
) -> NDArray[np.float64]:
    """The best score of each tile over the scales that are near enough; -inf where none is."""
    best = np.full((len(photos), TILES), -np.inf)
    for scale, share in enumerate(LAYOUT.scales):
        found = slow_scores(maps, photos, scale)
        off = np.abs(np.log(sides_m * share / shown_m))
        near = off <= np.log(TOLERANCE)
        best[:, near] = np.maximum(best, found)[:, near]
    return best


@pytest.mark.parametrize("shown_m", [40.0, 50.0, 75.0, 90.0])
@pytest.mark.parametrize("halves", [(), (0, 3, 4)])
def test_the_scales_next_to_the_known_one_count_and_no_other(
    maps: GridMaps, photos: NDArray[np.float32], shown_m: float, halves: tuple[int, ...]
) -> None:
    sides_m = np.full(TILES, TILE_M)
    sides_m[list(halves)] = 45.0
    wanted = slow_best(maps, photos, sides_m, shown_m)
    known = KnownSideMaps(maps, sides_m=sides_m, shown_m=shown_m)
    found = known.search(photos, top=TILES)
    for photo in range(PHOTOS):
        order = np.argsort(-wanted[photo], kind="stable")
        there = np.isfinite(wanted[photo]).sum()
        assert found.rows[photo, :there].tolist() == order[:there].tolist()
        assert (found.rows[photo, there:] == NO_ROW).all()
        assert found.scores[photo, :there] == pytest.approx(wanted[photo, order[:there]], abs=1e-5)
        for row, score in zip(found.rows[photo, :there], found.scores[photo], strict=False):
            fit = known.fit(photos[photo], int(row))
            assert fit.score == pytest.approx(score, abs=1e-5)
            assert abs(np.log(fit.scale * sides_m[row] / shown_m)) <= np.log(TOLERANCE)


@pytest.mark.parametrize(("shown_m", "scale"), [(15.0, 4 / 9), (500.0, 1.0)])
def test_of_photos_that_no_scale_fits_the_nearest_is_tried(
    maps: GridMaps, photos: NDArray[np.float32], shown_m: float, scale: float
) -> None:
    known = KnownSideMaps(maps, sides_m=np.full(TILES, TILE_M), shown_m=shown_m)
    found = known.search(photos, top=2)
    for photo, rows in zip(photos, found.rows, strict=True):
        assert [known.fit(photo, int(row)).scale for row in rows] == [scale] * 2


def test_tiles_that_may_not_be_found_are_not(maps: GridMaps, photos: NDArray[np.float32]) -> None:
    sides_m = np.where(np.arange(TILES) < 3, TILE_M, 45.0)
    known = KnownSideMaps(maps, sides_m=sides_m, shown_m=42.0)
    selected = np.arange(TILES) % 3 == 0
    found = known.search(photos, top=5, selected=selected)
    assert set(found.rows.ravel().tolist()) == {0, 3, 6, NO_ROW}
    nothing = known.search(photos, top=2, selected=np.zeros(TILES, bool))
    assert (nothing.rows == NO_ROW).all()


def test_some_scales_are_a_view_of_all(maps: GridMaps) -> None:
    some = maps.only(slice(1, 3))
    assert some.layout.cells == (5, 7)
    assert some.dimensions == 3 * (25 + 49)
    np.testing.assert_array_equal(some.vectors(), maps.vectors()[:, 3 * 16 : 3 * 90])
    assert np.shares_memory(some._cells, maps._cells)
