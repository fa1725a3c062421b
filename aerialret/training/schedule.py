"""What is trained when: the configuration and an epoch go in, the parts that learn come out."""

from dataclasses import dataclass

from aerialret.config import TrainConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What learns in an epoch; what does not keeps its weights and its batch statistics.

    Attributes:
        transformer: The spatial transformer.
        rest: Fusion, trunk, head and the loss's own parameters.
        clusters: Each batch is of one cluster and trains that cluster's slice of the descriptor;
            otherwise batches are mixed, and whole descriptors learn.
    """

    transformer: bool = True
    rest: bool = True
    clusters: bool = False


def trained_parts(config: TrainConfig, *, epoch: int) -> Parts:
    """The parts that learn in an epoch.

    Args:
        config: Its keys schedule, batches and epochs.
        epoch: Epochs done before it; 0 is the first.
    """
    if config.schedule == "alternate":  # GetNet, section III-D: the transformer alone first
        return Parts(rest=epoch % 2 == 1, clusters=config.batches == "clusters")
    if config.schedule == "divide-and-conquer":
        return Parts(clusters=epoch < config.epochs - last_third(config.epochs))
    return Parts(clusters=config.batches == "clusters")


def last_third(epochs: int) -> int:
    """Epochs that fine-tune everything together, at least one (Sanakoyeu et al. 2019)."""
    return -(-epochs // 3)
