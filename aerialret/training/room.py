"""Whether what a loss keeps fits a machine: [train] goes in, nothing comes out unless it does not.

An allocation may succeed and end the process once it is written to, so that it is checked before.
"""

import os

import torch

from aerialret.config import TrainConfig
from aerialret.errors import ConfigurationError

SHARE_OF_MEMORY = 0.5
"""What a loss may keep of a machine's memory; the rest is for the tiles and the network."""

_FLOAT_BYTES = 4
_COPIES_TRAINED = 4  # what is trained, its gradient, and Adam's two moments


def require_room(
    config: TrainConfig, *, dimensions: int, places: int, device: torch.device
) -> None:
    """Does nothing where the loss's memory and centres fit.

    Args:
        config: The section [train].
        dimensions: R, numbers in a descriptor.
        places: Training places.
        device: Where they are kept.

    Raises:
        ConfigurationError: They take more than `SHARE_OF_MEMORY` of what there is.
    """
    vector = dimensions * _FLOAT_BYTES
    _require("memory", config.memory, vector, device)
    if config.loss == "softtriple":
        _require("centres", config.centres, vector * places * _COPIES_TRAINED, device)


def memory_bytes(device: torch.device) -> int | None:
    """A GPU's free memory, or that of the machine; None where it cannot be known."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows, or a system that does not tell
        return None


def _require(key: str, count: int, each_bytes: int, device: torch.device) -> None:
    there = memory_bytes(device)
    if there is None or count * each_bytes <= SHARE_OF_MEMORY * there:
        return
    most = int(SHARE_OF_MEMORY * there) // each_bytes
    raise ConfigurationError(
        f"train.{key} is {count}, which takes {count * each_bytes / 1e9:,.1f} GB, but this "
        f"{'GPU has' if device.type == 'cuda' else 'machine has'} {there / 1e9:,.1f} GB, half of "
        f"which are for the tiles and the network; set it to {most} at most"
    )
