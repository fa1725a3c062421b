"""Training places as a search sees them: a method and places go in, vectors and ranks come out."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from aerialret.config import ModelConfig
from aerialret.network.finish import Role
from aerialret.network.methods import vector_length
from aerialret.network.vectors import Modality, modalities_of, vectors, views_of
from aerialret.retrieval.metrics import ranks_of_truth
from aerialret.training.batch_pictures import whole
from aerialret.training.training_data import DatePixels, PlacePixels

DESCRIBE_AT_ONCE = 32

Autocast = Callable[[], AbstractContextManager[Any]]


def ranks_among(
    network: nn.Module,
    places: PlacePixels,
    *,
    device: torch.device,
    autocast: Autocast = nullcontext,
) -> NDArray[np.int64]:
    """The rank of each place's gallery tile among all of `places`: int [n]."""
    query, gallery = described(network, places, device=device, autocast=autocast)
    return ranks_of_truth(query, gallery, np.arange(len(query)))


def described(
    network: nn.Module,
    places: PlacePixels,
    *,
    device: torch.device,
    autocast: Autocast = nullcontext,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Query vectors float32 [n, V, R] and gallery vectors float32 [n, R] of the same places.

    By every modality that is there; where the method sees one at a time, masks are searched by
    images.

    Args:
        network: The method.
        places: Both dates.
        device: Where it computes.
        autocast: Entered around each pass through the network.
    """
    config: ModelConfig = network.config  # type: ignore[assignment]
    asked = modalities_of(config)[0]
    held: Modality = "mask" if config.input == "either" else asked
    network.eval()
    query = _of_date(network, places.query, asked, "query", device, autocast)
    return query, _of_date(network, places.gallery, held, "gallery", device, autocast)[:, 0]


def _of_date(
    network: nn.Module,
    pixels: DatePixels,
    modality: Modality,
    role: Role,
    device: torch.device,
    autocast: Autocast,
) -> NDArray[np.float32]:
    views = views_of(network.config, modality=modality) if role == "query" else 1  # type: ignore[arg-type]
    parts = [np.empty((0, views, vector_length(network)), np.float32)]
    for start in range(0, len(pixels), DESCRIBE_AT_ONCE):
        rows = np.arange(start, min(start + DESCRIBE_AT_ONCE, len(pixels)))
        seen = whole(pixels, rows, device=device)
        with torch.inference_mode(), autocast():
            parts.append(vectors(network, seen, modality, role=role).float().cpu().numpy())
    return np.concatenate(parts)
