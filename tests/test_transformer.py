"""The spatial transformer starts as the identity, samples as eq. 5 says, and finds an object."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from aerialret.network.transformer import (
    LEAST_SCALE,
    OVERHANG,
    SpatialTransformer,
    bounded_region,
    cut_out,
)

numbers = st.floats(-50, 50, allow_nan=False)


def slow_cut_out(picture: Tensor, scale: float, shift_x: float, shift_y: float) -> Tensor:
    """Equation 5 of GetNet, a pixel at a time; outside the picture its edge goes on."""
    channels, height, width = picture.shape
    window = torch.zeros_like(picture)
    for i in range(height):
        for j in range(width):
            x = scale * ((2 * j + 1) / width - 1) + shift_x
            y = scale * ((2 * i + 1) / height - 1) + shift_y
            column = min(max(((x + 1) * width - 1) / 2, 0), width - 1)
            row = min(max(((y + 1) * height - 1) / 2, 0), height - 1)
            for n in range(height):
                for m in range(width):
                    kernel = max(0, 1 - abs(column - m)) * max(0, 1 - abs(row - n))
                    for channel in range(channels):
                        window[channel, i, j] += kernel * picture[channel, n, m]
    return window


def seeded(channels: int, *, seed: int = 0) -> SpatialTransformer:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SpatialTransformer(channels)


def random_pixels(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("training", [True, False])
def test_it_starts_as_the_identity(training: bool) -> None:
    pixels = random_pixels(3, 3, 33, 48)
    transformer = seeded(3).train(training)
    torch.testing.assert_close(transformer(pixels), pixels, atol=1e-5, rtol=0)
    start = torch.tensor([1.0, 0.0, 0.0]).expand(3, -1)
    torch.testing.assert_close(transformer.region(pixels), start, atol=1e-6, rtol=0)


def test_it_is_the_identity_in_half_precision_too() -> None:
    pixels = random_pixels(2, 3, 64, 64).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        window = seeded(3).eval()(pixels)
    assert window.dtype == torch.bfloat16
    torch.testing.assert_close(window, pixels, atol=1e-2, rtol=0)


def test_a_region_keeps_its_precision_under_autocast() -> None:
    pixels, transformer = random_pixels(2, 3, 32, 32), seeded(3).eval()
    nn.init.normal_(
        transformer.parameters_of_window.weight, generator=torch.Generator().manual_seed(3)
    )
    expected = transformer.region(pixels)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert transformer.region(pixels).equal(expected)


@pytest.mark.parametrize(
    "region", [(0.5, 0.25, -0.4), (0.7, -0.3, 0.1), (0.31, 0.69, 0.0), (1.0, 0.08, -0.09)]
)
def test_the_sampler_agrees_with_equation_5(region: tuple[float, float, float]) -> None:
    picture = random_pixels(2, 7, 10, dtype=torch.float64)
    window = cut_out(picture[None], torch.tensor([region], dtype=torch.float64))[0]
    torch.testing.assert_close(window, slow_cut_out(picture, *region))


def test_a_third_of_a_side_in_the_upper_right_is_that_ninth_of_the_picture() -> None:
    picture = random_pixels(1, 2, 9, 12)
    window = cut_out(picture, torch.tensor([[1 / 3, 2 / 3, -2 / 3]]))
    every_third = window[:, :, 1::3, 1::3]  # the others lie between two pixels
    torch.testing.assert_close(every_third, picture[:, :, :3, 8:])


def test_outside_the_tile_its_edge_goes_on() -> None:
    picture = random_pixels(1, 2, 4, 5)
    window = cut_out(picture, torch.tensor([[1.0, 2 / 5, 0.0]]))  # a pixel to the right
    expected = torch.cat([picture[..., 1:], picture[..., -1:]], dim=3)
    torch.testing.assert_close(window, expected, atol=1e-6, rtol=0)


def test_pictures_of_a_batch_have_windows_of_their_own() -> None:
    pictures = random_pixels(3, 2, 6, 9)
    regions = torch.tensor([[0.5, 0.1, -0.3], [0.9, 0.0, 0.1], [0.4, -0.5, 0.2]])
    together = cut_out(pictures, regions)
    for picture, region, window in zip(pictures, regions, together, strict=True):
        assert cut_out(picture[None], region[None])[0].equal(window)


@given(numbers, numbers, numbers)
def test_a_window_stays_on_the_tile(raw_scale: float, raw_x: float, raw_y: float) -> None:
    scale, x, y = bounded_region(torch.tensor([[raw_scale, raw_x, raw_y]]).double())[0].tolist()
    assert scale >= LEAST_SCALE
    assert scale + max(abs(x), abs(y)) <= 1 + OVERHANG + 1e-12
    assert math.copysign(1, x) == math.copysign(1, raw_x)


def test_gradients_of_the_window_are_right() -> None:
    pixels = random_pixels(2, 2, 5, 6, dtype=torch.float64).requires_grad_()
    raw = torch.tensor([[0.3, 0.2, -0.5], [1.1, -0.4, 0.1]], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, r: cut_out(p, bounded_region(r)), (pixels, raw))


def test_gradients_of_the_whole_are_right() -> None:
    transformer = seeded(2).double().eval()
    generator = torch.Generator().manual_seed(5)
    nn.init.normal_(transformer.parameters_of_window.weight, std=0.3, generator=generator)
    first = transformer.localisation[0].weight[:2, :, 1].detach().clone().requires_grad_()
    last = transformer.parameters_of_window.weight.detach().clone().requires_grad_()
    pixels = random_pixels(2, 2, 16, 17, dtype=torch.float64)
    whole_first = transformer.localisation[0].weight.detach()

    def with_weights(first_part: Tensor, last_layer: Tensor) -> Tensor:
        convolution = whole_first.clone()
        convolution[:2, :, 1] = first_part
        weights = {
            "localisation.0.weight": convolution, "parameters_of_window.weight": last_layer,
        }  # fmt: skip
        return torch.func.functional_call(transformer, weights, pixels)

    assert torch.autograd.gradcheck(with_weights, (first, last), fast_mode=True)


def test_at_the_start_scale_and_shift_can_both_be_learnt() -> None:
    transformer = seeded(3)
    pixels = random_pixels(4, 3, 32, 32)
    weights = random_pixels(4, 3, 32, 32, seed=2)
    (transformer(pixels) * weights).sum().backward()
    assert (transformer.parameters_of_window.bias.grad.abs() > 1e-3).all()
    assert (transformer.parameters_of_window.weight.grad.abs().amax(dim=1) > 0).all()


def test_after_a_step_every_layer_gets_a_gradient() -> None:
    transformer = seeded(3)
    nn.init.constant_(transformer.parameters_of_window.weight, 0.01)
    pixels = random_pixels(4, 3, 32, 32)
    (transformer(pixels) * random_pixels(4, 3, 32, 32, seed=2)).sum().backward()
    for name, parameter in transformer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_no_picture_has_no_window() -> None:
    transformer = seeded(3).eval()
    empty = torch.empty(0, 3, 32, 32)
    assert transformer(empty).shape == (0, 3, 32, 32)
    assert transformer.region(empty).shape == (0, 3)


def test_a_tile_of_few_pixels_has_a_window() -> None:
    pixels = random_pixels(2, 3, 5, 7)
    torch.testing.assert_close(seeded(3)(pixels), pixels, atol=1e-5, rtol=0)


def scenes(count: int, *, seed: int) -> tuple[Tensor, Tensor]:
    """Noisy pictures with a bright spot each, and where it is: float [n, 2], x and y."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.rand(count, 2, generator=generator) - 0.5
    axis = (2 * torch.arange(32) + 1) / 32 - 1
    distance = (axis[None, None, :] - centres[:, 0, None, None]) ** 2
    distance = distance + (axis[None, :, None] - centres[:, 1, None, None]) ** 2
    noise = 0.1 * torch.rand(count, 32, 32, generator=generator)
    return (torch.exp(-distance / 0.08) + noise)[:, None], centres


def test_training_moves_the_window_to_the_object() -> None:
    transformer = seeded(1)
    optimiser = torch.optim.Adam(transformer.parameters(), lr=5e-3)
    in_the_middle = scenes(1, seed=0)[0] * 0
    in_the_middle[..., 8:24, 8:24] = 1
    for step in range(60):
        pixels, _ = scenes(32, seed=step)
        loss = -((transformer(pixels) - 0.5) * in_the_middle).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pixels, centres = scenes(64, seed=1000)
    with torch.no_grad():
        region = transformer.eval().region(pixels)
    away = (region[:, 1:] - centres).norm(dim=1).mean()
    assert away < 0.35 * centres.norm(dim=1).mean()
    assert region[:, 0].mean() < 0.8
