"""Protocols: tiles and a seed go in, the photos that are asked about come out, with their truth.

`aligned` asks with whole tiles (RFIAP 2020); `mild`, `hard`, `grey` and `season` ask with pictures
that are cut, turned and scaled out of them (docs/evaluate.md has the formulae). What is drawn for a
place depends on the seed and its cell alone, so any selection of tiles gives the same pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from aerialret.evaluation.looks import faded_to_grey, in_another_season
from aerialret.evaluation.windows import (
    ALIGNED,
    Window,
    draw_window,
    generator_of,
    on_the_ground,
    require_protocol,
)
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

_LOOKS = {"grey": faded_to_grey, "season": in_another_season}


@dataclass(frozen=True, slots=True, kw_only=True)
class Photographed:
    """What n photos show.

    Attributes:
        centres_m: float64 [n, 2], x and y of the photos' centres in the tile set's CRS.
        rotation_deg: float64 [n], counter-clockwise turn of the content against the map.
        metres_per_px: float64 [n], ground for each pixel of the photo.
        corners_m: float64 [n, 4, 2], x and y of the corners, from the photo's upper left on.
    """

    centres_m: NDArray[np.float64]
    rotation_deg: NDArray[np.float64]
    metres_per_px: NDArray[np.float64]
    corners_m: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.centres_m)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutQueries:
    """n photos and what they show.

    Attributes:
        batch: The pixels; a photo has as many as a tile.
        shown: Where they lie.
    """

    batch: TileBatch
    shown: Photographed

    @property
    def centres_m(self) -> NDArray[np.float64]:
        """float64 [n, 2], x and y of the photos' centres in the tile set's CRS."""
        return self.shown.centres_m

    @property
    def rotation_deg(self) -> NDArray[np.float64]:
        """float64 [n], counter-clockwise turn of the content against the map."""
        return self.shown.rotation_deg

    @property
    def metres_per_px(self) -> NDArray[np.float64]:
        """float64 [n], ground for each pixel of the photo."""
        return self.shown.metres_per_px


def cut_queries(
    tileset: TileSet, *, date: str, tiles: Sequence[TileId], protocol: str, seed: int
) -> CutQueries:
    """The photos of `tiles` at `date`, in their order.

    Args:
        tileset: Holds the tiles.
        date: Date of the photos.
        tiles: One photo is cut out of each.
        protocol: aligned, mild, hard, grey or season.
        seed: Seed of the draws.

    Raises:
        ConfigurationError: There is no such protocol.
        UnknownDateError: The tile set lacks the date.
    """
    shown = photographed(tileset.grid, tiles=tiles, protocol=protocol, seed=seed)
    whole = tileset.read(date, tiles)
    if protocol == ALIGNED:
        return CutQueries(batch=whole, shown=shown)
    cut = TileBatch(
        np.empty_like(whole.images), np.empty_like(whole.masks), np.empty_like(whole.valid)
    )
    for row, tile in enumerate(tiles):
        rng = generator_of(tile, seed=seed)
        window = draw_window(protocol, rng=rng)
        picture = cut_image(whole.images[row], window)
        if protocol in _LOOKS:
            picture = _LOOKS[protocol](picture, rng=rng)
        cut.images[row] = picture.round().clip(0, 255).astype(np.uint8)
        cut.masks[row], cut.valid[row] = _cut_codes(whole.masks[row], whole.valid[row], window)
    return CutQueries(batch=cut, shown=shown)


def photographed(grid: Grid, *, tiles: Sequence[TileId], protocol: str, seed: int) -> Photographed:
    """What the photos of `tiles` show, without their pixels.

    Raises:
        ConfigurationError: There is no such protocol.
    """
    require_protocol(protocol)
    windows = [draw_window(protocol, rng=generator_of(tile, seed=seed)) for tile in tiles]
    centres = np.array([(w.centre_x, w.centre_y) for w in windows]).reshape(-1, 2)
    corners = np.array([w.corners() for w in windows]).reshape(-1, 4, 2)
    placed = list(enumerate(tiles))
    return Photographed(
        centres_m=_stacked([on_the_ground(centres[i], tile=t, grid=grid) for i, t in placed], 2),
        corners_m=_stacked([on_the_ground(corners[i], tile=t, grid=grid) for i, t in placed], 4, 2),
        rotation_deg=np.array([window.rotation_deg for window in windows], np.float64),
        metres_per_px=np.array([window.side for window in windows]) * grid.resolution_m,
    )


def cut_image(image: NDArray[np.uint8], window: Window) -> NDArray[np.float32]:
    """The window of an image: float32 [3, side, side], bilinear; what lies outside is reflected.

    A window is never larger than its tile, so the picture is never shrunk and needs no averaging.
    """
    pixels: NDArray[np.float32] = _sampled(torch.from_numpy(image), window, "bilinear").numpy()
    return pixels


def _cut_codes(
    mask: NDArray[np.uint8], valid: NDArray[np.bool_], window: Window
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The window of a mask and of its valid pixels, each from the nearest pixel."""
    layers = torch.from_numpy(np.stack([mask, valid.astype(np.uint8)]))
    codes = _sampled(layers, window, "nearest").numpy().astype(np.uint8)
    return codes[0], codes[1].astype(bool)


def _sampled(layers: Tensor, window: Window, mode: str) -> Tensor:
    """float32 [c, side, side] from uint8 [c, side, side]."""
    pixels = layers.float()[None]
    matrix = torch.from_numpy(window.matrix())[None]
    points = affine_grid(matrix, list(pixels.shape), align_corners=False).float()
    found: Tensor = grid_sample(
        pixels, points, mode=mode, padding_mode="reflection", align_corners=False
    )
    return found[0]


def _stacked(points: list[NDArray[np.float64]], *shape: int) -> NDArray[np.float64]:
    return np.array(points, np.float64).reshape(-1, *shape)
