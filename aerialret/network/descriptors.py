"""Descriptors: a model and tiles go in, the vectors that the search compares come out.

The inner product of a query's vector and a gallery tile's is their score, 1 at best. A query may
have several vectors (turns of the photo; one for the image and one for the mask): the best counts.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import ModelConfig
from aerialret.network.checkpoint import Model
from aerialret.network.finish import Role, coded
from aerialret.network.inputs import Pictures, fill_absent, pictures
from aerialret.network.turns import turned
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

Modality: TypeAlias = Literal["image+mask", "image", "mask"]
"""What a descriptor is made from."""


def modalities_of(config: ModelConfig) -> tuple[Modality, ...]:
    """What descriptors of this method can be made from, the richest first."""
    if config.input == "image+mask":
        return ("image+mask", "image", "mask")
    if config.input == "either":
        return ("image", "mask")
    return ("image",) if config.input == "image" else ("mask",)


def describe(
    model: Model, batch: TileBatch, *, modality: Modality, batch_size: int = 32
) -> NDArray[np.float32]:
    """The vectors of gallery tiles: float32 [n, R].

    They are of unit length but for Euclidean distances and late fusion (see `finish.coded`).
    A tile whose mask lies wholly outside the vector coverage is described by its image alone.
    """
    parts = [np.empty((0, model.length), np.float32)]
    with torch.inference_mode():
        for some in _portions(batch, batch_size):
            seen = pictures(some, config=model.config, device=model.device)
            parts.append(_vectors(model, seen, modality, role="gallery")[:, 0].cpu().numpy())
    return np.concatenate(parts)


def describe_queries(
    model: Model,
    batch: TileBatch,
    *,
    modality: Modality,
    rotations: int = 1,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    """The vectors of queries: float32 [n, V, R]; the one that fits a tile best counts.

    Args:
        model: Describes them.
        batch: The queries.
        modality: What they are described by.
        rotations: Turns that are tried, evenly over the circle; the vectors of one turn follow
            each other, and `turn_of_view` gives its angle.
        batch_size: Queries described at once.
    """
    views = views_of(model.config, modality=modality) * rotations
    parts = [np.empty((0, views, model.length), np.float32)]
    with torch.inference_mode():
        for some in _portions(batch, batch_size):
            seen = pictures(some, config=model.config, device=model.device)
            turns = [
                _vectors(model, _turned(seen, 360 * k / rotations), modality, role="query")
                for k in range(rotations)
            ]
            parts.append(torch.cat(turns, dim=1).cpu().numpy())
    return np.concatenate(parts)


def views_of(config: ModelConfig, *, modality: Modality) -> int:
    """Vectors of a query for each turn that is tried."""
    late = config.joins_descriptors and config.fusion == "late"
    return 2 if late and modality == "image+mask" else 1


def turn_of_view(view: int, *, views: int, rotations: int) -> float:
    """Degrees by which the photo was turned counter-clockwise for one of its `views` vectors."""
    return 360.0 * (view * rotations // views) / rotations


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
    """The vectors of `tiles` at `date` as a gallery, in their order: float32 [n, R]."""
    parts = [np.empty((0, model.length), np.float32)]
    for start in range(0, len(tiles), batch_size):
        some = tiles[start : start + batch_size]
        parts.append(
            describe(model, tileset.read(date, some), modality=modality, batch_size=batch_size)
        )
        if progress:
            progress(start + len(some), len(tiles))
    return np.concatenate(parts)


def _portions(batch: TileBatch, size: int) -> list[TileBatch]:
    starts = range(0, len(batch), size)
    return [
        TileBatch(batch.images[s : s + size], batch.masks[s : s + size], batch.valid[s : s + size])
        for s in starts
    ]


def _turned(seen: Pictures, degrees: float) -> Pictures:
    if degrees == 0:
        return seen
    mask = turned(seen.mask, degrees=degrees, nearest=True)
    return Pictures(turned(seen.image, degrees=degrees), mask, seen.has_mask)


def _vectors(model: Model, seen: Pictures, modality: Modality, *, role: Role) -> Tensor:
    """Float [n, V, R]."""
    config = model.config
    if config.joins_descriptors:
        joined = _joined(model, seen, modality, role=role)
    else:
        joined = model.network.finish(_by(model, seen, modality))[:, None]  # type: ignore[operator]
    if config.joins_descriptors and config.fusion == "late":
        return joined  # each half is of unit length already
    flat = coded(joined.flatten(0, 1), distance=config.distance, role=role)
    return flat.view(*joined.shape[:2], -1)


def _by(model: Model, seen: Pictures, modality: Modality) -> Tensor:
    """What the network gives for pictures of which only `modality` may be looked at."""
    no = torch.zeros_like(seen.has_mask)
    has_mask = {"image+mask": seen.has_mask, "image": no, "mask": ~no}[modality]
    has_image = no if modality == "mask" else ~no
    inputs = fill_absent(seen.image, seen.mask, has_image=has_image, has_mask=has_mask)
    image, mask = (part.contiguous(memory_format=torch.channels_last) for part in inputs)
    result: Tensor = model.network(image, mask)
    return result.float()


def _joined(model: Model, seen: Pictures, modality: Modality, *, role: Role) -> Tensor:
    """Image and mask described each by itself, each of unit length: float [n, V, 2 R].

    An absent one is zero. Late fusion asks with one after the other, where both are there.
    """
    network: object = model.network
    image = normalize(network.finish(_by(model, seen, "image")), dim=1)  # type: ignore[attr-defined]
    mask = normalize(network.mask_finish(_by(model, seen, "mask")), dim=1)  # type: ignore[attr-defined]
    image = image * (modality != "mask")
    mask = mask * (seen.has_mask[:, None] & (modality != "image"))
    if role == "gallery" or model.config.fusion == "concatenation":
        return torch.cat([image, mask], dim=1)[:, None]
    none = torch.zeros_like(image)
    by_image, by_mask = torch.cat([image, none], dim=1), torch.cat([none, mask], dim=1)
    if modality != "image+mask":
        return (by_image if modality == "image" else by_mask)[:, None]
    # A photo without mask is asked for twice by its image.
    by_mask = torch.where(seen.has_mask[:, None], by_mask, by_image)
    return torch.stack([by_image, by_mask], dim=1)
