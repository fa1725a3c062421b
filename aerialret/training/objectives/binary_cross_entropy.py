"""The siamese's loss as an objective: descriptors go in, binary cross-entropy on |a - b| comes out.

RFIAP 2020, section 4.
"""

from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.network.model import Similarity
from aerialret.training.losses import batch_negatives, hardest_negatives, pair_loss
from aerialret.training.objectives.objective import Objective
from aerialret.training.objectives.relations import Relations


class BinaryCrossEntropy(Objective):
    """RFIAP 2020, equations 1 to 3, with the negatives of `train.negatives`.

    Attributes:
        similarity: The layer on |G(a) - G(b)|.
        relations: Which places are negatives of each other.
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
        self.negatives = config.negatives
        self.uses_strangers = config.negatives == "sampled"
        self.similarity = Similarity(dimensions)
        self.relations = Relations(places=places, neighbours=neighbours)

    def forward(self, query: Tensor, gallery: Tensor, places: Tensor) -> Tensor:
        """The loss, a scalar; see `Objective.forward`."""
        positives = query[: len(gallery)], gallery
        return pair_loss(self.similarity, positives, self._negatives(query, gallery, places))

    def rate(self, config: TrainConfig) -> float:
        """Adam's rate for the similarity layer."""
        return config.rate_similarity

    def _negatives(self, query: Tensor, gallery: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Pairs of different places: two float [k, R]."""
        n = len(gallery)
        if self.uses_strangers:
            different = self.relations.different(places[:n], places[n:]).diagonal()
            return query[:n][different], query[n:][different]
        different = self.relations.different(places[:n], places[:n])
        if self.negatives == "hardest":
            return hardest_negatives(self.similarity, query, gallery, places, different=different)
        return batch_negatives(query, gallery, places, different=different)
