"""The hierarchical triplet loss: a batch and the tree of places go in, a scalar comes out.

Ge, Huang, Dong and Scott, "Deep Metric Learning with Hierarchical Triplet Loss", ECCV 2018.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.errors import ConfigurationError
from aerialret.tiles.arrays import Descriptors
from aerialret.training.objectives.batch_pairs import BatchPairs, PairObjective
from aerialret.training.objectives.class_tree import ClassTree

LEVELS = 16
"""L, levels of the tree above the leaves."""

_FARTHEST = 4.0  # the greatest squared distance of two unit vectors


class HierarchicalTriplet(PairObjective):
    """1 / (2 Z) sum over all Z triplets of max(|a - p| - |a - n| + alpha_z, 0).

    alpha_z = beta + d_H(a, n) - s(a): beta is `train.margin`; d_H the threshold of the level of the
    tree at which the places of a and n merge; s the mean squared distance within the place of a.
    The hinge takes plain distances and the margin squared ones, as published. Until the tree is
    built, alpha_z is beta: the paper starts from a network trained with the conventional loss.

    Attributes:
        position: int64 [places], where each place stands in an order with contiguous clusters.
        thresholds: float [k, places]: at [i, j] the greatest threshold between position j and
            j + 2^i, so that a pair is looked up in two cells, whatever lies between.
        within: float [places], s.
    """

    position: Tensor
    thresholds: Tensor
    within: Tensor

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        if config.distance_on != "unit":
            raise ConfigurationError(
                f"train.loss = 'hierarchical-triplet' compares unit vectors, but train.distance_on "
                f"is {config.distance_on!r}; set train.distance_on = 'unit'"
            )
        super().__init__(config, dimensions=dimensions, places=places, neighbours=neighbours)
        self.beta = config.margin
        layers = max(places - 1, 1).bit_length()
        self.register_buffer("position", torch.arange(places))
        self.register_buffer("thresholds", torch.zeros(layers, places))
        self.register_buffer("within", torch.zeros(places))

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over all triplets of one batch, a scalar."""
        anchor, positive = pairs.positive.nonzero(as_tuple=True)
        margins = self.margins(pairs.places, pairs.reference_places).to(pairs.anchors.dtype)
        near = pairs.distances[anchor, positive]
        hinges = (near[:, None] - pairs.distances[anchor] + margins[anchor]).clamp(min=0)
        chosen = hinges[pairs.negative[anchor]]
        return chosen.sum() / max(2 * chosen.numel(), 1)

    def margins(self, anchors: Tensor, negatives: Tensor) -> Tensor:
        """alpha_z of each pair: float [a, b] from places, int64 [a] and [b]."""
        first, second = self.position[anchors][:, None], self.position[negatives][None, :]
        low, high = torch.minimum(first, second), torch.maximum(first, second)
        # The exponent of frexp is 1 more than the whole part of the logarithm to base 2.
        layer = (torch.frexp((high - low).double()).exponent.long() - 1).clamp(min=0)
        end = (high - (1 << layer)).clamp(min=0)
        merged = torch.maximum(self.thresholds[layer, low], self.thresholds[layer, end])
        return self.beta + merged - self.within[anchors][:, None]

    @torch.no_grad()
    def learn_places(self, query: Tensor, gallery: Tensor) -> None:
        """Builds the tree anew from the descriptors of all places, float [places, R] each."""
        first, second = (_unit(descriptors) for descriptors in (query, gallery))
        within = ((first - second) ** 2).sum(axis=1)
        position, heights = ClassTree.of(first, second).line()
        levels = level_thresholds(heights, within=float(within.mean()) if len(within) else 0.0)
        self.position.copy_(torch.from_numpy(position))
        self.within.copy_(torch.from_numpy(within))
        self.thresholds.zero_()
        self.thresholds[0, : len(levels)] = torch.from_numpy(levels).to(self.thresholds)
        for layer in range(1, len(self.thresholds)):
            half = 1 << (layer - 1)
            below = self.thresholds[layer - 1]
            self.thresholds[layer] = below
            self.thresholds[layer, :-half] = torch.maximum(below[:-half], below[half:])


def level_thresholds(heights: NDArray[np.float64], *, within: float) -> NDArray[np.float64]:
    """The threshold of the lowest level at which clusters at these distances merge.

    Ge 2018, equations 2 and 3: d_l = d_0 + l (4 - d_0) / L for l = 0 ... L.

    Args:
        heights: float [n], distances.
        within: d_0, the mean squared distance within a place.
    """
    levels = within + np.arange(LEVELS + 1) * (_FARTHEST - within) / LEVELS
    thresholds: NDArray[np.float64] = levels[np.searchsorted(levels, heights).clip(max=LEVELS)]
    return thresholds


def _unit(descriptors: Tensor) -> Descriptors:
    unit: Descriptors = normalize(descriptors.float(), dim=1).cpu().numpy()
    return unit
