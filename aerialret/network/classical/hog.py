"""A grid of gradient histograms: images go in, their layout of edges comes out.

After Dalal and Triggs, CVPR 2005, with what measured best for places at two dates aligned to the
pixel: unsigned orientations (a field darker than its road may be lighter next year), blocks of
3 x 3 cells, and each histogram less its mean, so that two cells without a common direction are
unlike instead of somewhat alike.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, pad

from aerialret.config import ModelConfig
from aerialret.network.describer import Describer
from aerialret.network.inputs import luma

_BLOCK = 3  # cells on a side of the neighbourhood that a cell is normalised by
_LEAST_ENERGY = 1e-6  # about the square of a quarter of a grey level, the rounding of a flat area


class HogDescriptor(Describer):
    """Image to cells x cells x orientations; nothing is learnt.

    Attributes:
        config: What was built.
        cells: Cells on each side of the grid.
        orientations: Orientations of a histogram, evenly over half a turn.
        length: R, the numbers that come out for a tile.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.cells = config.hog_cells
        self.orientations = config.hog_orientations
        self.length = self.cells * self.cells * self.orientations

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Descriptors, not normalised: float [n, orientations * cells * cells].

        Args:
            image: float [n, 3, height, width] in [0, 1], of any size.
            mask: Not looked at.
        """
        votes = orientation_votes(luma(image), orientations=self.orientations)
        blocks = normalise_blocks(adaptive_avg_pool2d(votes, self.cells))
        return (blocks - blocks.mean(dim=1, keepdim=True)).flatten(1)


def orientation_votes(grey: Tensor, *, orientations: int, rooted: bool = False) -> Tensor:
    """The length of each pixel's gradient, shared by the two orientations next to its own.

    Gradients are central differences, one-sided at the border (and half as long there).

    Args:
        grey: float [n, 1, height, width].
        orientations: Orientation k is k / orientations of half a turn.
        rooted: Whether the root of its length counts.

    Returns:
        float [n, orientations, height, width].
    """
    padded = pad(grey, (1, 1, 1, 1), mode="replicate")
    across = (padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]) / 2
    down = (padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]) / 2
    magnitude = torch.hypot(across, down)
    magnitude = magnitude.sqrt() if rooted else magnitude
    position = torch.atan2(down, across).remainder(math.pi) / math.pi * orientations
    below = position.floor()
    share = position - below
    first = below.long() % orientations  # the remainder of a tiny negative angle rounds to pi
    votes = grey.new_zeros((len(grey), orientations, *grey.shape[2:]))
    votes.scatter_(1, first, magnitude * (1 - share))
    return votes.scatter_(1, (first + 1) % orientations, magnitude * share)


def normalise_blocks(histograms: Tensor) -> Tensor:
    """Each cell's histogram over the root mean energy of the block of cells around it.

    Cells outside the image count as empty. A flat area stays zero.

    Args:
        histograms: float [n, orientations, cells, cells].
    """
    energy = histograms.square().sum(dim=1, keepdim=True)
    around = avg_pool2d(energy, _BLOCK, stride=1, padding=_BLOCK // 2)
    return histograms / (around + _LEAST_ENERGY).sqrt()
