"""LightGlue: the points of two pictures go in, pairs come out, by a network that sees them all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aerialret.verification.learned.points import PicturePoints
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.matching import Matches


@dataclass(frozen=True, slots=True)
class LightGluePairing:
    """LightGlue (Lindenberger, Sarlin and Pollefeys, ICCV 2023).

    Attributes:
        network: kornia.feature.LightGlue, for the kind of points that it pairs.
        device: Where it computes.
    """

    network: Any
    device: torch.device

    def __call__(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Pairs of points that it holds for one and the same, by the order of the first."""
        assert isinstance(first, PicturePoints), type(first)
        assert isinstance(second, PicturePoints), type(second)
        if not len(first) or not len(second):
            return Matches(np.empty(0, np.int64), np.empty(0, np.int64))
        with torch.inference_mode():
            told = {"image0": self._asked(first), "image1": self._asked(second)}
            pairs = self.network(told)["matches"][0].cpu().numpy().astype(np.int64)
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        return Matches(pairs[:, 0], pairs[:, 1])

    def _asked(self, features: PicturePoints) -> dict[str, Tensor]:
        arrays = {
            "keypoints": features.points,
            "descriptors": features.descriptors,
            "image_size": np.array(features.size, np.float32),
        }
        return {name: torch.from_numpy(each)[None].to(self.device) for name, each in arrays.items()}


def lightglue(kornia: Any, points: str) -> Any:
    """LightGlue with random weights, in evaluation mode.

    Args:
        kornia: kornia.feature.
        points: The kind that it pairs, by kornia's name: disk or aliked.
    """
    told = dict(kornia.LightGlue.features[points])
    told.pop("weights", None)  # else it looks for a file beside kornia's code
    return kornia.LightGlue(None, **told).eval()
