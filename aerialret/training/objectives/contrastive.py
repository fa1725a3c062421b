"""The contrastive loss: pairs of places go in, a scalar comes out.

Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006,
equations 1 and 4; Alqasir et al. 2020, equation 1; GetNet (Yu et al.), equation 8.
"""

import torch
from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.training.objectives.batch_pairs import BatchPairs, PairObjective


class Contrastive(PairObjective):
    """Half of the mean d^2 over positives, half of the mean max(margin - d, 0)^2 over negatives.

    Each pair counts once. The negatives are all that there are, or with `train.negatives` =
    "hardest" the nearest of each date, and of the memory, for each tile. A side without pairs
    adds nothing.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        super().__init__(config, dimensions=dimensions, places=places, neighbours=neighbours)
        self.margin = config.margin
        self.hardest = config.negatives == "hardest"

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over the pairs of one batch, a scalar."""
        once = torch.ones_like(pairs.positive).triu(diagonal=1)
        positives = pairs.distances[pairs.positive & once]
        if self.hardest:
            negatives = nearest_negatives(pairs)
        else:
            negatives = pairs.distances[pairs.negative & once]
        pull = mean_or_zero(positives.square())
        push = mean_or_zero((self.margin - negatives).clamp(min=0).square())
        return (pull + push) / 2


def nearest_negatives(pairs: BatchPairs) -> Tensor:
    """Each anchor's distance to its nearest negative of each date and of the memory: float [k]."""
    found = []
    for block in pairs.blocks:
        negative = pairs.negative[:, block]
        distances = pairs.distances[:, block].masked_fill(~negative, torch.inf)
        found.append(distances.amin(dim=1)[negative.any(dim=1)])
    return torch.cat(found) if found else pairs.distances.new_empty(0)


def mean_or_zero(values: Tensor) -> Tensor:
    """The mean; 0, which can be differentiated, of nothing."""
    return values.sum() / max(values.numel(), 1)
