"""The head `grid`: features of the trunk go in, a vector for each cell comes out."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from aerialret.network.gradient_cells import gradient_cells, joined_cells


class GridHead(nn.Module):
    """A unit vector for each cell, all cells within the inscribed circle together of unit length.

    What lies outside the circle leaves the picture when it is turned, so it does not count. The
    gradient histograms of the cells have no part in training, where they are zero.
    """

    circle: Tensor

    def __init__(self, *, channels: int, width: int, cells: int, gradients: float = 0.0) -> None:
        super().__init__()
        self.gradients = gradients
        self.project = nn.Sequential(
            nn.Conv2d(channels, 2 * width, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * width, width, 1)
        )
        self.register_buffer("circle", inscribed_circle(cells), persistent=False)

    def cells(self, features: Tensor, image: Tensor) -> Tensor:
        """Float [n, width, rows, columns] (and more by gradients) from the trunk's features.

        Args:
            features: float [n, channels, rows, columns].
            image: float [n, 3, height, width] in [0, 1], what they are features of.
        """
        learnt = normalize(self.project(features).float(), dim=1)
        if not self.gradients:
            return learnt
        edges = gradient_cells(image, rows=learnt.shape[2], columns=learnt.shape[3])
        if self.training:
            return joined_cells(learnt, torch.zeros_like(edges), share=0.0)
        return joined_cells(learnt, edges, share=self.gradients)

    def laid(self, features: Tensor, image: Tensor) -> Tensor:
        """The cells within the circle, as one vector: float [n, width * cells * cells]."""
        return (self.cells(features, image) * self.circle).flatten(1)


def inscribed_circle(cells: int) -> Tensor:
    """Float [cells, cells]: equal weights within the inscribed circle, of unit length together."""
    middle = (torch.arange(cells) + 0.5) / cells * 2 - 1
    inside = (middle[:, None].square() + middle.square() <= 1).float()
    return inside / inside.sum().sqrt()
