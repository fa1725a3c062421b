"""Cells of edges: images go in, a histogram of orientations for each cell comes out.

Nothing is learnt. Beside what a network tells of a cell they tell where its edges run (Dalal and
Triggs, CVPR 2005), which on imagery of two years is the stronger the better photo and tile lie on
each other.
"""

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d, normalize, pad

from aerialret.config import ModelConfig
from aerialret.network.classical.hog import orientation_votes
from aerialret.network.inputs import luma

ORIENTATIONS = 9
"""Of a histogram, evenly over half a turn: which side of an edge is brighter changes."""

_FLAT = 1e-4  # length of a histogram below which a cell has no edges


def cell_channels(config: ModelConfig) -> int:
    """Numbers that describe a cell of the head `grid`."""
    return config.grid_channels + (ORIENTATIONS if config.grid_gradients else 0)


def gradient_cells(image: Tensor, *, rows: int, columns: int) -> Tensor:
    """Float [n, ORIENTATIONS, rows, columns] of unit length, shorter where there are no edges.

    Each histogram is less its mean, so that cells without a common direction are unlike instead of
    somewhat alike; a gradient counts by the root of its length, so that one edge does not outweigh
    all others.

    Args:
        image: float [n, 3, height, width] in [0, 1].
        rows: Of cells.
        columns: Of cells.
    """
    grey = avg_pool2d(pad(luma(image.float()), (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    votes = orientation_votes(grey, orientations=ORIENTATIONS, rooted=True)
    histograms = adaptive_avg_pool2d(votes, (rows, columns))
    return normalize(histograms - histograms.mean(dim=1, keepdim=True), dim=1, eps=_FLAT)


def joined_cells(learnt: Tensor, edges: Tensor, *, share: float) -> Tensor:
    """Cells whose cosine is the mean of both cosines, that of `edges` with the weight `share`."""
    return torch.cat([learnt * (1 - share) ** 0.5, edges * share**0.5], dim=1)
