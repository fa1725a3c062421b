"""Windows of a gallery lie where they should and show what the tiles show."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast

import numpy as np
import pytest

from aerialret.config import IndexConfig
from aerialret.errors import ConfigurationError
from aerialret.retrieval.gallery_windows import (
    GalleryWindows,
    gallery_windows,
    has_whole_tiles_only,
    steps_in_cell,
)
from aerialret.retrieval.window_pixels import WindowCutter, resampled
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import tiny_grid

PX = 20
TILES = [TileId(*at) for at in ((-2, 3), (-1, 3), (0, 3), (-2, 4), (0, 4), (-2, 5), (4, 9))]
"""Around a hole, with one that touches no other; by row, then column, but for nothing else."""
ORDERED = sorted(TILES, key=lambda tile: tile[::-1])

Square = tuple[int, int, int, int, int]
"""Column and row of the place, left, top, side."""


def squares(windows: GalleryWindows) -> list[Square]:
    columns = (windows.cols, windows.rows, windows.left_px, windows.top_px, windows.side_px)
    return [tuple(map(int, one)) for one in zip(*columns, strict=True)]  # type: ignore[misc]


def slow_windows(tiles: Sequence[TileId], *, steps: int, side: int) -> set[Square]:
    """The oracle: every centre of the lattice near the tiles, pixel by pixel."""
    shown = {
        (tile.col * PX + x, tile.row * PX + y)
        for tile in tiles
        for x in range(PX)
        for y in range(PX)
    }
    found = set()
    for col in range(-6, 9):
        for row in range(-1, 14):
            for across in range(steps):
                for down in range(steps):
                    left, top = (
                        int(
                            (
                                PX * (cell + Fraction(1, 2) + Fraction(step, steps))
                                - Fraction(side, 2)
                                + Fraction(1, 2)
                            )
                            // 1
                        )
                        for cell, step in ((col, across), (row, down))
                    )
                    found |= slow_window(shown, tiles, left, top, side)
    return found


def slow_window(
    shown: set[tuple[int, int]], tiles: Sequence[TileId], left: int, top: int, side: int
) -> set[Square]:
    inside = [(x, y) for x in range(left, left + side) for y in range(top, top + side)]
    held = [point for point in inside if point in shown]
    if 2 * len(held) < side * side:
        return set()
    centre = TileId(
        int(Fraction(2 * left + side, 2 * PX) // 1), int(Fraction(2 * top + side, 2 * PX) // 1)
    )
    if centre not in tiles:
        counts = {tile: sum((x // PX, y // PX) == tile for x, y in held) for tile in ORDERED}
        centre = max(counts, key=counts.__getitem__)  # the first of the largest
    return {(*centre, left, top, side)}


@pytest.mark.parametrize(
    ("stride", "scale", "steps"),
    [(0.5, 1.0, 2), (1.0, 0.9, 2), (0.5, 2.0, 1), (1.0, 1.0, 1), (0.35, 1.0, 3)],
)
def test_windows_equal_a_slow_loop_over_pixels(stride: float, scale: float, steps: int) -> None:
    found = gallery_windows(ORDERED, tile_px=PX, stride=stride, scales=[scale])
    assert steps_in_cell(scale, stride, PX) == steps
    expected = slow_windows(ORDERED, steps=steps, side=round(scale * PX))
    assert len(expected) >= 5
    assert len(found) == len(expected)
    assert set(squares(found)) == expected


def test_stride_1_and_scale_1_are_the_tiles_in_their_order() -> None:
    found = gallery_windows(ORDERED, tile_px=PX, stride=1, scales=[1])
    assert squares(found) == [(c, r, c * PX, r * PX, PX) for c, r in ORDERED]
    assert found.are_tiles(tile_px=PX).all()
    grid = tiny_grid(tile_px=PX)
    np.testing.assert_allclose(found.bounds(grid), [grid.bounds(tile) for tile in ORDERED])


def test_every_tile_is_among_the_windows_of_scale_1() -> None:
    for stride in (0.9, 0.5, 0.3, 0.17):
        found = gallery_windows(ORDERED, tile_px=PX, stride=stride, scales=[0.8, 1])
        whole = found[found.are_tiles(tile_px=PX)]
        assert [(c, r) for c, r, *_ in squares(whole)] == ORDERED


@pytest.mark.parametrize("stride", [0.5, 0.3])
@pytest.mark.parametrize("scale", [0.8, 1.0, 2.0])
def test_what_is_not_larger_than_the_overlap_lies_wholly_in_a_window(
    stride: float, scale: float
) -> None:
    block = [TileId(col, row) for row in range(-1, 7) for col in range(2, 10)]
    windows = gallery_windows(block, tile_px=PX, stride=stride, scales=[scale])
    side = (1 - stride) * round(scale * PX) - 1  # whole pixels
    rng = np.random.default_rng(5)
    reach = max(scale, 1) * PX
    for _ in range(200):
        left = rng.uniform(2 * PX + reach, 10 * PX - reach - side)
        top = rng.uniform(-PX + reach, 7 * PX - reach - side)
        inside = (
            (windows.left_px <= left) & (windows.left_px + windows.side_px >= left + side)
            & (windows.top_px <= top) & (windows.top_px + windows.side_px >= top + side)
        )  # fmt: skip
        assert inside.any()


def test_windows_come_by_place_then_scale_whatever_the_order_of_the_request() -> None:
    found = gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[0.8, 2, 1])
    order = [(row, col, -side, top, left) for col, row, left, top, side in squares(found)]
    assert order == sorted(order)
    assert len(set(order)) == len(order)
    again = gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[2, 1, 0.8, 1])
    assert squares(again) == squares(found)


def test_no_tiles_have_no_windows() -> None:
    assert len(gallery_windows([], tile_px=PX, stride=0.5, scales=[1, 2])) == 0


def test_windows_that_are_too_small_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"0\.5, which is 10 px .* at least 16 px .* 0\.8 or"
    ):
        gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[1, 0.5])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stride": 0.0}, r"index\.stride is 0, but must be from 0\.05 to 1"),
        ({"stride": 1.5}, r"index\.stride is 1\.5"),
        ({"scales": (1.0, 9.0)}, r"index\.scales is 9, but must be from 0\.05 to 4"),
        ({"scales": ()}, r"index\.scales is empty"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        IndexConfig(**values)


def test_only_stride_1_with_scale_1_is_a_gallery_of_tiles() -> None:
    assert has_whole_tiles_only(IndexConfig())
    assert has_whole_tiles_only(IndexConfig(scales=(1.0, 1.0)))
    assert not has_whole_tiles_only(IndexConfig(stride=0.5))
    assert not has_whole_tiles_only(IndexConfig(scales=(1.0, 0.5)))


class Mosaic:
    """A tile set of one date whose pixels are known; the right half of a tile is missing."""

    grid = tiny_grid(tile_px=PX)
    half_empty = TileId(0, 4)

    def __init__(self) -> None:
        rng = np.random.default_rng(8)
        shape = (14 * PX, 12 * PX)  # from cell (-4, 0) on
        self.image = rng.integers(0, 256, (3, *shape), np.uint8)
        self.mask = rng.integers(0, 13, shape, np.uint8)
        self.valid = np.zeros(shape, bool)
        for tile in TILES:
            y, x = tile.row * PX, (tile.col + 4) * PX
            self.valid[y : y + PX, x : x + (PX // 2 if tile == self.half_empty else PX)] = True
        self.image[:, ~self.valid], self.mask[~self.valid] = 0, NO_COVERAGE
        self.asked: list[TileId] = []

    def tiles(self, date: str) -> list[TileId]:
        return ORDERED

    def read(self, date: str, tiles: Sequence[TileId]) -> TileBatch:
        self.asked += tiles
        cuts = [
            np.s_[..., t.row * PX : (t.row + 1) * PX, (t.col + 4) * PX : (t.col + 5) * PX]
            for t in tiles
        ]
        empty = np.empty((0, PX, PX))
        if not tiles:
            return TileBatch(np.empty((0, 3, PX, PX), np.uint8), empty.astype(np.uint8), empty > 0)
        return TileBatch(
            np.stack([self.image[cut] for cut in cuts]),
            np.stack([self.mask[cut] for cut in cuts]),
            np.stack([self.valid[cut] for cut in cuts]),
        )


def test_windows_show_the_mosaic_of_the_tiles() -> None:
    mosaic = Mosaic()
    cutter = WindowCutter(cast(TileSet, mosaic), date="2004")
    windows = gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[1])
    batch, kept = cutter.cut(windows)
    assert 0 < (~kept).sum() < len(windows)  # the tile that is half empty
    assert len(batch) == kept.sum()
    numbers = iter(range(len(batch)))
    for (_, _, left, top, side), showing in zip(squares(windows), kept, strict=True):
        cut = np.s_[..., top : top + side, left + 4 * PX : left + 4 * PX + side]
        assert showing == (mosaic.valid[cut].mean() >= 0.5)
        if showing:
            number = next(numbers)
            np.testing.assert_array_equal(batch.images[number], mosaic.image[cut])
            np.testing.assert_array_equal(batch.masks[number], mosaic.mask[cut])
            np.testing.assert_array_equal(batch.valid[number], mosaic.valid[cut])


def test_a_whole_tile_is_kept_however_little_it_shows() -> None:
    mosaic = Mosaic()
    mosaic.valid[4 * PX + 1 : 5 * PX, 4 * PX : 5 * PX] = False  # one line of the tile is left
    windows = gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[1])
    _, kept = WindowCutter(cast(TileSet, mosaic), date="2004").cut(windows)
    assert kept[windows.are_tiles(tile_px=PX)].all()


def test_tiles_are_read_once_for_windows_that_follow_each_other() -> None:
    mosaic = Mosaic()
    cutter = WindowCutter(cast(TileSet, mosaic), date="2004")
    windows = gallery_windows(ORDERED, tile_px=PX, stride=0.5, scales=[1])
    some = windows[windows.rows == 3]
    for start in range(0, len(some), 3):
        cutter.cut(some[start : start + 3])
    assert len(mosaic.asked) < len(some)


def test_no_windows_have_no_pixels() -> None:
    windows = gallery_windows([], tile_px=PX, stride=0.5, scales=[1])
    batch, kept = WindowCutter(cast(TileSet, Mosaic()), date="2004").cut(windows)
    assert (len(batch), len(kept)) == (0, 0)
    assert batch.images.shape == (0, 3, PX, PX)


def test_a_larger_window_is_averaged_by_area_over_what_is_there() -> None:
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (3, 30, 30), np.uint8)
    mask = rng.integers(0, 13, (30, 30), np.uint8)
    valid = rng.random((30, 30)) < 0.7
    small, codes, seen = resampled(image, mask, valid, side=20)
    fine = np.repeat(np.repeat(image * valid, 2, 1), 2, 2).astype(float)  # each pixel as 2 x 2
    weight = np.repeat(np.repeat(valid, 2, 0), 2, 1).astype(float)
    for y in range(20):
        for x in range(20):
            block = np.s_[..., 3 * y : 3 * y + 3, 3 * x : 3 * x + 3]
            share = weight[block].mean()
            assert seen[y, x] == (share >= 0.5)
            mean = fine[block].sum(axis=(1, 2)) / max(weight[block].sum(), 1) if seen[y, x] else 0
            np.testing.assert_allclose(small[:, y, x], mean, atol=0.51)
            assert codes[y, x] == mask[int((y + 0.5) * 1.5), int((x + 0.5) * 1.5)]


def test_a_smaller_window_is_enlarged_without_what_is_missing() -> None:
    image = np.zeros((3, 16, 16), np.uint8)
    image[:, :, :10] = np.arange(40, 200, 16)[:10]  # a ramp along x, then nothing
    valid = np.zeros((16, 16), bool)
    valid[:, :10] = True
    mask = np.where(valid, 6, NO_COVERAGE).astype(np.uint8)
    large, codes, seen = resampled(image, mask, valid, side=40)
    assert seen[:, :25].all()
    assert not seen[:, 25:].any()
    np.testing.assert_array_equal(codes == 6, seen)
    ramp = 40 + 16 * ((np.arange(25) + 0.5) * 0.4 - 0.5)
    np.testing.assert_allclose(large[0, 7, 2:24], ramp[2:24], atol=0.51)
    assert large[:, :, :25].min() >= 40  # black is not mixed in
