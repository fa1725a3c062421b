"""LoFTR: two pictures go in, pairs of places that look alike come out; no points are looked for.

Its places are the cells of a grid of 8 pixels in the first picture, and places between the cells in
the second (Sun et al., CVPR 2021), so that its pairs are cells and shifts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2 as typed_cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.matching import Matches

cv2: Any = typed_cv2  # its stubs want output arrays

STRIDE_PX = 8

_HALF = 0.5
"""LoFTR counts pixels by their outer corners, local features by their centres."""


@dataclass(frozen=True, slots=True)
class LoftrFeatures(LocalFeatures):
    """A picture's cells; `descriptors` are empty, as cells are compared by the network.

    Attributes:
        maps: What the network sees: `coarse` and `fine`.
        columns: Cells along a row.
        seen: bool [k], cells with an image.
    """

    maps: Mapping[str, Tensor]
    columns: int
    seen: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoftrMatcher:
    """LoFTR.

    Attributes:
        network: kornia.feature.LoFTR in evaluation mode.
        device: Where it computes.
    """

    network: Any
    device: torch.device

    def features(self, image: Image, valid: Valid | None = None) -> LoftrFeatures:
        """The cells of uint8 [3, height, width], and where bool [height, width] is true."""
        grey = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
        pixels = torch.from_numpy(grey.astype(np.float32) / 255)[None, None]
        with torch.inference_mode():
            maps = self.network.extract_features(pixels.to(self.device))
        rows, columns = maps["coarse"].shape[-2:]
        down, across = np.indices((rows, columns)).reshape(2, -1)
        seen = np.ones(rows * columns, bool)
        if valid is not None:
            seen = valid[::STRIDE_PX, ::STRIDE_PX].ravel()
        points = np.column_stack([across, down]).astype(np.float32) * STRIDE_PX - _HALF
        return LoftrFeatures(points, np.empty((len(points), 0), np.float32), maps, columns, seen)

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Cells of the first picture and their places in the second."""
        assert isinstance(first, LoftrFeatures), type(first)
        assert isinstance(second, LoftrFeatures), type(second)
        with torch.inference_mode():
            found = self.network({"features0": first.maps, "features1": second.maps})
        own, theirs = (found[f"keypoints{n}"].cpu().numpy() for n in (0, 1))
        rows, others = _cell(own, first), _cell(theirs, second)
        kept = first.seen[rows] & second.seen[others]
        _, once = np.unique(others[kept], return_index=True)
        chosen = np.flatnonzero(kept)[once]
        chosen = chosen[np.argsort(rows[chosen], kind="stable")]
        shifts = theirs[chosen] - _HALF - second.points[others[chosen]]
        return Matches(rows[chosen], others[chosen], shifts.astype(np.float32))


def _cell(points: NDArray[np.float32], features: LoftrFeatures) -> NDArray[np.int64]:
    """The cell nearest to each point: int [m]."""
    cells = np.rint(points / STRIDE_PX).astype(np.int64)
    limits = [features.columns - 1, len(features) // features.columns - 1]
    columns, rows = np.clip(cells, 0, limits).T
    result: NDArray[np.int64] = rows * features.columns + columns
    return result
