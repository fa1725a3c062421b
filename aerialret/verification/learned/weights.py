"""Weights of kornia's networks: a network's name and a folder go in, its tensors come out.

Nothing is downloaded here. A file lies in the folder that is named, or where kornia itself puts
what it downloads: torch hub's cache.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError

_DERIVED = frozenset({"confidence_thresholds", "dkd.hw_grid"})
"""What networks compute from their settings; files may lack it."""

EXTRA = "pip install 'aerialret[kornia]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsFile:
    """Where a network's weights lie.

    Attributes:
        names: Of the file: as kornia's cache has it, then as it is published.
        fetched_by: The expression by which kornia (`kornia.feature`, as `f`) downloads it.
        part: Of what the file holds, the key of the tensors; empty for all of it.
    """

    names: tuple[str, ...]
    fetched_by: str
    part: str = ""


LOFTR = WeightsFile(
    names=("loftr_outdoor.ckpt",), fetched_by='f.LoFTR("outdoor")', part="state_dict"
)
DISK = WeightsFile(
    names=("depth-save.pth",), fetched_by='f.DISK.from_pretrained("depth")', part="extractor"
)
DISK_LIGHTGLUE = WeightsFile(
    names=("disk_lightglue_v0-1_arxiv-pth", "disk_lightglue.pth"), fetched_by='f.LightGlue("disk")'
)
ALIKED = WeightsFile(names=("aliked-n16.pth",), fetched_by='f.ALIKED.from_pretrained("aliked-n16")')
ALIKED_TURNED = WeightsFile(
    names=("aliked-n16rot.pth",), fetched_by='f.ALIKED.from_pretrained("aliked-n16rot")'
)
ALIKED_LIGHTGLUE = WeightsFile(
    names=("aliked_lightglue_v0-1_arxiv-pth", "aliked_lightglue.pth"),
    fetched_by='f.LightGlue("aliked")',
)


def has_kornia() -> bool:
    """Whether kornia is installed."""
    return find_spec("kornia") is not None


def require_kornia(matcher: str) -> Any:
    """The features of kornia.

    Raises:
        ConfigurationError: kornia is not installed.
    """
    if not has_kornia():
        raise ConfigurationError(
            f"matcher {matcher!r} is kornia's, which is not installed; run {EXTRA}, or name "
            "another matcher, as auto"
        )
    import kornia.feature

    return kornia.feature


def read_weights(file: WeightsFile, *, matcher: str, folder: Path | None) -> dict[str, Tensor]:
    """The tensors in `file`, by name.

    Args:
        file: Which one.
        matcher: Who asks, for the messages.
        folder: Where to look before torch hub's cache.

    Raises:
        MissingInputError: It is in neither.
        UnreadableInputError: It is no file of tensors.
    """
    path = _found(file, matcher=matcher, folder=folder)
    try:
        held = torch.load(path, map_location="cpu", weights_only=True)
        return dict(held[file.part] if file.part else held)
    except Exception as error:  # torch raises errors that share no base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableInputError(
            f"{path} holds no weights for matcher {matcher!r} ({reason}); fetch it again"
        ) from error


def _found(file: WeightsFile, *, matcher: str, folder: Path | None) -> Path:
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    for place in ([folder] if folder else []) + [cache]:
        for name in file.names:
            if (place / name).is_file():
                return place / name
    looked = f"{folder} nor in {cache}" if folder else f"{cache}"
    raise MissingInputError(
        f"matcher {matcher!r} needs {file.names[-1]}, which is {'neither' if folder else 'not'} in "
        f"{looked}; put it into a folder and name that by '--matcher-weights', or, with a network, "
        f"run: python -c 'import kornia.feature as f; {file.fetched_by}'"
    )


def fill(network: Any, tensors: Mapping[str, Tensor]) -> None:
    """Loads published weights, by kornia's names or by those of their authors.

    Raises:
        RuntimeError: They are of another network.
    """
    named, own = renamed(tensors), set(network.state_dict())
    if missing := sorted(own - set(named) - _DERIVED):
        raise RuntimeError(f"{len(missing)} of {len(own)} tensors are missing, as {missing[0]}")
    network.load_state_dict({name: named[name] for name in own & set(named)}, strict=False)


def renamed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by kornia's names."""
    plain = {name.removeprefix("matcher."): each for name, each in tensors.items()}
    pattern = re.compile(r"^(self_attn|cross_attn)\.(\d+)\.")
    return {pattern.sub(r"transformers.\2.\1.", name): each for name, each in plain.items()}
