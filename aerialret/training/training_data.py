"""The places of a training: a tile set goes in, the pixels of two dates come out, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.inputs import (
    covered,
    encode_masks,
    resize_images,
    resize_masks,
    unit_range,
)
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from aerialret.training.augment import on_device

READ_AT_ONCE = 64

SHARE_OF_FREE_MEMORY = 0.5
"""What tiles may take of a GPU's free memory; the rest is for the network."""


@dataclass(frozen=True, slots=True)
class DatePixels:
    """The tiles of n places at one date.

    Attributes:
        images: uint8 [n, 3, side, side].
        masks: uint8 [n, 1 or 3, side, side]: class colours or their luma.
        has_mask: bool [n]: some of the tile lies inside the vector coverage.
    """

    images: Tensor
    masks: Tensor
    has_mask: Tensor

    def __len__(self) -> int:
        return len(self.images)

    @property
    def nbytes(self) -> int:
        """Memory that the pixels take."""
        return self.images.nbytes + self.masks.nbytes

    def take(self, rows: NDArray[np.int64], *, device: torch.device) -> "DatePixels":
        """The tiles of `rows`, on `device`; what has to be copied there is on its way."""
        parts = (self.images, self.masks, self.has_mask)
        if self.images.device.type == device.type:
            chosen = on_device(rows, self.images.device)
            return DatePixels(*(part.index_select(0, chosen) for part in parts))
        return DatePixels(*(_sent(part, rows, device) for part in parts))

    def to(self, device: torch.device) -> "DatePixels":
        """All of it in the memory of `device`."""
        return DatePixels(self.images.to(device), self.masks.to(device), self.has_mask.to(device))


@dataclass(frozen=True, slots=True)
class PlacePixels:
    """The same n places at two dates, row by row."""

    query: DatePixels
    gallery: DatePixels

    def __len__(self) -> int:
        return len(self.query)

    def to(self, device: torch.device) -> "PlacePixels":
        """Moved to the memory of `device` once for all where they fit, else as they are.

        `DatePixels.take` works either way.
        """
        if not fits(self.query.nbytes + self.gallery.nbytes, device):
            return self
        return PlacePixels(self.query.to(device), self.gallery.to(device))


def fits(nbytes: int, device: torch.device) -> bool:
    """Whether so many bytes take at most `SHARE_OF_FREE_MEMORY` of what a GPU has free."""
    if device.type != "cuda":
        return True
    free, _ = torch.cuda.mem_get_info(device)
    return nbytes <= SHARE_OF_FREE_MEMORY * free


def load_places(
    tileset: TileSet,
    places: Sequence[TileId],
    *,
    dates: tuple[str, str],
    encoding: str,
    side: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PlacePixels:
    """The pixels of `places` at (query date, gallery date).

    Args:
        tileset: Where they are.
        places: Cells that have a tile at both dates.
        dates: Query date, gallery date.
        encoding: `grey` or `rgb`, see `ModelConfig.mask_encoding`.
        side: Side in pixels that the tiles are resized to; 0 leaves them as they are.
        progress: Called with tiles read and tiles in all.
    """
    sides = []
    for number, date in enumerate(dates):
        parts = []
        for start in range(0, len(places), READ_AT_ONCE):
            some = places[start : start + READ_AT_ONCE]
            parts.append(encode(tileset.read(date, some), encoding=encoding, side=side))
            if progress:
                progress(number * len(places) + start + len(some), 2 * len(places))
        parts = parts or [encode(tileset.read(date, []), encoding=encoding, side=side)]
        sides.append(_joined(parts))
    return PlacePixels(*sides)


def encode(batch: TileBatch, *, encoding: str, side: int = 0) -> DatePixels:
    """The tiles as the network takes them, still uint8, at `side` pixels unless that is 0."""
    images = torch.from_numpy(batch.images)
    masks = torch.from_numpy(encode_masks(batch.masks, encoding=encoding))
    if side not in (0, images.shape[-1]):
        resized = resize_images(unit_range(batch.images), side=side)
        images = resized.mul(255).round().clamp(0, 255).to(torch.uint8)
        masks = resize_masks(masks.float(), side=side).to(torch.uint8)
    return DatePixels(images, masks, torch.from_numpy(covered(batch.masks)))


def _sent(part: Tensor, rows: NDArray[np.int64], device: torch.device) -> Tensor:
    """Rows on their way to a GPU: a copy from pinned memory does not wait for its work.

    Pinned memory is not used again before its copy is done; torch sees to that.
    """
    pinned = device.type == "cuda"
    batch = torch.empty((len(rows), *part.shape[1:]), dtype=part.dtype, pin_memory=pinned)
    torch.index_select(part, 0, torch.from_numpy(rows), out=batch)
    return batch.to(device, non_blocking=True)


def _joined(parts: list[DatePixels]) -> DatePixels:
    return DatePixels(
        torch.cat([part.images for part in parts]),
        torch.cat([part.masks for part in parts]),
        torch.cat([part.has_mask for part in parts]),
    )
