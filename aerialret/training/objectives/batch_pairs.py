"""The pairs of a batch: descriptors at two dates go in, anchors, references and masks come out."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.training.objectives.memory import Memory
from aerialret.training.objectives.objective import Objective
from aerialret.training.objectives.relations import Relations


@dataclass(frozen=True, kw_only=True)
class BatchPairs:
    """All tiles of a batch, and what each of them is compared with.

    Attributes:
        anchors: float [2 n, R]: the places at one date, then at the other.
        references: float [2 n + memory, R]: `anchors`, then what the memory holds.
        places: int64 [2 n], of the anchors.
        reference_places: int64 [2 n + memory]; below 0 where the memory is empty.
        positive: bool [2 n, 2 n + memory]: another tile of this batch that shows the place.
        negative: bool [2 n, 2 n + memory]: a tile of another place that is no neighbour.
    """

    anchors: Tensor
    references: Tensor
    places: Tensor
    reference_places: Tensor
    positive: Tensor
    negative: Tensor

    @cached_property
    def distances(self) -> Tensor:
        """Euclidean: float [2 n, 2 n + memory]; its gradient is 0 between equal descriptors.

        From the differences: by products of matrices, as is faster, near ones lose their digits.
        """
        return torch.cdist(
            self.anchors, self.references, compute_mode="donot_use_mm_for_euclid_dist"
        )

    @property
    def blocks(self) -> list[slice]:
        """Columns of the references by where they come from: one date, the other, the memory."""
        count = len(self.anchors)
        parts = [slice(0, count // 2), slice(count // 2, count), slice(count, len(self.references))]
        return [part for part in parts if part.stop > part.start]


class PairObjective(Objective):
    """A loss over pairs or triplets of a batch, and of a batch with the memory.

    Attributes:
        relations: Which places are negatives of each other.
        memory: Descriptors of past batches, or None.
    """

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.relations = Relations(places=places, neighbours=neighbours)
        self.memory = Memory(config.memory, dimensions=dimensions) if config.memory else None

    def forward(self, query: Tensor, gallery: Tensor, places: Tensor) -> Tensor:
        """The loss, a scalar; see `Objective.forward`. In training the memory takes the batch."""
        pairs = self.pairs(query, gallery, places)
        loss = self.loss(pairs)
        if self.training and self.memory is not None:
            self.memory.write(pairs.anchors, pairs.places)
        return loss

    def loss(self, pairs: BatchPairs) -> Tensor:
        """The loss over the pairs of one batch, a scalar."""
        raise NotImplementedError

    def pairs(self, query: Tensor, gallery: Tensor, places: Tensor) -> BatchPairs:
        """What this batch lets compare: within each date, across the two, with the memory."""
        anchors, numbers = torch.cat([query, gallery]), torch.cat([places, places])
        references, reference_numbers = anchors, numbers
        if self.memory is not None:
            past = self.memory.descriptors.to(anchors.dtype)
            references = torch.cat([anchors, past])
            # A copy: the loss may look at it after the memory has taken in this batch.
            reference_numbers = torch.cat([numbers, self.memory.places])
        positive = numbers[:, None] == reference_numbers[None, :]
        positive[:, len(anchors) :] = False
        positive.fill_diagonal_(False)
        return BatchPairs(
            anchors=anchors,
            references=references,
            places=numbers,
            reference_places=reference_numbers,
            positive=positive,
            negative=self.relations.different(numbers, reference_numbers),
        )
