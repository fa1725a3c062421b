"""Change: two dates of a tile set go in, how much each place changed between them comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.comparisons import Dates
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

CELLS = 32
"""Cells on each side of a tile in which edges are summed up: small shifts do not count."""

_TILES_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How much n places changed.

    Attributes:
        amount: float64 [n]; NaN where it cannot be told.
        seen_in: masks: the share of pixels whose class changed, among those covered at both dates.
            images: one minus the correlation of where the two images have their edges, 0 to 2.
    """

    amount: NDArray[np.float64]
    seen_in: Literal["masks", "images"]


def change_between(tileset: TileSet, *, dates: Dates, tiles: Sequence[TileId]) -> Change:
    """The change of `tiles` between the dates, from the masks where both dates have any.

    Args:
        tileset: Holds the tiles.
        dates: The two dates.
        tiles: A tile that one of the dates lacks has no amount.
    """
    masked = tileset.has_masks(dates.queries) and tileset.has_masks(dates.gallery)
    measure = mask_change if masked else image_change
    amount = np.full(len(tiles), np.nan)
    held = set(tileset.tiles(dates.queries)) & set(tileset.tiles(dates.gallery))
    rows = np.array([row for row, tile in enumerate(tiles) if tile in held], np.int64)
    for start in range(0, len(rows), _TILES_AT_ONCE):
        some = rows[start : start + _TILES_AT_ONCE]
        asked = [tiles[row] for row in some]
        amount[some] = measure(
            tileset.read(dates.queries, asked), tileset.read(dates.gallery, asked)
        )
    return Change(amount=amount, seen_in="masks" if masked else "images")


def mask_change(later: TileBatch, earlier: TileBatch) -> NDArray[np.float64]:
    """float64 [n]: share of pixels of another class, among those covered at both dates."""
    covered = (later.masks != NO_COVERAGE) & (earlier.masks != NO_COVERAGE)
    changed = covered & (later.masks != earlier.masks)
    among = covered.sum(axis=(1, 2))
    return np.where(among > 0, changed.sum(axis=(1, 2)) / np.maximum(among, 1), np.nan)


def image_change(later: TileBatch, earlier: TileBatch) -> NDArray[np.float64]:
    """float64 [n]: one minus the Pearson correlation of `edge_map` at the two dates."""
    pairs = zip(later.images, earlier.images, strict=True)
    return np.array([1 - _correlation(edge_map(a), edge_map(b)) for a, b in pairs], np.float64)


def edge_map(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """float64 [cells, cells]: mean gradient of luma (Sobel's magnitude) in each cell of a tile.

    Edges are where roads, walls and parcels are, whatever the season's colours.
    """
    luma = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1)))
    cells = min(CELLS, luma.shape[0])
    small = cv2.resize(np.hypot(across, down), (cells, cells), interpolation=cv2.INTER_AREA)
    result: NDArray[np.float64] = small.astype(np.float64)
    return result


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Pearson's; NaN where one of the two is constant."""
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum()) / spread if spread > 0 else float("nan")
