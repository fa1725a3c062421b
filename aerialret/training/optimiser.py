"""Rates and freezing: a network, a loss and a configuration go in, an optimiser comes out."""

import math
from typing import Any

import torch
from torch import nn

from aerialret.config import TrainConfig
from aerialret.network.model import TRUNK_STAGES, DescriptorNetwork
from aerialret.network.precision import multiplies_bfloat16
from aerialret.training.objectives import Objective
from aerialret.training.schedule import Parts


def make_optimiser(
    network: DescriptorNetwork, objective: Objective, config: TrainConfig
) -> torch.optim.Adam:
    """Adam with a rate for each group of layers; freezes what the configuration freezes."""
    for name in TRUNK_STAGES[: config.frozen_stages]:
        stage = getattr(network.trunk, name, None)
        if stage is not None:
            stage.requires_grad_(False)
    return torch.optim.Adam(
        rate_groups(network, objective, config), weight_decay=config.weight_decay
    )


def rate_groups(
    network: DescriptorNetwork, objective: Objective, config: TrainConfig
) -> list[dict[str, Any]]:
    """Adam's parameter groups, each with its own rate; parameters that stay fixed are left out."""
    parts: list[tuple[str, nn.Module | None, float]] = [
        ("fusion", network.fusion, config.rate_fusion),
        ("transformer", network.transformer, config.rate_transformer),
        ("trunk", network.trunk, config.rate_trunk),
        ("head", network.head, config.rate_head),
        ("objective", objective, objective.rate(config) or 0.0),
    ]
    groups = []
    for name, module, rate in parts:
        trained = [p for p in module.parameters() if p.requires_grad] if module else []
        if trained:
            groups.append({"params": trained, "lr": rate, "rate": rate, "part": name})
    return groups


def set_rates(
    optimiser: torch.optim.Adam, config: TrainConfig, *, epoch: int, parts: Parts
) -> None:
    """The rates of an epoch: decayed, and 0 for the parts that rest."""
    for group in optimiser.param_groups:
        working = parts.transformer if group["part"] == "transformer" else parts.rest
        group["lr"] = group["rate"] * _decay(config, epoch) if working else 0.0


def train_mode(network: DescriptorNetwork, config: TrainConfig, *, parts: Parts) -> None:
    """Puts what learns into training mode, but for batch statistics that stay frozen."""
    network.train(parts.rest)
    if network.transformer is not None:
        network.transformer.train(parts.transformer)
    if config.trunk_batch_norm == "frozen":
        for module in network.trunk.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def uses_bfloat16(precision: str, device: torch.device) -> bool:
    """Whether matrix products run in bfloat16: where asked for, or where it pays on `device`."""
    return multiplies_bfloat16(device) if precision == "auto" else precision == "bfloat16"


def _decay(config: TrainConfig, epoch: int) -> float:
    if config.rate_decay == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * epoch / max(config.epochs, 1)))
