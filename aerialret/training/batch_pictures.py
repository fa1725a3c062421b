"""The pictures of a batch: training places and draws go in, what the network sees comes out."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.network.inputs import Pictures, fill_absent, resize_images, resize_masks
from aerialret.training.augment import on_device, recoloured, shift, turn_and_flip
from aerialret.training.displacement import displaced
from aerialret.training.draws import Draws
from aerialret.training.fading import faded
from aerialret.training.looks import Looks
from aerialret.training.training_data import DatePixels

_IMAGE, _MASK = slice(0, 3), slice(3, None)


def whole(
    pixels: DatePixels, rows: NDArray[np.int64], *, device: torch.device, side: int = 0
) -> Pictures:
    """The tiles of `rows` as they are, at `side` pixels unless that is 0."""
    seen = pixels.take(rows, device=device)
    image, mask = seen.images.float().div(255), seen.masks.float().div(255)
    if side:
        image, mask = resize_images(image, side=side), resize_masks(mask, side=side)
    return Pictures(image, mask, seen.has_mask)


def augmented(
    pixels: DatePixels,
    rows: NDArray[np.int64],
    draws: Draws,
    looks: Looks,
    *,
    config: TrainConfig,
    side: int,
    device: torch.device,
) -> tuple[Tensor, Tensor]:
    """Image and mask of `rows`, augmented: float [n, channels, side, side] in [0, 1].

    Args:
        pixels: One date of the training places.
        rows: int [n].
        draws: The turn and the modalities of each row.
        looks: All else that changes it.
        config: How strongly.
        side: Of what the network sees; other than the tiles' only where `config` displaces them.
        device: Where to.
    """
    seen = pixels.take(rows, device=device)
    both = _placed(seen, draws, looks, config=config, side=side)
    image, mask = both[:, _IMAGE], both[:, _MASK]
    if config.colour_jitter:
        image = recoloured(image, looks.colours, strength=config.colour_jitter)
    if config.grey_share:
        image = faded(image, looks.fading)
    keeps_image, keeps_mask = on_device(np.stack([draws.keeps_image, draws.keeps_mask]), device)
    image, mask = fill_absent(
        image, mask, has_image=keeps_image | ~seen.has_mask, has_mask=keeps_mask & seen.has_mask
    )
    return (
        image.contiguous(memory_format=torch.channels_last),
        mask.contiguous(memory_format=torch.channels_last),
    )


def _placed(
    seen: DatePixels, draws: Draws, looks: Looks, *, config: TrainConfig, side: int
) -> Tensor:
    """Image and mask turned, cut and moved: float [n, channels, side, side] in [0, 1]."""
    both = torch.cat([seen.images, seen.masks], dim=1)
    if config.displaces:
        windows = looks.displacements
        if config.turn_and_flip:
            windows = windows.with_symmetry(draws.turns)
        return displaced(both, windows, out_px=side, nearest=_MASK)
    if config.turn_and_flip:
        both = turn_and_flip(both, draws.turns)
    if config.shift_px:
        both = shift(both, looks.displacements.shift_px)
    return both.float().div(255)
