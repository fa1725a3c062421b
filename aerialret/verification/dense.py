"""Dense matching: the feature maps of a network go in, pairs of cells that look alike come out.

No extra weights: any network whose maps have unit cells will do. Maps know little of turns and
scales, so photos are to be brought to about the reference's first (`refine.locate` does).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from aerialret.network.peaks import vertices
from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.matching import Matches, mutual_nearest

Maps = Callable[[torch.Tensor], torch.Tensor]
"""From images (float [n, 3, h, w], 0 to 1) to cells of unit length (float [n, c, h / s, w / s])."""

_LEAST_SEEN = 0.75  # share of a cell's pixels that must have an image


@dataclass(frozen=True, slots=True)
class DenseFeatures(LocalFeatures):
    """Local features on a grid.

    Attributes:
        rows: int [h / s, w / s], the feature of each cell; -1 where there is no image.
        stride_px: Side of a cell in pixels.
    """

    rows: NDArray[np.int64]
    stride_px: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseMatcher:
    """Mutual nearest neighbours of cells, refined between cells.

    Attributes:
        maps: Makes the cells.
        ratio: Lowe's ratio; neighbouring cells look alike, so that 1 (no test) is the rule.
    """

    maps: Maps
    ratio: float = 1.0

    def features(self, image: Image, valid: Valid | None = None) -> DenseFeatures:
        """The cells of uint8 [3, height, width] that mostly have an image."""
        with torch.inference_mode():
            cells = self.maps(torch.from_numpy(image[None].astype(np.float32) / 255))[0]
        values = cells.float().cpu().numpy()
        height, width = values.shape[1:]
        stride = image.shape[2] / width, image.shape[1] / height
        seen = np.ones((height, width), bool)
        if valid is not None:
            seen = _share_of_cells(valid, height=height, width=width) >= _LEAST_SEEN
        rows = np.where(seen, np.cumsum(seen.ravel()).reshape(seen.shape) - 1, -1)
        return DenseFeatures(
            _centres(height, width, stride)[seen.ravel()],
            np.ascontiguousarray(values.reshape(len(values), -1).T[seen.ravel()]),
            rows,
            stride,
        )

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        """Cells that are each other's nearest."""
        found = mutual_nearest(first.descriptors, second.descriptors, ratio=self.ratio)
        if not isinstance(second, DenseFeatures) or not len(found):
            return found
        shifts = _peak_shifts(first.descriptors[found.first], found.second, second)
        return Matches(found.first, found.second, shifts)


def _peak_shifts(
    wanted: NDArray[np.float32], at: NDArray[np.int64], cells: DenseFeatures
) -> NDArray[np.float32]:
    """How far from its cell the best place for each wanted vector lies: float32 [m, 2], pixels.

    A parabola through the similarity of the cell and of its neighbours, along each axis; nothing
    where a neighbour is missing or the cell is no peak.
    """
    padded = np.pad(cells.rows, 1, constant_values=-1)
    places = np.argwhere(cells.rows >= 0)[at] + 1
    here = np.einsum("mc,mc->m", wanted, cells.descriptors[at])
    axes = []
    for step in ((0, 1), (1, 0)):
        before, after = padded[tuple((places - step).T)], padded[tuple((places + step).T)]
        low = np.einsum("mc,mc->m", wanted, cells.descriptors[before])
        high = np.einsum("mc,mc->m", wanted, cells.descriptors[after])
        between = vertices(low, here, high).clip(-0.5, 0.5)
        axes.append(np.where((before >= 0) & (after >= 0), between, 0))
    return (np.column_stack(axes) * cells.stride_px).astype(np.float32)


def _share_of_cells(valid: Valid, *, height: int, width: int) -> NDArray[np.float32]:
    """Which share of each cell's pixels has an image: float32 [height, width]."""
    seen = torch.from_numpy(valid[None, None].astype(np.float32))
    share: NDArray[np.float32] = torch.nn.functional.adaptive_avg_pool2d(seen, (height, width))[
        0, 0
    ].numpy()
    return share


def _centres(height: int, width: int, stride_px: tuple[float, float]) -> NDArray[np.float32]:
    """float32 [height * width, 2], x and y by pixels' centres, row by row."""
    rows, cols = np.indices((height, width), np.float32)
    points = np.stack([(cols.ravel() + 0.5) * stride_px[0], (rows.ravel() + 0.5) * stride_px[1]], 1)
    return (points - 0.5).astype(np.float32)
