"""A joint colour histogram: images go in, which colours they have comes out (Swain, Ballard 1991).

8 x 8 x 8 colours in RGB, each pixel shared by the 8 colours around its own, and the root of each
share, so that the inner product is the Bhattacharyya coefficient. Nothing tells where a colour is.
"""

from itertools import product

import torch
from torch import Tensor

from aerialret.config import ModelConfig
from aerialret.network.describer import Describer

LEVELS = 8
"""Levels of each channel, evenly from 0 to 1."""

_STRIDES = (LEVELS * LEVELS, LEVELS, 1)


class ColourHistogram(Describer):
    """Image to the roots of the shares of 512 colours; nothing is learnt.

    Attributes:
        config: What was built.
        length: R, the numbers that come out for a tile: 512.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.length = LEVELS**3

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Descriptors of unit length: float [n, 512], red changing slowest.

        Args:
            image: float [n, 3, height, width] in [0, 1].
            mask: Not looked at.
        """
        position = image.flatten(2).clamp(0, 1) * (LEVELS - 1)
        below = position.floor().clamp(max=LEVELS - 2)
        share = position - below
        strides = torch.tensor(_STRIDES, device=image.device).view(1, 3, 1)
        code = (below.long() * strides).sum(dim=1)
        histogram = image.new_zeros((len(image), self.length))
        for corner in product((0, 1), repeat=3):
            offset = sum(up * stride for up, stride in zip(corner, _STRIDES, strict=True))
            weight = _weight(share, corner)
            histogram.scatter_add_(1, code + offset, weight)
        return (histogram / max(position.shape[-1], 1)).sqrt()


def _weight(share: Tensor, corner: tuple[int, ...]) -> Tensor:
    """The share of each pixel that goes to one of the 8 colours around it: float [n, pixels]."""
    parts = [share[:, c] if up else 1 - share[:, c] for c, up in enumerate(corner)]
    return parts[0] * parts[1] * parts[2]
