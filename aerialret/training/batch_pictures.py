"""The pictures of a batch: training places and draws go in, what the network sees comes out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.network.inputs import Pictures, fill_absent
from aerialret.training.augment import jitter_colours, shift, turn_and_flip
from aerialret.training.draws import Draws
from aerialret.training.training_data import DatePixels


def whole(pixels: DatePixels, rows: NDArray[np.int64], *, device: torch.device) -> Pictures:
    """The tiles of `rows` as they are."""
    return Pictures(*_floats(pixels, rows, device))


def augmented(
    pixels: DatePixels,
    rows: NDArray[np.int64],
    draws: Draws,
    *,
    config: TrainConfig,
    rng: np.random.Generator,
    device: torch.device,
    window: bool = False,
) -> tuple[Tensor, Tensor]:
    """Image and mask of `rows`, augmented.

    Args:
        pixels: One date of the training places.
        rows: int [n].
        draws: For each row.
        config: How strongly.
        rng: Source of all other draws.
        device: Where to.
        window: Cut to a window of the tile, where `config.crop` says so.
    """
    image, mask, has_mask = _floats(pixels, rows, device)
    both = torch.cat([image, mask], dim=1)
    if config.turn_and_flip:
        both = turn_and_flip(both, draws.turns)
    if config.shift_px:
        reach = config.shift_px
        both = shift(both, rng.integers(-reach, reach + 1, (len(rows), 2)))
    image, mask = both[:, :3], both[:, 3:]
    if config.colour_jitter:
        image = jitter_colours(image, strength=config.colour_jitter, rng=rng)
    has_image = torch.from_numpy(draws.keeps_image).to(device) | ~has_mask
    keeps_mask = torch.from_numpy(draws.keeps_mask).to(device) & has_mask
    image, mask = fill_absent(image, mask, has_image=has_image, has_mask=keeps_mask)
    return (
        image.contiguous(memory_format=torch.channels_last),
        mask.contiguous(memory_format=torch.channels_last),
    )


def _floats(
    pixels: DatePixels, rows: NDArray[np.int64], device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    chosen = torch.from_numpy(rows)
    image = pixels.images[chosen].to(device).float().div(255)
    mask = pixels.masks[chosen].to(device).float().div(255)
    return image, mask, pixels.has_mask[chosen].to(device)
