"""The places of a training: a tile set goes in, the pixels of two dates come out, in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from aerialret.network.inputs import covered, encode_masks
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class DatePixels:
    """The tiles of n places at one date.

    Attributes:
        images: uint8 [n, 3, height, width].
        masks: uint8 [n, 1 or 3, height, width]: class colours or their luma.
        has_mask: bool [n]: some of the tile lies inside the vector coverage.
    """

    images: Tensor
    masks: Tensor
    has_mask: Tensor

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True, slots=True)
class PlacePixels:
    """The same n places at two dates, row by row."""

    query: DatePixels
    gallery: DatePixels

    def __len__(self) -> int:
        return len(self.query)


def load_places(
    tileset: TileSet,
    places: Sequence[TileId],
    *,
    dates: tuple[str, str],
    encoding: str,
    progress: Callable[[int, int], None] | None = None,
) -> PlacePixels:
    """The pixels of `places` at (query date, gallery date).

    Args:
        tileset: Where they are.
        places: Cells that have a tile at both dates.
        dates: Query date, gallery date.
        encoding: `grey` or `rgb`, see `ModelConfig.mask_encoding`.
        progress: Called with tiles read and tiles in all.
    """
    sides = []
    for side, date in enumerate(dates):
        parts = []
        for start in range(0, len(places), READ_AT_ONCE):
            some = places[start : start + READ_AT_ONCE]
            parts.append(encode(tileset.read(date, some), encoding=encoding))
            if progress:
                progress(side * len(places) + start + len(some), 2 * len(places))
        parts = parts or [encode(tileset.read(date, []), encoding=encoding)]
        sides.append(_joined(parts))
    return PlacePixels(*sides)


def encode(batch: TileBatch, *, encoding: str) -> DatePixels:
    """The tiles as the network takes them, still uint8."""
    return DatePixels(
        torch.from_numpy(batch.images),
        torch.from_numpy(encode_masks(batch.masks, encoding=encoding)),
        torch.from_numpy(covered(batch.masks)),
    )


def _joined(parts: list[DatePixels]) -> DatePixels:
    return DatePixels(
        torch.cat([part.images for part in parts]),
        torch.cat([part.masks for part in parts]),
        torch.cat([part.has_mask for part in parts]),
    )
