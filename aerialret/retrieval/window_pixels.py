"""Pixels of gallery windows: a tile set and windows go in, pictures of a tile's side come out."""

from collections.abc import Iterable
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.gallery_windows import LEAST_IMAGERY, GalleryWindows
from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

cv2: Any = typed_cv2  # its stubs want output arrays

_Pixels = tuple[Image, Mask, Valid]


class WindowCutter:
    """Cuts windows out of the mosaic of one date.

    Args:
        tileset: Holds the tiles.
        date: Their date.
    """

    def __init__(self, tileset: TileSet, *, date: str) -> None:
        self._tileset, self._date = tileset, date
        self._there = frozenset(tileset.tiles(date))
        self._held: dict[TileId, _Pixels] = {}

    def cut(self, windows: GalleryWindows) -> tuple[TileBatch, NDArray[np.bool_]]:
        """The pixels of the windows that show enough, and which these are: bool [n].

        Larger windows are averaged, smaller ones enlarged to the side of a tile; masks take the
        nearest pixel. Tiles that an earlier call has read are not read again.
        """
        px = self._tileset.grid.tile_px
        whole = windows.are_tiles(tile_px=px)
        squares = [_square(windows, n, px) for n in range(len(windows))]
        self._hold({tile for tiles in squares for tile in tiles if tile in self._there})
        cuts, kept = [], np.zeros(len(windows), bool)
        for number, tiles in enumerate(squares):
            image, mask, valid = self._mosaic(windows, number, tiles)
            kept[number] = whole[number] or valid.mean() >= LEAST_IMAGERY
            if kept[number]:
                cuts.append(resampled(image, mask, valid, side=px))
        return _stacked(cuts, px), kept

    def _hold(self, wanted: set[TileId]) -> None:
        """Reads the tiles that are not held yet and lets go of all others."""
        self._held = {tile: self._held[tile] for tile in wanted if tile in self._held}
        absent = sorted((tile for tile in wanted if tile not in self._held), key=lambda t: t[::-1])
        batch = self._tileset.read(self._date, absent)
        for number, tile in enumerate(absent):
            self._held[tile] = (batch.images[number], batch.masks[number], batch.valid[number])

    def _mosaic(self, windows: GalleryWindows, number: int, tiles: Iterable[TileId]) -> _Pixels:
        """A window in the tiles' own pixels; no image and no coverage where there is no tile."""
        side, px = int(windows.side_px[number]), self._tileset.grid.tile_px
        left, top = int(windows.left_px[number]), int(windows.top_px[number])
        image = np.zeros((3, side, side), np.uint8)
        mask = np.full((side, side), NO_COVERAGE, np.uint8)
        valid = np.zeros((side, side), bool)
        for tile in tiles:
            if tile not in self._held:
                continue
            into_x, from_x = _overlap(left, tile.col * px, side, px)
            into_y, from_y = _overlap(top, tile.row * px, side, px)
            pixels, codes, seen = self._held[tile]
            image[:, into_y, into_x] = pixels[:, from_y, from_x]
            mask[into_y, into_x] = codes[from_y, from_x]
            valid[into_y, into_x] = seen[from_y, from_x]
        return image, mask, valid


def resampled(image: Image, mask: Mask, valid: Valid, *, side: int) -> _Pixels:
    """A square picture at another side.

    Pixels of the image are averages by area where it shrinks, bilinear where it grows; pixels
    without an image have no part in them. A pixel is valid where half of its area is.
    """
    if len(mask) == side:
        return image, mask, valid
    nearest = (2 * np.arange(side) + 1) * len(mask) // (2 * side)
    method = cv2.INTER_AREA if side < len(mask) else cv2.INTER_LINEAR
    weight = valid.astype(np.float32)
    layers = np.dstack([*(image * weight), weight])
    small = cv2.resize(layers, (side, side), interpolation=method)
    share = small[..., 3]
    colours = small[..., :3] / np.maximum(share, 1e-6)[..., None]
    seen = share >= 0.5 - 1e-6
    pixels = np.where(seen[..., None], colours, 0).round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)), mask[np.ix_(nearest, nearest)], seen


def _square(windows: GalleryWindows, number: int, px: int) -> list[TileId]:
    """The cells that share pixels with a window, row by row."""
    left, top = int(windows.left_px[number]), int(windows.top_px[number])
    last = int(windows.side_px[number]) - 1
    return [
        TileId(col, row)
        for row in range(top // px, (top + last) // px + 1)
        for col in range(left // px, (left + last) // px + 1)
    ]


def _overlap(start: int, cell: int, side: int, px: int) -> tuple[slice, slice]:
    """What a window and a cell share along one axis: in the window, and in the cell."""
    first, end = max(start, cell), min(start + side, cell + px)
    return slice(first - start, end - start), slice(first - cell, end - cell)


def _stacked(cuts: list[_Pixels], px: int) -> TileBatch:
    if not cuts:
        square = (0, px, px)
        return TileBatch(
            np.empty((0, 3, px, px), np.uint8), np.empty(square, np.uint8), np.empty(square, bool)
        )
    images, masks, valid = (np.stack(layer) for layer in zip(*cuts, strict=True))
    return TileBatch(images, masks, valid)
