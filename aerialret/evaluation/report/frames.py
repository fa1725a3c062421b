"""Frames: a picture and a square of its tile go in, the picture with the square's outline out."""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Picture
from PIL import ImageDraw

from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality
from aerialret.network.inputs import pictures
from aerialret.network.model import DescriptorNetwork
from aerialret.network.vectors import inputs_of
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import TileBatch

FOOTPRINT_COLOUR = (255, 222, 60)
"""Around the ground that a photo shows."""

PLACED_COLOUR = (255, 140, 200)
"""Around the ground that the first answer says a photo shows."""

ATTENTION_COLOUR = (80, 220, 255)
"""Around the region that a network looks at."""

_CASING = (20, 20, 20)
_MARGIN_PX = 2  # keeps a frame around the whole picture visible


def framed(
    picture: Picture.Image, corners: NDArray[np.float64], *, colour: tuple[int, int, int]
) -> Picture.Image:
    """The picture with an outline through `corners`: float64 [n, 2], shares of its side."""
    drawn = picture.copy()
    inside = (corners * picture.width).clip(_MARGIN_PX, picture.width - 1 - _MARGIN_PX)
    points = [(float(x), float(y)) for x, y in inside]
    draw = ImageDraw.Draw(drawn)
    for width, ink in ((5, _CASING), (3, colour)):
        draw.line([*points, points[0], points[1]], fill=ink, width=width, joint="curve")
    return drawn


def within_tile(corners_m: NDArray[np.float64], *, tile: TileId, grid: Grid) -> NDArray[np.float64]:
    """float64 [4, 2]: corners on the ground as shares of the side of `tile`."""
    bounds = grid.bounds(tile)
    shares: NDArray[np.float64] = (corners_m - [bounds.left, bounds.top]) / grid.tile_size_m
    return shares * [1, -1]


def attended(model: Model, batch: TileBatch, *, modality: Modality) -> NDArray[np.float64] | None:
    """float64 [4, 2]: corners of the region of a tile that a spatial transformer looks at.

    None for a network without one. The region (s, tx, ty) has its centre at (tx, ty) and reaches s
    to each side, in coordinates from -1 to 1 (Yu et al., GetNet, equation 3).

    Args:
        model: Looks.
        batch: One tile.
        modality: What it sees of the tile.
    """
    if not isinstance(model.network, DescriptorNetwork):
        return None
    with torch.inference_mode():
        seen = pictures(batch, config=model.config, device=model.device)
        region = model.network.attention(*inputs_of(seen, modality))
    if region is None:
        return None
    scale, across, down = region[0].double().cpu().numpy()
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], np.float64)
    corners: NDArray[np.float64] = (scale * square + [across, down] + 1) / 2
    return corners
