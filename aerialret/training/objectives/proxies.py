"""Losses with a class for each place: descriptors go in, how well proxies tell them comes out.

Movshovitz-Attias et al., "No Fuss Distance Metric Learning using Proxies", ICCV 2017 (Proxy-NCA);
Qian et al., "SoftTriple Loss: Deep Metric Learning Without Triplet Sampling", ICCV 2019. Both are
pytorch-metric-learning's, on unit vectors whatever `train.distance_on` says.
"""

import torch
from pytorch_metric_learning.losses import ProxyNCALoss, SoftTripleLoss
from torch import Tensor, nn

from aerialret.config import TrainConfig
from aerialret.training.objectives.objective import Objective, nothing

PROXY_SCALE = 9.0
"""Of the squared distances: unit vectors times 3. With the library's 1, thousands of proxies at a
squared distance of 2 outweigh the right one at 0, whatever is learned (Teh et al. 2020)."""


class _PlaceClasses(Objective):
    """Both dates of a place are examples of its class.

    All other proxies are its negatives: overlapping neighbours, too, for a proxy is a class of its
    own and stands for no single tile.

    Attributes:
        classes: The loss of pytorch-metric-learning with its proxies or centres.
    """

    def __init__(self, classes: nn.Module) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, query: Tensor, gallery: Tensor, places: Tensor) -> Tensor:
        """The loss, a scalar; see `Objective.forward`."""
        if not len(query):
            return nothing(query, gallery)
        result: Tensor = self.classes(torch.cat([query, gallery]), torch.cat([places, places]))
        return result

    def rate(self, config: TrainConfig) -> float:
        """Adam's rate for the proxies and centres."""
        return config.rate_proxies


class ProxyNca(_PlaceClasses):
    """Proxy-NCA: one proxy for each place."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        super().__init__(
            ProxyNCALoss(num_classes=places, embedding_size=dimensions, softmax_scale=PROXY_SCALE)
        )


class SoftTriple(_PlaceClasses):
    """SoftTriple: `train.centres` centres for each place, without the pull between centres."""

    def __init__(
        self,
        config: TrainConfig,
        *,
        dimensions: int,
        places: int,
        neighbours: Tensor | None = None,
    ) -> None:
        super().__init__(
            SoftTripleLoss(
                num_classes=places, embedding_size=dimensions, centers_per_class=config.centres
            )
        )
