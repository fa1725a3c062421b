"""Descriptors: a model and tiles go in, unit vectors come out."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.config import ModelConfig
from aerialret.network.checkpoint import Model
from aerialret.network.model import descriptor_length, fill_absent
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE, colour_table, grey_table
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

Modality: TypeAlias = Literal["image+mask", "image", "mask"]
"""What a descriptor is made from."""


def modalities_of(config: ModelConfig) -> tuple[Modality, ...]:
    """What descriptors of this network can be made from, the richest first."""
    if config.input == "image+mask":
        return ("image+mask", "image", "mask")
    return ("image",) if config.input == "image" else ("mask",)


def describe(
    model: Model, batch: TileBatch, *, modality: Modality, batch_size: int = 32
) -> NDArray[np.float32]:
    """Unit descriptors: float32 [n, R].

    A tile whose mask lies wholly outside the vector coverage is described by its image alone.
    """
    parts = [
        _describe_some(model, batch, slice(start, start + batch_size), modality)
        for start in range(0, len(batch), batch_size)
    ]
    length = descriptor_length(model.config)
    return np.concatenate(parts) if parts else np.empty((0, length), np.float32)


def describe_tiles(
    model: Model,
    tileset: TileSet,
    *,
    date: str,
    tiles: Sequence[TileId],
    modality: Modality,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """Unit descriptors of `tiles` at `date`, in their order: float32 [n, R]."""
    parts = [np.empty((0, descriptor_length(model.config)), np.float32)]
    for start in range(0, len(tiles), batch_size):
        some = tiles[start : start + batch_size]
        parts.append(
            describe(model, tileset.read(date, some), modality=modality, batch_size=batch_size)
        )
        if progress:
            progress(start + len(some), len(tiles))
    return np.concatenate(parts)


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


def _describe_some(
    model: Model, batch: TileBatch, rows: slice, modality: Modality
) -> NDArray[np.float32]:
    masks = batch.masks[rows]
    image = unit_range(batch.images[rows]).to(model.device)
    mask = unit_range(encode_masks(masks, encoding=model.config.mask_encoding)).to(model.device)
    has_mask = torch.from_numpy(covered(masks)).to(model.device)
    inputs = fill_absent(
        image,
        mask,
        has_image=torch.full_like(has_mask, modality != "mask"),
        has_mask=has_mask
        if modality == "image+mask"
        else torch.full_like(has_mask, modality == "mask"),
    )
    with torch.inference_mode():
        descriptors = torch.nn.functional.normalize(model.network(*inputs).float(), dim=1)
    result: NDArray[np.float32] = descriptors.cpu().numpy()
    return result
