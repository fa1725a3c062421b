"""Every method by its name: a configuration goes in, a module that describes tiles comes out."""

from typing import Protocol

from torch import Tensor, nn

from aerialret.config import ModelConfig
from aerialret.network.finish import Finish, coded_length
from aerialret.network.inputs import input_side
from aerialret.network.model import DescriptorNetwork


class Describer(Protocol):
    """What every method offers.

    Attributes:
        config: What was built.
        length: R, the numbers that `forward` gives for a tile.
    """

    config: ModelConfig
    length: int

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Float [n, R] from image float [n, 3, side, side] and mask float [n, 1 or 3, side, side].

        Both in [0, 1].
        """


def build_network(config: ModelConfig, *, tile_px: int) -> nn.Module:
    """The method that `config` names, with random weights, and its finish.

    Args:
        config: The method.
        tile_px: Side of the tiles, before `config.input_px`.

    Returns:
        A `Describer`, with a module `finish` and, where image and mask are described each by
        itself, `mask_finish`.
    """
    network = _body(config, tile_px=tile_px)
    network.add_module("finish", Finish(config, length=network.length))  # type: ignore[arg-type]
    if config.joins_descriptors:
        network.add_module("mask_finish", Finish(config, length=network.length))  # type: ignore[arg-type]
    return network


def vector_length(network: nn.Module) -> int:
    """Numbers in a vector that the search compares."""
    config: ModelConfig = network.config  # type: ignore[assignment]
    finished: int = network.finish.length  # type: ignore[union-attr, assignment]
    if config.joins_descriptors:
        finished *= 2
    return coded_length(finished, distance=config.distance)


def _body(config: ModelConfig, *, tile_px: int) -> nn.Module:
    if config.method == "network":
        return DescriptorNetwork(config, tile_px=input_side(config, tile_px=tile_px))
    from aerialret.network.classical import build_classical

    return build_classical(config)
