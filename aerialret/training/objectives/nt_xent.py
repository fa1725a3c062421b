"""NT-Xent: a batch of places goes in, the cross-entropy of telling them apart comes out.

Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations", ICML 2020, equation 1; RFIAP 2020, table 7.
"""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from aerialret.config import TrainConfig
from aerialret.training.objectives.batch_pairs import BatchPairs, PairObjective
from aerialret.training.objectives.contrastive import mean_or_zero


class NtXent(PairObjective):
    """Cross-entropy of each tile p of a place among p itself and the negatives of another, a.

    For all a and p: -log(exp(s(a, p) / tau) / (exp(s(a, p) / tau) + sum exp(s(a, n) / tau))), the
    sum over all tiles n of other places at both dates; both dates are anchors. The similarity s is
    the cosine, or with `train.distance_on` = "raw" the inner product (RFIAP's "sans
    normalisation"). By masks and logsumexp rather than by pytorch-metric-learning's lists of pairs:
    its table of positives x negatives outgrows any memory with a queue, and its quotient of
    exponentials loses the gradient where a raw product is large.
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
        self.temperature = config.temperature
        self.normalises = config.distance_on == "unit"

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over the pairs of one batch, a scalar."""
        anchors, references = pairs.anchors, pairs.references
        if self.normalises:
            anchors, references = normalize(anchors, dim=1), normalize(references, dim=1)
        logits = anchors @ references.T / self.temperature
        anchor, positive = pairs.positive.nonzero(as_tuple=True)
        right = logits[anchor, positive]
        wrong = logits[anchor].masked_fill(~pairs.negative[anchor], -torch.inf)
        either = torch.logsumexp(torch.cat([right[:, None], wrong], dim=1), dim=1)
        return mean_or_zero(either - right)
