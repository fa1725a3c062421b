"""Weights before training: a configuration goes in, a filled method and a report come out."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.describer import Describer
from aerialret.network.importing.fitting import require_fit
from aerialret.network.importing.matching import WeightsReport, fill
from aerialret.network.importing.sources import TORCHVISION, read_source
from aerialret.network.methods import build_network

IMAGENET, NONE = "imagenet", "none"
"""What `model.weights` may say besides a source."""


def initial_network(
    config: ModelConfig,
    *,
    tile_px: int,
    seed: int,
    on_weights: Callable[[WeightsReport], None] | None = None,
) -> Describer:
    """The method before training: random values from `seed`, then `config.weights`.

    Args:
        config: The method; see `aerialret.network.importing.sources` for its weights.
        tile_px: Side of the tiles.
        seed: Of the random values.
        on_weights: Told what of the weights fitted, if any are loaded.

    Raises:
        MissingInputError: The weights are not there, or cannot be downloaded.
        UnreadableInputError: They are no state dict.
        ConfigurationError: They are those of another network.
    """
    network = random_network(config, tile_px=tile_px, seed=seed)
    if config.method == "network" and config.weights != NONE:
        tensors = read_source(source_of(config)).tensors
        report = fill_network(network, tensors, source=config.weights, config=config)
        if on_weights:
            on_weights(report)
    return network


def random_network(config: ModelConfig, *, tile_px: int, seed: int) -> Describer:
    """The method with random values from `seed`; the global generator stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(config, tile_px=tile_px)


def source_of(config: ModelConfig) -> str:
    """The source that `config.weights` names; imagenet is torchvision's first for the backbone."""
    if config.weights == IMAGENET:
        return f"{TORCHVISION}{config.backbone}.IMAGENET1K_V1"
    return config.weights


def fill_network(
    network: Describer, tensors: Mapping[str, Tensor], *, source: str, config: ModelConfig
) -> WeightsReport:
    """Takes over what fits of a source's tensors.

    Args:
        network: What `config` describes, a method with a trunk; changed in place.
        tensors: Of the source, by its names.
        source: Its name, for the report.
        config: Says which backbone to expect.

    Raises:
        ConfigurationError: Fewer than half of the trunk's convolutions fit; the message names the
            backbone that would.
    """
    if config.method != "network":
        raise ConfigurationError(
            f"{source} holds weights, but model.method is {config.method!r}, which takes none; "
            "use --set model.method=network"
        )
    report = fill(network, tensors, source=source)
    require_fit(report, tensors, config=config)
    return report
