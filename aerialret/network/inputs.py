"""What a method sees: tiles as uint8 go in, tensors of images and masks come out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from aerialret.config import ModelConfig
from aerialret.tiles.palette import NO_COVERAGE, colour_table, grey_table
from aerialret.tiles.pixel_store import TileBatch


@dataclass(frozen=True, slots=True)
class Pictures:
    """n tiles as a method sees them.

    Attributes:
        image: float [n, 3, side, side] in [0, 1].
        mask: float [n, 1 or 3, side, side] in [0, 1].
        has_mask: bool [n]: some of the tile lies inside the vector coverage.
    """

    image: Tensor
    mask: Tensor
    has_mask: Tensor


def pictures(batch: TileBatch, *, config: ModelConfig, device: torch.device) -> Pictures:
    """The tiles at the side that `config` asks for."""
    whole = whole_pictures(batch, config=config, device=device)
    return resized(whole, side=input_side(config, tile_px=batch.images.shape[-1]))


def whole_pictures(batch: TileBatch, *, config: ModelConfig, device: torch.device) -> Pictures:
    """The tiles at their own side."""
    return Pictures(
        unit_range(batch.images).to(device),
        unit_range(encode_masks(batch.masks, encoding=config.mask_encoding)).to(device),
        torch.from_numpy(covered(batch.masks)).to(device),
    )


def resized(seen: Pictures, *, side: int) -> Pictures:
    """The pictures at another side."""
    image, mask = resize_images(seen.image, side=side), resize_masks(seen.mask, side=side)
    return Pictures(image, mask, seen.has_mask)


def input_side(config: ModelConfig, *, tile_px: int) -> int:
    """Side of what the method sees, in pixels."""
    return config.input_px or tile_px


def resize_images(images: Tensor, *, side: int) -> Tensor:
    """Float [n, c, side, side]: bilinear, with averaging where it shrinks."""
    if images.shape[-2:] == (side, side) or not len(images):
        return images if len(images) else images.new_empty((0, images.shape[1], side, side))
    return interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


def resize_masks(masks: Tensor, *, side: int) -> Tensor:
    """Float [n, c, side, side]: the nearest pixel, so that classes do not mix."""
    if masks.shape[-2:] == (side, side) or not len(masks):
        return masks if len(masks) else masks.new_empty((0, masks.shape[1], side, side))
    return interpolate(masks, (side, side), mode="nearest-exact")


def encode_masks(masks: NDArray[np.uint8], *, encoding: str) -> NDArray[np.uint8]:
    """uint8 [n, 1 or 3, height, width]: the luma of the class colours (`grey`), or the colours.

    Background and no coverage are 0.
    """
    if encoding == "grey":
        return grey_table()[masks][:, None]
    return np.ascontiguousarray(np.moveaxis(colour_table()[masks], -1, 1))


def covered(masks: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Bool [n]: which tiles lie inside the vector coverage, at least in part."""
    result: NDArray[np.bool_] = (masks != NO_COVERAGE).any(axis=(1, 2))
    return result


def unit_range(pixels: NDArray[np.uint8]) -> Tensor:
    """Float in [0, 1] of the same shape."""
    return torch.from_numpy(pixels).float().div(255)


def fill_absent(
    image: Tensor, mask: Tensor, *, has_image: Tensor, has_mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Image and mask with an absent one replaced by the other, tile by tile.

    The two halves of equation 4 then add up to the one that is there: a photo without mask
    reaches the trunk at full strength.

    Args:
        image: float [n, 3, height, width].
        mask: float [n, 1 or 3, height, width].
        has_image: bool [n].
        has_mask: bool [n].
    """
    stand_in = luma(image) if mask.shape[1] == 1 else image
    filled_image = torch.where(has_image.view(-1, 1, 1, 1), image, mask.expand(-1, 3, -1, -1))
    return filled_image, torch.where(has_mask.view(-1, 1, 1, 1), mask, stand_in)


def luma(image: Tensor) -> Tensor:
    """ITU-R BT.601 luma: float [n, 1, height, width] from red, green, blue."""
    weights = image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)
