"""Every method by its name: a configuration goes in, a module that describes tiles comes out."""

from aerialret.config import ModelConfig
from aerialret.network.describer import Describer
from aerialret.network.finish import Finish, coded_length
from aerialret.network.inputs import input_side
from aerialret.network.model import DescriptorNetwork


def build_network(config: ModelConfig, *, tile_px: int) -> Describer:
    """The method that `config` names, with random weights, and its finish.

    Args:
        config: The method.
        tile_px: Side of the tiles, before `config.input_px`.
    """
    network = _body(config, tile_px=tile_px)
    network.finish = Finish(config, length=network.length)
    if config.joins_descriptors:
        network.mask_finish = Finish(config, length=network.length)
    return network


def vector_length(network: Describer) -> int:
    """Numbers in a vector that the search compares."""
    config, finished = network.config, network.finish.length
    if config.joins_descriptors:
        finished *= 2
    return coded_length(finished, distance=config.distance)


def _body(config: ModelConfig, *, tile_px: int) -> Describer:
    if config.method == "network":
        return DescriptorNetwork(config, tile_px=input_side(config, tile_px=tile_px))
    from aerialret.network.classical import build_classical

    return build_classical(config)
