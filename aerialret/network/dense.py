"""Grids laid over grids: a photo's cells and tiles' cells go in, the score of each tile comes out.

A tile is described at several scales, cell by cell; a photo by one grid of cells for each turn that
is tried. Their score is the mean cosine of the cells that meet, at the best turn, scale and
position. Everything is a convolution, so it runs where the network runs.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d

from aerialret.config import ModelConfig
from aerialret.network.gradient_cells import cell_channels
from aerialret.network.grid_head import inscribed_circle
from aerialret.network.inputs import input_side
from aerialret.network.precision import multiplies_bfloat16

Cells: TypeAlias = NDArray[np.float32] | NDArray[np.float16]
"""Vectors of tiles, as they are described or as an index keeps them."""

QUERIES_AT_ONCE = 8
TILES_AT_ONCE = 128

CHECKED_EXACTLY = 64
"""Tiles of each query whose score is computed again where the first pass rounds to bfloat16."""

_STRIDE_PX = {"layer3": 16, "layer4": 32}


@dataclass(frozen=True, slots=True)
class GridLayout:
    """How the cells of a tile lie in its vector.

    Attributes:
        channels: Numbers that describe a cell.
        template: Cells on a side of a photo.
        cells: Cells on a side of the tile, for each scale.
        scales: Side of what a photo shows, as a share of the tile's side, for each scale.
        stride_px: Pixels on a side of a cell.
    """

    channels: int
    template: int
    cells: tuple[int, ...]
    scales: tuple[float, ...]
    stride_px: int

    @classmethod
    def of(cls, config: ModelConfig, *, tile_px: int) -> "GridLayout":
        """The layout of a model with the head `grid`.

        The scales are those of `config.gallery_scales`, as nearly as whole cells allow.
        """
        stride = _STRIDE_PX[config.trunk]
        template = max(1, round(input_side(config, tile_px=tile_px) / stride))
        cells = tuple(
            sorted({max(template, round(template / scale)) for scale in config.gallery_scales})
        )
        scales = tuple(template / side for side in cells)
        return cls(cell_channels(config), template, cells, scales, stride)

    @property
    def photo_px(self) -> int:
        """Side of a photo, as it is seen."""
        return self.template * self.stride_px

    @property
    def length(self) -> int:
        """Numbers in a tile's vector."""
        return self.channels * sum(side * side for side in self.cells)

    def nearer(self, factor: float) -> tuple["GridLayout", slice] | None:
        """The layout for photos seen `factor` times as large, and which scales it still has.

        None where no tile has as many cells.
        """
        template = round(factor * self.template)
        first = sum(side < template for side in self.cells)
        cells = self.cells[first:]
        if not cells:
            return None
        scales = tuple(template / side for side in cells)
        layout = replace(self, template=template, cells=cells, scales=scales)
        return layout, slice(first, None)

    def maps(self, gallery: Tensor) -> list[Tensor]:
        """Float [m, channels, side, side] for each scale, from vectors float [m, length]."""
        ends = np.cumsum([self.channels * side * side for side in self.cells]).tolist()
        parts = torch.tensor_split(gallery, ends[:-1], dim=1)
        return [
            part.reshape(len(gallery), self.channels, side, side)
            for part, side in zip(parts, self.cells, strict=True)
        ]


def dense_similarities(
    queries: NDArray[np.float32],
    gallery: Cells,
    *,
    layout: GridLayout,
    device: torch.device,
) -> NDArray[np.float32]:
    """The score of every photo and tile: float32 [n, m].

    Args:
        queries: float32 [n, V, T], or [n, T]; the best of V counts.
        gallery: float32 or float16 [m, L].
        layout: Of the model that made them.
        device: Where to compute.
    """
    views = queries[:, None] if queries.ndim == 2 else queries
    scores = np.empty((len(views), len(gallery)), np.float32)
    rough = multiplies_bfloat16(device)
    kind = torch.bfloat16 if rough else torch.float32
    with torch.inference_mode():
        for start in range(0, len(gallery), TILES_AT_ONCE):
            some = torch.from_numpy(gallery[start : start + TILES_AT_ONCE]).to(device, kind)
            maps = layout.maps(some)
            for first in range(0, len(views), QUERIES_AT_ONCE):
                asked = torch.from_numpy(views[first : first + QUERIES_AT_ONCE]).to(device, kind)
                found = _scores(asked, maps, layout).cpu().numpy()
                scores[first : first + len(asked), start : start + len(some)] = found
    if rough:
        _sharpen(scores, views, gallery, layout, device)
    return scores


def _scores(asked: Tensor, maps: list[Tensor], layout: GridLayout) -> Tensor:
    """float32 [n, m] of photos float [n, V, T] and the maps of m tiles."""
    best = [laid_over(asked, cells, layout).amax(dim=(2, 3, 4)).float() for cells in maps]
    return torch.stack(best).amax(dim=0).T


def laid_over(asked: Tensor, cells: Tensor, layout: GridLayout) -> Tensor:
    """Scores at every position: float [m, n, V, rows, columns]."""
    count, views = asked.shape[:2]
    side = layout.template
    weight = float(inscribed_circle(side).max())  # unit photo, unit cells: a mean of cosines
    kernels = asked.reshape(count * views, layout.channels, side, side) * weight
    laid = conv2d(cells, kernels)
    return laid.view(len(cells), count, views, *laid.shape[2:])


def _sharpen(
    scores: NDArray[np.float32],
    views: NDArray[np.float32],
    gallery: Cells,
    layout: GridLayout,
    device: torch.device,
) -> None:
    """Computes the best `CHECKED_EXACTLY` of each row of `scores` again, in float32."""
    kept = min(CHECKED_EXACTLY, scores.shape[1])
    best = np.argpartition(-scores, kept - 1, axis=1)[:, :kept] if kept else scores[:, :0]
    with torch.inference_mode():
        for row, columns in enumerate(best.astype(np.int64)):
            asked = torch.from_numpy(views[row : row + 1]).to(device)
            some = torch.from_numpy(gallery[columns]).to(device, torch.float32)
            scores[row, columns] = _scores(asked, layout.maps(some), layout)[0].cpu().numpy()
