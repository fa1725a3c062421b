"""Cutting out: a reference and a pose go in, what a photo there would show comes out."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, affine_grid, grid_sample

from aerialret.network.inputs import encode_masks, unit_range
from aerialret.tiles.arrays import Mask
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.verification.pose import Matrix, Pose, as_square
from aerialret.verification.reference import Reference


def cut_out(
    reference: Reference, pose: Pose, *, side: int, encoding: str
) -> tuple[Tensor, Tensor, Tensor]:
    """Image, mask and valid pixels at a pose: float [channels, side, side], the last with one.

    Bilinear; where the reference has more pixels than are shown, they are averaged first.

    Args:
        reference: What is known of the ground there.
        pose: Of a square of `side` pixels.
        side: In pixels.
        encoding: Of masks, see `aerialret.network.inputs.encode_masks`.
    """
    place = reference.from_map @ as_square(pose.to_map(width=side, height=side))
    image = unit_range(reference.image[None])
    valid = torch.from_numpy(reference.valid[None, None]).float()
    mask = unit_range(encode_masks(codes_of(reference)[None], encoding=encoding))
    shrink = round(pose.metres_per_px / reference.resolution_m)
    height, width = reference.valid.shape
    if shrink > 1 and min(height, width) >= shrink:
        image = adaptive_avg_pool2d(image, (-(-height // shrink), -(-width // shrink)))
    points = _points(place, side=side, width=width, height=height)
    smooth = grid_sample(
        image, points, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    codes = grid_sample(
        torch.cat([mask, valid], dim=1), points, mode="nearest", padding_mode="zeros",
        align_corners=False,
    )  # fmt: skip
    return smooth[0], codes[0, :-1], codes[0, -1:]


def codes_of(reference: Reference) -> Mask:
    """The reference's mask; no coverage anywhere where it has none."""
    if reference.mask is not None:
        return reference.mask
    return np.full(reference.valid.shape, NO_COVERAGE, np.uint8)


def scaled(pose: Pose, factor: float) -> Pose:
    """The pose of a photo whose pixels are `factor` times as large."""
    return replace(pose, metres_per_px=pose.metres_per_px * factor)


def _points(place: Matrix, *, side: int, width: int, height: int) -> Tensor:
    """Normalised coordinates in a reference of the pixels of a square: float [1, side, side, 2]."""
    back = np.array([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    ahead = np.array([[side / 2, 0, side / 2], [0, side / 2, side / 2], [0, 0, 1]])
    matrix = torch.from_numpy((back @ place @ ahead)[:2]).float()
    return affine_grid(matrix[None], [1, 1, side, side], align_corners=False)
