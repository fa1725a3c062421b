"""The vectors of pictures: a method and what it sees go in, what the search compares comes out."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import ModelConfig
from aerialret.network.describer import Describer
from aerialret.network.finish import Role, coded
from aerialret.network.inputs import Pictures, fill_absent
from aerialret.network.model import DescriptorNetwork

Modality: TypeAlias = Literal["image+mask", "image", "mask"]
"""What a descriptor is made from."""


def modalities_of(config: ModelConfig) -> tuple[Modality, ...]:
    """What descriptors of this method can be made from, the richest first."""
    if config.input == "image+mask":
        return ("image+mask", "image", "mask")
    if config.input == "either":
        return ("image", "mask")
    return ("image",) if config.input == "image" else ("mask",)


def views_of(config: ModelConfig, *, modality: Modality) -> int:
    """Vectors of a query for each turn that is tried."""
    late = config.joins_descriptors and config.fusion == "late"
    return 2 if late and modality == "image+mask" else 1


def vectors(network: Describer, seen: Pictures, modality: Modality, *, role: Role) -> Tensor:
    """The vectors of n pictures: float [n, V, R], V = 1 but for queries by late fusion.

    Args:
        network: A method, see `aerialret.network.methods.build_network`.
        seen: The pictures.
        modality: What may be looked at.
        role: Which side of the search they are for.
    """
    config, finish, mask_finish = network.config, network.finish, network.mask_finish
    if mask_finish is None:
        return _coded(finish(seen_by(network, seen, modality))[:, None], config, role)
    image = normalize(finish(seen_by(network, seen, "image")), dim=1) * (modality != "mask")
    there = seen.has_mask[:, None] & (modality != "image")
    mask = normalize(mask_finish(seen_by(network, seen, "mask")), dim=1) * there
    if config.fusion == "concatenation":
        return _coded(torch.cat([image, mask], dim=1)[:, None], config, role)
    return _late(image, mask, seen, modality, role)


def _coded(finished: Tensor, config: ModelConfig, role: Role) -> Tensor:
    flat = coded(finished.flatten(0, 1), distance=config.distance, role=role)
    return flat.view(*finished.shape[:2], -1)


def seen_by(network: Describer, seen: Pictures, modality: Modality) -> Tensor:
    """What the network gives for pictures of which only `modality` may be looked at: float [n, R].

    Not finished, not normalised.
    """
    result: Tensor = network(*inputs_of(seen, modality)).float()
    return result


def grid_cells(network: Describer, seen: Pictures, modality: Modality) -> Tensor:
    """A unit vector for each cell of the pictures: float [n, channels, rows, columns]."""
    assert isinstance(network, DescriptorNetwork), network.config.method
    return network.maps(*inputs_of(seen, modality)).float()


def inputs_of(seen: Pictures, modality: Modality) -> tuple[Tensor, Tensor]:
    """Image and mask as the network takes them; the one stands in for the other if it is hidden."""
    no = torch.zeros_like(seen.has_mask)
    has_mask = {"image+mask": seen.has_mask, "image": no, "mask": ~no}[modality]
    has_image = no if modality == "mask" else ~no
    inputs = fill_absent(seen.image, seen.mask, has_image=has_image, has_mask=has_mask)
    image, mask = (part.contiguous(memory_format=torch.channels_last) for part in inputs)
    return image, mask


def _late(image: Tensor, mask: Tensor, seen: Pictures, modality: Modality, role: Role) -> Tensor:
    """Late fusion: one search by image and one by mask among tiles that hold both halves.

    RFIAP 2020, section 3.1: the nearest of both modalities are merged. An absent half is zero; a
    photo without mask asks by its image twice.
    """
    if role == "gallery":
        return torch.cat([image, mask], dim=1)[:, None]
    none = torch.zeros_like(image)
    by_image, by_mask = torch.cat([image, none], dim=1), torch.cat([none, mask], dim=1)
    if modality != "image+mask":
        return (by_image if modality == "image" else by_mask)[:, None]
    by_mask = torch.where(seen.has_mask[:, None], by_mask, by_image)
    return torch.stack([by_image, by_mask], dim=1)
