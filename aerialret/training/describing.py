"""Training places as a search sees them: a method and places go in, vectors and ranks come out."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.describer import Describer
from aerialret.network.finish import Role
from aerialret.network.methods import vector_length
from aerialret.network.vectors import Modality, modalities_of, vectors, views_of
from aerialret.training.batch_pictures import whole
from aerialret.training.distributed import World
from aerialret.training.training_data import DatePixels, PlacePixels

DESCRIBE_AT_ONCE = 32

COMPARE_AT_ONCE = 1024

_ALONE = World()

Autocast = Callable[[], AbstractContextManager[Any]]


def ranks_among(
    network: Describer,
    places: PlacePixels,
    *,
    device: torch.device,
    autocast: Autocast = nullcontext,
    world: World = _ALONE,
) -> NDArray[np.int64]:
    """The rank of each place's gallery tile among all of `places`: int [n]."""
    return ranks(*described(network, places, device=device, autocast=autocast, world=world))


def ranks(query: Tensor, gallery: Tensor) -> NDArray[np.int64]:
    """What `metrics.ranks_of_truth` says, searched exactly on the device of the vectors.

    Args:
        query: float [n, V, R], of which the best of V counts.
        gallery: float [n, R], the same places in the same order.
    """
    parts = [torch.empty(0, dtype=torch.int64, device=gallery.device)]
    for start in range(0, len(query), COMPARE_AT_ONCE):
        some = query[start : start + COMPARE_AT_ONCE]
        scores = (some @ gallery.T).amax(dim=1)
        own = scores.gather(
            1, torch.arange(start, start + len(some), device=gallery.device)[:, None]
        )
        parts.append((scores >= own).sum(dim=1))
    found: NDArray[np.int64] = torch.cat(parts).cpu().numpy()
    return found


def described(
    network: Describer,
    places: PlacePixels,
    *,
    device: torch.device,
    autocast: Autocast = nullcontext,
    world: World = _ALONE,
) -> tuple[Tensor, Tensor]:
    """Query vectors float32 [n, V, R] and gallery vectors float32 [n, R] of the same places.

    By every modality that is there; where the method sees one at a time, masks are searched by
    images.

    Args:
        network: The method.
        places: Both dates.
        device: Where it computes.
        autocast: Entered around each pass through the network.
        world: The processes that share the work; all get all vectors.
    """
    config = network.config
    asked = modalities_of(config)[0]
    held: Modality = "mask" if config.input == "either" else asked
    network.eval()
    query = _of_date(network, places.query, asked, "query", device, autocast, world)
    return query, _of_date(network, places.gallery, held, "gallery", device, autocast, world)[:, 0]


def _of_date(
    network: Describer,
    pixels: DatePixels,
    modality: Modality,
    role: Role,
    device: torch.device,
    autocast: Autocast,
    world: World,
) -> Tensor:
    views = views_of(network.config, modality=modality) if role == "query" else 1
    parts = [torch.empty((0, views, vector_length(network)), device=device)]
    mine = world.share(len(pixels))
    for start in range(0, len(mine), DESCRIBE_AT_ONCE):
        rows = mine[start : start + DESCRIBE_AT_ONCE]
        seen = whole(pixels, rows, device=device, side=network.config.input_px)
        with torch.inference_mode(), autocast():
            parts.append(vectors(network, seen, modality, role=role).float())
    # Out of inference mode, so that a loss may keep them.
    return world.gather(torch.cat(parts), count=len(pixels))
