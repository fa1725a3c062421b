"""Augmentation keeps shapes and does what it says."""

import numpy as np
import torch

from aerialret.training.augment import jitter_colours, shift, turn_and_flip


def tiles(n: int = 8) -> torch.Tensor:
    return torch.arange(n * 2 * 5 * 5, dtype=torch.float32).reshape(n, 2, 5, 5)


def test_the_eight_codes_give_the_eight_symmetries_of_the_square() -> None:
    turned = turn_and_flip(tiles(1).repeat(8, 1, 1, 1), np.arange(8))
    assert len({tuple(tile.flatten().tolist()) for tile in turned}) == 8


def test_code_one_turns_a_quarter_counter_clockwise() -> None:
    original = tiles(1)
    assert np.array_equal(turn_and_flip(original, np.array([1]))[0, 0], np.rot90(original[0, 0]))


def test_the_same_code_keeps_two_dates_aligned() -> None:
    codes = np.array([5, 2, 7])
    pixels = tiles(3)
    assert torch.equal(turn_and_flip(pixels, codes) + 1, turn_and_flip(pixels + 1, codes))


def test_a_shift_moves_content_down_and_right_and_repeats_the_border() -> None:
    pixels = tiles(1)
    moved = shift(pixels, np.array([[2, 1]]))
    assert torch.equal(moved[0, :, 2:, 1:], pixels[0, :, :3, :4])
    assert torch.equal(moved[0, :, 0, 1:], pixels[0, :, 0, :4])


def test_no_shift_changes_nothing() -> None:
    assert torch.equal(shift(tiles(2), np.zeros((2, 2), np.int64)), tiles(2))


def test_colours_stay_in_range_and_zero_strength_changes_nothing() -> None:
    images = torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(1)).clamp(0.01, 1)
    same = jitter_colours(images, strength=0, rng=np.random.default_rng(0))
    strong = jitter_colours(images, strength=1, rng=np.random.default_rng(0))
    torch.testing.assert_close(same, images)
    assert 0 <= strong.min() < strong.max() <= 1
    assert (strong - images).abs().max() > 0.1


def test_each_image_gets_its_own_colours() -> None:
    images = torch.full((2, 3, 2, 2), 0.5)
    changed = jitter_colours(images, strength=1, rng=np.random.default_rng(0))
    assert not torch.allclose(changed[0], changed[1])
