"""A block of tiles: its rasters, and what is written down of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.catalogue import TileCounts


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRecord:
    """What a finished block holds.

    Attributes:
        tiles: Counts of its tiles.
        outside: Cells without any image.
        too_empty: Cells with too little of it.
        with_fill: Tiles where pure black or white was taken for no image.
        inputs: Fingerprint of what it was made from.
        files: SHA-256 of its file in each array that has one.
    """

    tiles: tuple[TileCounts, ...]
    outside: int
    too_empty: int
    with_fill: int
    inputs: str
    files: Mapping[str, str]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "BlockRecord":
        """The record that was written as JSON."""
        tiles = tuple(
            TileCounts(**{**tile, "classes": tuple(tile["classes"])}) for tile in plain["tiles"]
        )
        return cls(**{**plain, "tiles": tiles})


@dataclass(frozen=True, slots=True)
class BlockPixels:
    """The rasters of one block, by its rows and columns of tiles.

    Attributes:
        images: uint8 [n, n, 3, height, width].
        masks: uint8 [n, n, height, width].
        valid: bool [n, n, height, width].
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    valid: NDArray[np.bool_]
