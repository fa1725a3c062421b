"""Augmentation: batches of tiles go in, changed ones of the same shape come out.

All draws come from a NumPy generator, so that a step's augmentation depends on nothing else.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from aerialret.network.inputs import luma


def turn_and_flip(pixels: Tensor, code: NDArray[np.int64]) -> Tensor:
    """Each tile turned by `code % 4` quarters counter-clockwise and, from 4 on, mirrored.

    Args:
        pixels: [n, channels, side, side].
        code: int [n], 0 to 7; all dates of a place must get the same one.
    """
    turned = [
        torch.rot90(tile, int(c) % 4, (1, 2)).flip(2)
        if c >= 4
        else torch.rot90(tile, int(c) % 4, (1, 2))
        for tile, c in zip(pixels, code, strict=True)
    ]
    return torch.stack(turned) if turned else pixels


def shift(pixels: Tensor, offsets: NDArray[np.int64]) -> Tensor:
    """Each tile moved by whole pixels, its border repeated.

    Args:
        pixels: [n, channels, height, width].
        offsets: int [n, 2], rows and columns.
    """
    reach = int(np.abs(offsets).max(initial=0))
    if reach == 0:
        return pixels
    height, width = pixels.shape[2:]
    wide = pad(pixels.float(), (reach,) * 4, mode="replicate").to(pixels.dtype)
    moved = [
        tile[:, reach - down : reach - down + height, reach - right : reach - right + width]
        for tile, (down, right) in zip(wide, offsets.tolist(), strict=True)
    ]
    return torch.stack(moved)


def jitter_colours(images: Tensor, *, strength: float, rng: np.random.Generator) -> Tensor:
    """Each image with its own gain and offset for each channel, gamma, and share of grey.

    Args:
        images: float [n, 3, height, width] in [0, 1].
        strength: 0 changes nothing; 1 changes gains by up to 50%, offsets by 0.2, gamma by 1.5.
        rng: Source of the draws.
    """
    n = len(images)

    def draw(low: float, high: float, *shape: int) -> Tensor:
        values = rng.uniform(low, high, (n, *shape)).astype(np.float32)
        return torch.from_numpy(values).to(images.device).view(n, -1, 1, 1)

    gain = 1 + strength * (draw(-0.3, 0.3) + draw(-0.2, 0.2, 3))
    offset = strength * (draw(-0.1, 0.1) + draw(-0.1, 0.1, 3))
    gamma = torch.exp(strength * draw(-0.4, 0.4))
    grey = strength * draw(0, 0.5)
    mixed = images * (1 - grey) + luma(images) * grey
    centred = (mixed - 0.5) * gain + 0.5 + offset
    return centred.clamp(1e-4, 1) ** gamma
