"""The multi-similarity loss and its miner: a batch of places goes in, a scalar comes out.

Wang, Han, Huang, Dong and Scott, "Multi-Similarity Loss with General Pair Weighting for Deep Metric
Learning", CVPR 2019, equations 11 to 15. The loss is pytorch-metric-learning's.
"""

import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.training.objectives.batch_pairs import BatchPairs, PairObjective

EPSILON = 0.1
"""How far a pair may be from the hardest one of the other kind and still be chosen (section 4)."""


class MultiSimilarity(PairObjective):
    """Positives and negatives weighted by all their similarities, on cosines.

    The miner is that of pytorch-metric-learning, but by masks, since neighbours are neutral and the
    memory gives negatives only. The loss's alpha is 2, beta 50, lambda 0.5 (the library's).
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
        self.pair_loss = MultiSimilarityLoss()

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over the mined pairs of one batch, a scalar."""
        positive, negative = mined_pairs(pairs)
        if not (positive.any() or negative.any()):
            return pairs.anchors.sum() * 0
        indices = (*positive.nonzero(as_tuple=True), *negative.nonzero(as_tuple=True))
        result: Tensor = self.pair_loss(
            pairs.anchors, indices_tuple=indices, ref_emb=pairs.references
        )
        return result


@torch.no_grad()
def mined_pairs(pairs: BatchPairs) -> tuple[Tensor, Tensor]:
    """Positives and negatives that teach: two bool [anchors, references].

    A positive is kept when some negative of its anchor is nearly as similar or more (equation 12),
    a negative when it is nearly as similar as the least similar positive or more (equation 11).
    """
    similarities = normalize(pairs.anchors, dim=1) @ normalize(pairs.references, dim=1).T
    if not similarities.numel():
        return pairs.positive, pairs.negative
    hardest_negative = similarities.masked_fill(~pairs.negative, -torch.inf).amax(dim=1)
    hardest_positive = similarities.masked_fill(~pairs.positive, torch.inf).amin(dim=1)
    positive = pairs.positive & (similarities - EPSILON < hardest_negative[:, None])
    negative = pairs.negative & (similarities + EPSILON > hardest_positive[:, None])
    return positive, negative
