"""Augmentation keeps shapes and does what it says."""

import numpy as np
import pytest
import torch

from aerialret.training.augment import Colours, recoloured, shift, turn_and_flip
from aerialret.training.fading import Fading, faded


def tiles(n: int = 8) -> torch.Tensor:
    return torch.arange(n * 2 * 5 * 5, dtype=torch.float32).reshape(n, 2, 5, 5)


def colours(n: int = 6, side: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 3, side, side, generator=generator).clamp(0.01, 1)


def jittered(images: torch.Tensor, *, strength: float, rng: np.random.Generator) -> torch.Tensor:
    return recoloured(images, Colours.draw(len(images), rng), strength=strength)


def grey_faded(images: torch.Tensor, share: float, rng: np.random.Generator) -> torch.Tensor:
    return faded(images, Fading.draw(len(images), share=share, rng=rng))


def test_the_eight_codes_give_the_eight_symmetries_of_the_square() -> None:
    turned = turn_and_flip(tiles(1).repeat(8, 1, 1, 1), np.arange(8))
    assert len({tuple(tile.flatten().tolist()) for tile in turned}) == 8


def test_code_one_turns_a_quarter_counter_clockwise() -> None:
    original = tiles(1)
    assert np.array_equal(turn_and_flip(original, np.array([1]))[0, 0], np.rot90(original[0, 0]))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_all_tiles_at_once_are_turned_as_one_by_one(dtype: torch.dtype) -> None:
    code = np.array([3, 0, 7, 4, 1, 6, 2, 5])
    pixels = (tiles(8) % 251).to(dtype)
    slow = []
    for tile, number in zip(pixels.numpy(), code.tolist(), strict=True):
        turned = np.rot90(tile, number % 4, axes=(1, 2))
        slow.append(turned[:, :, ::-1] if number >= 4 else turned)
    fast = turn_and_flip(pixels, code)
    assert fast.dtype == dtype
    assert np.array_equal(fast.numpy(), np.stack(slow))


def test_the_same_code_keeps_two_dates_aligned() -> None:
    codes = np.array([5, 2, 7])
    pixels = tiles(3)
    assert torch.equal(turn_and_flip(pixels, codes) + 1, turn_and_flip(pixels + 1, codes))


def test_a_shift_moves_content_down_and_right_and_repeats_the_border() -> None:
    pixels = tiles(1)
    moved = shift(pixels, np.array([[2, 1]]))
    assert torch.equal(moved[0, :, 2:, 1:], pixels[0, :, :3, :4])
    assert torch.equal(moved[0, :, 0, 1:], pixels[0, :, 0, :4])


def test_all_tiles_at_once_are_shifted_as_one_by_one() -> None:
    pixels = torch.arange(4 * 2 * 5 * 7, dtype=torch.float32).reshape(4, 2, 5, 7)
    offsets = np.array([[2, -1], [0, 3], [-4, -6], [0, 0]])
    slow = np.empty_like(pixels.numpy())
    for n, (down, right) in enumerate(offsets.tolist()):
        for row in range(5):
            for col in range(7):
                at = min(max(row - down, 0), 4), min(max(col - right, 0), 6)
                slow[n, :, row, col] = pixels[n, :, at[0], at[1]]
    assert np.array_equal(shift(pixels, offsets).numpy(), slow)


def test_no_shift_changes_nothing() -> None:
    assert torch.equal(shift(tiles(2), np.zeros((2, 2), np.int64)), tiles(2))


def test_no_tile_gives_no_tile() -> None:
    rng = np.random.default_rng(0)
    none = np.empty(0, np.int64)
    assert turn_and_flip(tiles(0), none).shape == (0, 2, 5, 5)
    assert shift(tiles(0), np.empty((0, 2), np.int64)).shape == (0, 2, 5, 5)
    assert jittered(colours(0), strength=1, rng=rng).shape == (0, 3, 8, 8)
    assert grey_faded(colours(0), 1.0, rng).shape == (0, 3, 8, 8)


def test_colours_stay_in_range_and_zero_strength_changes_nothing() -> None:
    images = colours()
    same = jittered(images, strength=0, rng=np.random.default_rng(0))
    strong = jittered(images, strength=1, rng=np.random.default_rng(0))
    torch.testing.assert_close(same, images)
    assert 0 <= strong.min() < strong.max() <= 1
    assert (strong - images).abs().max() > 0.1


def test_each_image_gets_its_own_colours() -> None:
    images = torch.full((2, 3, 2, 2), 0.5)
    changed = jittered(images, strength=1, rng=np.random.default_rng(0))
    assert not torch.allclose(changed[0], changed[1])


def test_some_of_the_images_change_as_they_do_among_all() -> None:
    images, rows = colours(), np.array([4, 1])
    drawn = Colours.draw(6, np.random.default_rng(3))
    old = Fading.draw(6, share=0.8, rng=np.random.default_rng(3))
    some = recoloured(images[rows], drawn.take(rows), strength=0.7)
    torch.testing.assert_close(some, recoloured(images, drawn, strength=0.7)[rows])
    torch.testing.assert_close(faded(images[rows], old.take(rows)), faded(images, old)[rows])


def test_the_share_of_faded_images_is_as_asked_and_they_are_grey() -> None:
    images = colours(400, side=4)
    changed = grey_faded(images, 0.3, np.random.default_rng(0))
    grey = (changed[:, 0] == changed[:, 1]).flatten(1).all(dim=1)
    assert 80 < grey.sum() < 160
    assert torch.equal(changed[~grey], images[~grey])
    assert torch.equal(grey_faded(images, 0, np.random.default_rng(0)), images)


def test_a_faded_image_is_the_protocols_grey_one_up_to_grain() -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    side = 256
    images = colours(1, side=side)
    fading = Fading(np.array([True]), np.array([0.6], np.float32), np.array([[0.2, 0.7]]))
    weights = np.array([0.299, 0.587, 0.114])
    luma = np.tensordot(weights, images[0].numpy(), axes=1)
    blurred = ndimage.gaussian_filter(luma, 1.0, mode="mirror", truncate=3)
    expected = (blurred - blurred.mean()) * 0.6 + 0.5
    grain = faded(images, fading)[0, 0].numpy() - expected
    assert abs(grain.std() - 6 / 255) < 5e-4
    assert abs(grain.mean()) < 5e-4
    assert abs(np.corrcoef(grain[1:].ravel(), grain[:-1].ravel())[0, 1]) < 0.02
