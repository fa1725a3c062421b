"""The losses: [train] goes in, an `Objective` comes out."""

from collections.abc import Callable

from torch import Tensor

from aerialret.config import TrainConfig
from aerialret.errors import ConfigurationError
from aerialret.training.objectives.binary_cross_entropy import BinaryCrossEntropy
from aerialret.training.objectives.contrastive import Contrastive
from aerialret.training.objectives.hierarchical_triplet import HierarchicalTriplet
from aerialret.training.objectives.multi_similarity import MultiSimilarity
from aerialret.training.objectives.nt_xent import NtXent
from aerialret.training.objectives.objective import Objective
from aerialret.training.objectives.proxies import ProxyNca, SoftTriple
from aerialret.training.objectives.triplet import Triplet

__all__ = ["Objective", "build_objective"]

_OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "bce": BinaryCrossEntropy,
    "contrastive": Contrastive,
    "triplet": Triplet,
    "hierarchical-triplet": HierarchicalTriplet,
    "proxy-nca": ProxyNca,
    "softtriple": SoftTriple,
    "multi-similarity": MultiSimilarity,
    "ntxent": NtXent,
}
_WITH_MEMORY = ("contrastive", "triplet", "multi-similarity", "ntxent")
_OF_ONE_LENGTH = ("bce", "proxy-nca", "softtriple")


def build_objective(
    config: TrainConfig,
    *,
    dimensions: int,
    places: int,
    neighbours: Tensor | None = None,
) -> Objective:
    """The loss that `config` names; its own parameters come from torch's global generator.

    Args:
        config: The section [train].
        dimensions: R, the length of the descriptors.
        places: How many training places there are.
        neighbours: bool [places, places], dense or sparse: places that overlap, which are neither
            positive nor negative; None where tiles do not overlap.

    Raises:
        ConfigurationError: The loss cannot be had with the other keys of the section.
    """
    if config.memory and config.loss not in _WITH_MEMORY:
        raise ConfigurationError(
            f"train.memory is {config.memory}, but train.loss {config.loss!r} takes no negatives "
            f"of past batches; set train.memory = 0, or a loss that does: {', '.join(_WITH_MEMORY)}"
        )
    if config.batches == "clusters" and (config.memory or config.loss in _OF_ONE_LENGTH):
        what = "train.memory" if config.memory else f"train.loss {config.loss!r}"
        raise ConfigurationError(
            f"train.batches = 'clusters' trains slices of the descriptor, but {what} keeps vectors "
            "of its whole length; set train.batches = 'random', or a loss on pairs without memory"
        )
    return _OBJECTIVES[config.loss](
        config, dimensions=dimensions, places=places, neighbours=neighbours
    )
