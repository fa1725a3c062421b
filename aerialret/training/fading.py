"""Old photos: images go in, some of them come out grey, blurred, faded and grainy."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d, pad

from aerialret.network.inputs import luma
from aerialret.training.augment import on_device

_BLUR = 1 / 256
"""Standard deviation of the blur, as a share of the tile's side."""

_CONTRAST = (0.5, 0.8)

_GRAIN = 6 / 255
"""Standard deviation of the grain."""


@dataclass(frozen=True, slots=True)
class Fading:
    """Which of n images fade, and how.

    Attributes:
        chosen: bool [n].
        contrast: float32 [n], what is left of it.
        grain: float [n, 2] from 0 to 1, where the image lies on the field of grain.
    """

    chosen: NDArray[np.bool_]
    contrast: NDArray[np.float32]
    grain: NDArray[np.float64]

    @classmethod
    def draw(cls, count: int, *, share: float, rng: np.random.Generator) -> "Fading":
        """Each of `count` images fades with the chance `share`."""
        chosen = rng.random(count) < share
        contrast = rng.uniform(*_CONTRAST, count).astype(np.float32)
        return cls(chosen, contrast, rng.random((count, 2)))

    def take(self, rows: NDArray[np.int64]) -> "Fading":
        """The fate of some of the images."""
        return Fading(self.chosen[rows], self.contrast[rows], self.grain[rows])


def faded(images: Tensor, fading: Fading) -> Tensor:
    """The images, those chosen grey, blurred, of less contrast about a medium grey, and grainy.

    Args:
        images: float [n, 3, side, side] in [0, 1].
        fading: What happens to each.
    """
    rows = np.flatnonzero(fading.chosen)
    if not len(rows):
        return images
    chosen = on_device(rows, images.device)
    contrast = on_device(fading.contrast[rows], images.device).view(-1, 1, 1, 1)
    grey = _blurred(luma(images[chosen]), sigma=_BLUR * images.shape[-1])
    mean = grey.mean(dim=(2, 3), keepdim=True)
    old = (grey - mean) * contrast + 0.5 + _GRAIN * _grain(fading.grain[rows], grey)
    return images.index_copy(0, chosen, old.clamp(0, 1).expand(-1, 3, -1, -1))


def _blurred(grey: Tensor, *, sigma: float) -> Tensor:
    """Gaussian blur of float [n, 1, height, width], reflected at the border."""
    reach = min(max(1, math.ceil(3 * sigma)), min(grey.shape[2:]) - 1)
    if reach < 1:
        return grey
    steps = torch.arange(-reach, reach + 1, device=grey.device, dtype=grey.dtype)
    bell = torch.exp(-0.5 * (steps / sigma) ** 2)
    bell = bell / bell.sum()
    wide = pad(grey, (reach,) * 4, mode="reflect")
    return conv2d(conv2d(wide, bell.view(1, 1, 1, -1)), bell.view(1, 1, -1, 1))


def _grain(places: NDArray[np.float64], like: Tensor) -> Tensor:
    """Float [n, 1, side, side] of standard deviation 1: windows of one field of noise."""
    side = like.shape[-1]
    start = on_device((places.T * side).astype(np.int64), like.device)[..., None]
    rows, cols = start + torch.arange(side, device=like.device)
    return _field(side, like.device)[rows[:, :, None], cols[:, None, :]][:, None]


@lru_cache(maxsize=4)
def _field(side: int, device: torch.device) -> Tensor:
    """Normal noise, float [2 side, 2 side], always the same."""
    noise = np.random.default_rng(side).standard_normal((2 * side, 2 * side), dtype=np.float32)
    return torch.from_numpy(noise).to(device)
