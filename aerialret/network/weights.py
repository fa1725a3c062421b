"""Weights for the trunk: a name or a file goes in, a filled trunk and a report come out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError
from aerialret.network.methods import build_network


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsReport:
    """What loading did.

    Attributes:
        loaded: Number of tensors that were taken over.
        missing: Names in the trunk that keep their random values.
        unused: Names in the file that the trunk does not have.
    """

    loaded: int
    missing: tuple[str, ...]
    unused: tuple[str, ...]


def initial_network(config: ModelConfig, *, tile_px: int, seed: int) -> nn.Module:
    """The method before training: random values from `seed`, then `config.weights` in its trunk.

    Raises:
        MissingInputError: The weights file is not there, or torchvision's cannot be downloaded.
        UnreadableInputError: It is no state dict.
        ConfigurationError: None of its tensors fit.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network(config, tile_px=tile_px)
    if config.method == "network" and config.weights != "none":
        trunk: Any = network.trunk
        fill_trunk(trunk, _state_dict(config), origin=config.weights, backbone=config.backbone)
    return network


def fill_trunk(
    trunk: nn.Module, state: dict[str, Tensor], *, origin: str, backbone: str
) -> WeightsReport:
    """Fills the trunk from a state dict with torchvision's ResNet names.

    Raises:
        ConfigurationError: The state dict fits no tensor, or one has another shape.
    """
    renamed = {_trunk_name(name): value.float() for name, value in state.items()}
    own = trunk.state_dict()
    usable = {name: value for name, value in renamed.items() if name in own}
    odd = [name for name, value in usable.items() if value.shape != own[name].shape]
    if odd or not usable:
        found = f"{odd[0]} has shape {tuple(usable[odd[0]].shape)}" if odd else "no name fits"
        raise ConfigurationError(
            f"{origin} does not fit {backbone}: {found}; set model.backbone to the one it is from"
        )
    trunk.load_state_dict(usable, strict=False)
    counters = [name for name in own if name.endswith("num_batches_tracked")]
    return WeightsReport(
        loaded=len(usable),
        missing=tuple(sorted(set(own) - set(usable) - set(counters))),
        unused=tuple(sorted(set(renamed) - set(own))),
    )


def _trunk_name(name: str) -> str:
    name = name.removeprefix("module.").removeprefix("backbone.")
    for old, new in (("conv1.", "stem.0."), ("bn1.", "stem.1.")):
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _state_dict(config: ModelConfig) -> dict[str, Tensor]:
    if config.weights == "imagenet":
        return _torchvision_weights(config.backbone)
    path = Path(config.weights)
    if not path.is_file():
        raise MissingInputError(
            f"model.weights is {config.weights!r}, but there is no such file; give imagenet, none, "
            "or a state dict (.pth, .safetensors)"
        )
    try:
        state: Any = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, weights_only=True, map_location="cpu")
        )
    except Exception as error:  # torch, pickle and safetensors raise errors that share no base
        raise UnreadableInputError(f"{path} is no state dict: {error}") from error
    return {name: value for name, value in state.items() if isinstance(value, Tensor)}


def _torchvision_weights(backbone: str) -> dict[str, Tensor]:
    weights = torchvision.models.get_model_weights(backbone).IMAGENET1K_V1
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=False)
    except OSError as error:
        raise MissingInputError(
            f"model.weights is 'imagenet', but torchvision's {backbone} weights cannot be "
            f"downloaded ({error}); give a file with --set model.weights=PATH, or none"
        ) from error
    return state
