"""Which backbone weights are of: tensors and a configuration go in, the nearest one comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.importing.matching import Shape, WeightsReport, is_trunk_convolution
from aerialret.network.importing.names import TRUNK, our_names, stage_of
from aerialret.network.model import TRUNK_STAGES, build_trunk

BACKBONES: tuple[str, ...] = ModelConfig.__dataclass_fields__["backbone"].metadata["choices"]

ENOUGH = 0.5
"""Share of the trunk's convolutions below which weights are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """How well a source fits a backbone.

    Attributes:
        backbone: Its name.
        shared: Convolutions that both have, in the same shape.
        own: Convolutions of the backbone's trunk.
        agreement: Shared ones as a share of those that either has, from 0 to 1.
    """

    backbone: str
    shared: int
    own: int
    agreement: float


def nearest_backbone(tensors: Mapping[str, Tensor], config: ModelConfig) -> Fit:
    """The backbone that agrees most with the source; the first of equals."""
    fits = [fit_of(tensors, replace(config, backbone=name)) for name in BACKBONES]
    return max(fits, key=lambda fit: fit.agreement)


def fit_of(tensors: Mapping[str, Tensor], config: ModelConfig) -> Fit:
    """How well the source fits the trunk that `config` describes."""
    with torch.device("meta"):  # shapes only
        trunk = build_trunk(config).state_dict()
    own = _convolutions({TRUNK + name: value for name, value in trunk.items()})
    named = our_names(tensors, own=own)
    shared = sum(tuple(tensors[name].shape) == own[ours] for ours, name in named.items())
    others = _foreign_convolutions(tensors, set(named.values()), config)
    return Fit(
        backbone=config.backbone, shared=shared, own=len(own),
        agreement=shared / max(len(own) + others, 1),
    )  # fmt: skip


def require_fit(
    report: WeightsReport, tensors: Mapping[str, Tensor], *, config: ModelConfig
) -> None:
    """Checks that the weights are those of the backbone.

    Raises:
        ConfigurationError: Fewer than half of the trunk's convolutions were loaded, or another
            backbone agrees more with the source.
    """
    best = nearest_backbone(tensors, config)
    if report.trunk_share >= ENOUGH and best.agreement <= fit_of(tensors, config).agreement:
        return
    raise ConfigurationError(
        f"{report.source} does not fit {config.backbone}: {report.trunk_share:.0%} of the trunk's "
        f"convolutions match by name and shape; {_advice(best, tensors)}"
    )


def _advice(best: Fit, tensors: Mapping[str, Tensor]) -> str:
    if best.shared >= ENOUGH * best.own:
        return (
            f"{best.backbone} is the nearest ({best.shared} of {best.own}); "
            f"use --set model.backbone={best.backbone}"
        )
    if best.shared:
        return (
            f"the nearest is {best.backbone} ({best.shared} of {best.own}), which does not fit "
            f"either; the backbones are {', '.join(BACKBONES)}"
        )
    return f"no ResNet's names are in it, as its first, {next(iter(tensors), 'which is missing')}"


def _convolutions(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    return {n: tuple(value.shape) for n, value in state.items() if is_trunk_convolution(n, value)}


def _foreign_convolutions(
    tensors: Mapping[str, Tensor], named: set[str], config: ModelConfig
) -> int:
    """Convolutions of the source's trunk, up to the cut, that the backbone does not have."""
    stages = TRUNK_STAGES[: TRUNK_STAGES.index(config.trunk) + 1]
    return sum(
        value.ndim == 4 and name not in named and stage_of(name) in stages
        for name, value in tensors.items()
    )
