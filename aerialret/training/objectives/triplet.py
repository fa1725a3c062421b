"""The triplet loss and its miners: a batch of places goes in, a scalar comes out.

Schroff, Kalenichenko and Philbin, "FaceNet", CVPR 2015, equations 1 to 4.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.training.objectives.batch_pairs import BatchPairs, PairObjective
from aerialret.training.objectives.contrastive import mean_or_zero


class Triplet(PairObjective):
    """The mean of max(d(a, p)^2 - d(a, n)^2 + margin, 0) over the triplets that a miner chose.

    For every tile a of the batch and every other tile p of its place, `train.miner` takes:

    - all: every negative.
    - random: one negative, each as likely as any other.
    - hard: the nearest negative.
    - semi-hard: the nearest of the negatives that are farther than p (equation 4); where all are
      nearer, the farthest of them, so that no place is left without a lesson.

    Attributes:
        step: int64, batches seen in training; the random draws follow from it and the seed.
    """

    step: Tensor

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        super().__init__(config, dimensions=dimensions, places=places, neighbours=neighbours)
        self.margin, self.miner, self.seed = config.margin, config.miner, config.seed
        self.register_buffer("step", torch.tensor(0))

    def forward(self, query: Tensor, gallery: Tensor, places: Tensor) -> Tensor:
        """The loss, a scalar; see `Objective.forward`."""
        loss = super().forward(query, gallery, places)
        if self.training:
            self.step += 1
        return loss

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over the triplets of one batch, a scalar."""
        squares = pairs.distances.square()
        anchor, positive = pairs.positive.nonzero(as_tuple=True)
        near, far = squares[anchor, positive], squares[anchor]
        chosen = pairs.negative[anchor]
        if self.miner == "random":
            chosen = only_least(self._scores(pairs)[anchor], chosen)
        elif self.miner != "all":
            chosen = _MINERS[self.miner](near.detach(), far.detach(), chosen)
        return mean_or_zero((near[:, None] - far + self.margin).clamp(min=0)[chosen])

    def _scores(self, pairs: BatchPairs) -> Tensor:
        """Random numbers from 0 to 1, the least of which wins: float64 [anchors, references].

        The tiles of all places lie at random on a circle, and the score is the way from anchor to
        reference. That makes the draw independent of the order of a batch.
        """
        generator = torch.Generator().manual_seed(_mixed(self.seed, int(self.step)))
        circle = torch.rand(3, self.relations.places, generator=generator, dtype=torch.float64).to(
            pairs.places.device
        )
        dates = torch.full_like(pairs.reference_places, 2)
        for date, block in enumerate(pairs.blocks[:2]):
            dates[block] = date
        at = circle[dates, pairs.reference_places.clamp(min=0)]
        return (at[None, :] - at[: len(pairs.anchors), None]) % 1.0


def only_least(scores: Tensor, allowed: Tensor) -> Tensor:
    """Of the allowed cells of each row only the one with the least score: bool [rows, columns]."""
    if not scores.numel():
        return allowed
    best = scores.masked_fill(~allowed, torch.inf).argmin(dim=1, keepdim=True)
    return torch.zeros_like(allowed).scatter_(1, best, True) & allowed


def _hard(near: Tensor, far: Tensor, negative: Tensor) -> Tensor:
    return only_least(far, negative)


def _semi_hard(near: Tensor, far: Tensor, negative: Tensor) -> Tensor:
    farther = negative & (far > near[:, None])
    any_farther = farther.any(dim=1, keepdim=True)
    return torch.where(any_farther, only_least(far, farther), only_least(-far, negative))


_MINERS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "hard": _hard,
    "semi-hard": _semi_hard,
}


def _mixed(seed: int, step: int) -> int:
    """One seed of two numbers; a product with an odd number, so that seed + 1 is not step + 1."""
    return (seed * 0x9E3779B97F4A7C15 + step) % 2**63
