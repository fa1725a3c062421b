"""What a method learns without descent: training places go in, words and whitening come out."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.describer import Describer
from aerialret.network.finish import Finish
from aerialret.network.vectors import Modality, modalities_of, seen_by
from aerialret.training.batch_pictures import whole
from aerialret.training.training_data import DatePixels, PlacePixels

AT_ONCE = 32


def needs_fitting(network: Describer) -> bool:
    """Whether the method learns anything from training places beside its weights."""
    if callable(getattr(network, "fit", None)):
        return True
    return any(finish.learns for finish, _ in _looks(network))


def fit(network: Describer, places: PlacePixels, *, device: torch.device) -> None:
    """Learns visual words, standardisation and whitening from both dates of the places."""
    network.eval()
    own_fit = getattr(network, "fit", None)
    if callable(own_fit):
        own_fit(_images(places))
    for finish, modality in _looks(network):
        if finish.learns:
            finish.fit(_outputs(network, places, modality, device))


def _looks(network: Describer) -> list[tuple[Finish, Modality]]:
    """Each finish, and what the method looks at for it."""
    if network.mask_finish is not None:
        return [(network.finish, "image"), (network.mask_finish, "mask")]
    return [(network.finish, modalities_of(network.config)[0])]


def _outputs(
    network: Describer, places: PlacePixels, modality: Modality, device: torch.device
) -> Tensor:
    """What the network gives for every training tile: float [2 places, R]."""
    side = network.config.input_px
    with torch.no_grad():
        parts = [
            seen_by(network, whole(pixels, rows, device=device, side=side), modality)
            for pixels, rows in _portions(places)
        ]
    return torch.cat(parts)


def _images(places: PlacePixels) -> Iterator[NDArray[np.uint8]]:
    for pixels, rows in _portions(places):
        yield pixels.images[torch.from_numpy(rows)].cpu().numpy()


def _portions(places: PlacePixels) -> Iterator[tuple[DatePixels, NDArray[np.int64]]]:
    for pixels in (places.query, places.gallery):
        for start in range(0, len(pixels), AT_ONCE):
            yield pixels, np.arange(start, min(start + AT_ONCE, len(pixels)))
