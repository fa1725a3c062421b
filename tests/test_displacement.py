"""One resampling does what turning, cutting, scaling and shifting one after the other do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from aerialret.config import TrainConfig
from aerialret.training.augment import shift, turn_and_flip
from aerialret.training.displacement import Displacements, displaced

SIDE = 24
STRONG = TrainConfig(turn_deg=180.0, crop=0.4, zoom=1.3, shift_px=3)


def pixels(n: int, *, channels: int = 4, side: int = SIDE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.rand(n, channels, side, side, generator=generator)


def still(n: int) -> Displacements:
    config, rng = TrainConfig(), np.random.default_rng(0)
    return Displacements.draw(n, config=config, rng=rng, window=True)


def drawn(n: int, *, config: TrainConfig = STRONG, window: bool = True) -> Displacements:
    rng = np.random.default_rng(5)
    return Displacements.draw(n, config=config, rng=rng, window=window)


def test_without_displacement_nothing_changes() -> None:
    result = displaced(pixels(3), still(3), out_px=SIDE, nearest=slice(3, 4))
    torch.testing.assert_close(result, pixels(3), atol=1e-5, rtol=0)


def test_symmetries_are_those_of_turn_and_flip() -> None:
    code = np.arange(8)
    result = displaced(pixels(8), still(8).with_symmetry(code), out_px=SIDE, nearest=slice(3, 4))
    torch.testing.assert_close(result, turn_and_flip(pixels(8), code), atol=1e-5, rtol=0)


def test_a_shift_moves_content_as_shift_does() -> None:
    config = TrainConfig(shift_px=4)
    draws = drawn(6, config=config, window=False)
    offsets = draws.shift_px
    assert np.abs(offsets).max() == 4
    moved = displaced(pixels(6), draws, out_px=SIDE)
    inner = slice(4, SIDE - 4)
    expected = shift(pixels(6), offsets)
    torch.testing.assert_close(
        moved[:, :, inner, inner], expected[:, :, inner, inner], atol=1e-5, rtol=0
    )


@pytest.mark.parametrize(("mode", "order"), [("bilinear", 1), ("nearest", 0)])
def test_windows_are_those_of_scipy(mode: str, order: int) -> None:
    n, out_px = 5, 20
    draws = replace(drawn(n), symmetry=np.array([0, 3, 5, 6, 2]), side=np.linspace(0.5, 1.2, n))
    tiles = pixels(n, channels=2)
    nearest = slice(0, 2) if mode == "nearest" else None
    result = displaced(tiles, draws, out_px=out_px, nearest=nearest).numpy()
    for tile, matrix, found in zip(
        tiles.numpy(), draws.matrices(tile_px=SIDE), result, strict=True
    ):
        # From x, y in -1..1 to row, column in pixels, both ways.
        to_pixels = np.array([[0, SIDE / 2], [SIDE / 2, 0]])
        from_pixels = np.array([[0, 2 / out_px], [2 / out_px, 0]])
        linear = to_pixels @ matrix[:, :2] @ from_pixels
        first = matrix[:, :2] @ np.full(2, 1 / out_px - 1) + matrix[:, 2]
        offset = to_pixels @ first + (SIDE - 1) / 2
        for channel, seen in zip(tile, found, strict=True):
            expected = ndimage.affine_transform(
                channel, linear, offset, (out_px, out_px), order=order, mode="reflect"
            )
            agree = np.isclose(seen, expected, atol=1e-4)
            assert agree.mean() == 1 if order else agree.mean() > 0.99  # ties round either way


def test_masks_hold_no_colour_that_was_not_there() -> None:
    tiles = torch.randint(0, 4, (6, 4, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    tiles = (tiles * 60).to(torch.uint8)
    result = displaced(tiles, drawn(6), out_px=17, nearest=slice(3, 4)) * 255
    assert set(result[:, 3].round(decimals=3).unique().tolist()) <= {0.0, 60.0, 120.0, 180.0}
    assert len(result[:, :3].unique()) > 100


def test_shrinking_averages_instead_of_picking() -> None:
    checkers = (torch.arange(48)[:, None] + torch.arange(48)) % 2
    tiles = checkers.float().expand(2, 1, 48, 48).contiguous()
    whole = still(2)
    assert displaced(tiles, whole, out_px=12).std() < 1e-5
    means = pixels(2, side=48).unflatten(2, (12, 4)).unflatten(4, (12, 4)).mean(dim=(3, 5))
    shrunk = displaced(pixels(2, side=48), whole, out_px=12)
    torch.testing.assert_close(shrunk, means, atol=1e-5, rtol=0)


def test_every_window_of_the_query_date_fits_its_tile() -> None:
    draws = drawn(500, config=TrainConfig(turn_deg=180.0, crop=0.3))
    small = draws.side < 1 / np.sqrt(2)
    corners = draws.matrices(tile_px=SIDE) @ np.array(
        [[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]]
    )
    assert np.abs(corners[small]).max() <= 1 + 1e-6
    assert np.abs(draws.centre).max() > 0.3
    assert draws.side.min() >= 0.3


def test_the_gallery_date_keeps_its_centre() -> None:
    draws = drawn(50, config=replace(STRONG, shift_px=0), window=False)
    assert not draws.centre.any()
    assert draws.side.min() < 0.85
    assert draws.side.max() > 1.15
    assert np.abs(draws.turn_deg).max() > 120


def test_some_of_the_tiles_are_displaced_as_they_are_among_all() -> None:
    rows = np.array([3, 0])
    all_of_them = displaced(pixels(4), drawn(4), out_px=9, nearest=slice(3, 4))
    some = displaced(pixels(4)[rows], drawn(4).take(rows), out_px=9, nearest=slice(3, 4))
    torch.testing.assert_close(some, all_of_them[rows])


def test_no_tile_gives_no_window() -> None:
    assert displaced(pixels(0), drawn(0), out_px=7).shape == (0, 4, 7, 7)
