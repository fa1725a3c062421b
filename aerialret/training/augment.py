"""Augmentation: batches of tiles go in, changed ones of the same shape come out.

All draws come from a NumPy generator, so that a step's augmentation depends on nothing else; the
pixels are changed on the device they lie on, all tiles at once.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.inputs import luma


def turn_and_flip(pixels: Tensor, code: NDArray[np.int64]) -> Tensor:
    """Each tile turned by `code % 4` quarters counter-clockwise and, from 4 on, mirrored.

    Args:
        pixels: [n, channels, side, side].
        code: int [n], 0 to 7; all dates of a place must get the same one.
    """
    side = pixels.shape[-1]
    last = side - 1
    # Where the upper left pixel comes from, and how far apart the sources of neighbours are.
    first = np.array([0, last, side * side - 1, side * last])[code % 4]
    down = np.array([side, -1, -side, 1])[code % 4]
    right = np.array([1, side, -1, -side])[code % 4]
    mirrored = code >= 4
    first = np.where(mirrored, first + last * right, first)
    right = np.where(mirrored, -right, right)
    start, by_row, by_col = on_device(np.stack([first, down, right]), pixels.device)[..., None]
    line = torch.arange(side, device=pixels.device)
    return _gathered(pixels, rows=start + by_row * line, cols=by_col * line)


def shift(pixels: Tensor, offsets: NDArray[np.int64]) -> Tensor:
    """Each tile moved by whole pixels, its border repeated.

    Args:
        pixels: [n, channels, height, width].
        offsets: int [n, 2], rows and columns.
    """
    if not np.any(offsets):
        return pixels
    height, width = pixels.shape[2:]
    down, right = on_device(offsets.T, pixels.device)[..., None]
    rows = (torch.arange(height, device=pixels.device) - down).clamp(0, height - 1)
    cols = (torch.arange(width, device=pixels.device) - right).clamp(0, width - 1)
    return _gathered(pixels, rows=rows * width, cols=cols)


@dataclass(frozen=True, slots=True)
class Colours:
    """How the colours of n images change, at full strength.

    Attributes:
        gain: float32 [n, 3], added to a factor of 1.
        offset: float32 [n, 3], added.
        gamma: float32 [n, 1], the natural logarithm of the exponent.
        grey: float32 [n, 1], the share of grey that is mixed in.
    """

    gain: NDArray[np.float32]
    offset: NDArray[np.float32]
    gamma: NDArray[np.float32]
    grey: NDArray[np.float32]

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> "Colours":
        """Independent changes of `count` images."""

        def draw(reach: float, channels: int) -> NDArray[np.float32]:
            return rng.uniform(-reach, reach, (count, channels)).astype(np.float32)

        gain = draw(0.3, 1) + draw(0.2, 3)
        offset = draw(0.1, 1) + draw(0.1, 3)
        return cls(gain, offset, draw(0.4, 1), np.abs(draw(0.5, 1)))

    def take(self, rows: NDArray[np.int64]) -> "Colours":
        """The changes of some of the images."""
        return Colours(self.gain[rows], self.offset[rows], self.gamma[rows], self.grey[rows])


def recoloured(images: Tensor, colours: Colours, *, strength: float) -> Tensor:
    """Each image with its own gain and offset for each channel, gamma, and share of grey.

    Args:
        images: float [n, 3, height, width] in [0, 1].
        colours: The changes.
        strength: 0 changes nothing; 1 changes gains by up to 50%, offsets by 0.2, gamma by 1.5.
    """
    parts = np.concatenate([colours.gain, colours.offset, colours.gamma, colours.grey], axis=1)
    values = on_device(parts * np.float32(strength), images.device)[..., None, None]
    gain, offset, gamma, grey = values[:, :3], values[:, 3:6], values[:, 6:7], values[:, 7:]
    # (mixed - 0.5) (1 + gain) + 0.5 + offset, mixed = images (1 - grey) + luma grey, in few passes;
    # the power as a logarithm's exponential, which processors compute twice as fast.
    changed = images * ((1 - grey) * (1 + gain))
    changed.addcmul_(luma(images), grey * (1 + gain)).add_(offset - 0.5 * gain)
    return changed.clamp_(1e-4, 1).log_().mul_(torch.exp(gamma)).exp_()


def on_device(values: NDArray[np.generic], device: torch.device) -> Tensor:
    """The numbers on `device`, without waiting for what it is doing."""
    tensor = torch.from_numpy(np.ascontiguousarray(values))
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def _gathered(pixels: Tensor, *, rows: Tensor, cols: Tensor) -> Tensor:
    """Each tile's pixels at the sum of int [n, height] and int [n, width], counted row by row."""
    index = (rows[:, :, None] + cols[:, None, :]).flatten(1)[:, None]
    return pixels.flatten(2).gather(2, index.expand(-1, pixels.shape[1], -1)).view_as(pixels)
