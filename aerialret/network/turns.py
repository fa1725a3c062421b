"""Turned pictures: tiles and an angle go in, the tiles turned about their centre come out."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample


def turned(pixels: Tensor, *, degrees: float, nearest: bool = False) -> Tensor:
    """Float [n, c, side, side], the content turned counter-clockwise; quarters are exact.

    What comes from outside the tile is its reflection.

    Args:
        pixels: float [n, c, side, side].
        degrees: The turn.
        nearest: Take the nearest pixel, for masks, instead of a bilinear mean.
    """
    quarters, rest = divmod(degrees % 360, 90)
    if rest == 0:
        return torch.rot90(pixels, int(quarters), (2, 3))
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix = pixels.new_tensor([[cosine, -sine, 0.0], [sine, cosine, 0.0]])
    grid = affine_grid(matrix.expand(len(pixels), -1, -1), list(pixels.shape), align_corners=False)
    mode = "nearest" if nearest else "bilinear"
    return grid_sample(pixels, grid, mode=mode, padding_mode="reflection", align_corners=False)
