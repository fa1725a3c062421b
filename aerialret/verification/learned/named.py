"""Learned matchers by name: a name and a folder of weights go in, a matcher comes out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from aerialret.errors import UnreadableInputError
from aerialret.verification.learned import weights
from aerialret.verification.learned.lightglue import LightGluePairing, lightglue
from aerialret.verification.learned.loftr import LoftrMatcher
from aerialret.verification.learned.points import (
    MOST,
    AlikedDetector,
    DiskDetector,
    LearnedMatcher,
)
from aerialret.verification.learned.weights import (
    WeightsFile,
    fill,
    read_weights,
    require_kornia,
)
from aerialret.verification.matching import Matcher

Filled = Callable[[Any, WeightsFile], Any]
"""Gives a network of random weights those of a file."""

_Make = Callable[[Any, torch.device, Filled], Matcher]


def learned_matcher(name: str, *, device: torch.device, folder: Path | None = None) -> Matcher:
    """The matcher of this name, one of `LEARNED`, with its weights.

    Args:
        name: Which one.
        device: Where it computes.
        folder: Where weights are looked for before torch hub's cache.

    Raises:
        ConfigurationError: kornia is not installed.
        MissingInputError: Its weights are not there.
        UnreadableInputError: They are those of something else.
    """
    kornia = require_kornia(name)

    def filled(network: Any, file: WeightsFile) -> Any:
        tensors = read_weights(file, matcher=name, folder=folder)
        try:
            fill(network, tensors)
        except RuntimeError as error:
            raise UnreadableInputError(
                f"{file.names[-1]} does not fit matcher {name!r} "
                f"({str(error).splitlines()[0]}); fetch it again"
            ) from error
        return network.to(device).eval()

    return LEARNED[name](kornia, device, filled)


def _loftr(kornia: Any, device: torch.device, filled: Filled) -> Matcher:
    network = filled(kornia.LoFTR(None), weights.LOFTR)
    return LoftrMatcher(network=network, device=device)


def _disk_lightglue(kornia: Any, device: torch.device, filled: Filled) -> Matcher:
    detect = DiskDetector(filled(kornia.DISK(), weights.DISK))
    glue = filled(lightglue(kornia, "disk"), weights.DISK_LIGHTGLUE)
    return LearnedMatcher(detect=detect, pair=LightGluePairing(glue, device), device=device)


def _aliked(kornia: Any, device: torch.device, filled: Filled) -> Matcher:
    detect = AlikedDetector(filled(_aliked_network(kornia, "aliked-n16rot"), weights.ALIKED_TURNED))
    return LearnedMatcher(detect=detect, device=device)


def _aliked_lightglue(kornia: Any, device: torch.device, filled: Filled) -> Matcher:
    detect = AlikedDetector(filled(_aliked_network(kornia, "aliked-n16"), weights.ALIKED))
    glue = filled(lightglue(kornia, "aliked"), weights.ALIKED_LIGHTGLUE)
    return LearnedMatcher(detect=detect, pair=LightGluePairing(glue, device), device=device)


def _aliked_network(kornia: Any, name: str) -> Any:
    """ALIKED that keeps the strongest points, however weak they are."""
    return kornia.ALIKED(name, max_num_keypoints=MOST, detection_threshold=0.0)


LEARNED: dict[str, _Make] = {
    "aliked": _aliked,
    "aliked-lightglue": _aliked_lightglue,
    "disk-lightglue": _disk_lightglue,
    "loftr": _loftr,
}
"""What makes each of kornia's matchers."""
