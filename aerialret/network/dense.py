"""Grids laid over grids: a photo's cells and tiles' cells go in, the best fits come out.

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
from aerialret.network.peaks import peak_offset
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


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFit:
    """Where a photo fits a tile best.

    Attributes:
        score: Mean cosine of the cells.
        view: Which of the photo's vectors.
        scale: Side of what it shows, as a share of the tile's side.
        x: Its centre from the tile's left edge, as a share of the tile's side.
        y: Its centre from the tile's upper edge, likewise.
    """

    score: float
    view: int
    scale: float
    x: float
    y: float


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TileFit:
    """One of the tiles that a photo fits well at some scale.

    Attributes:
        row: Of the tile.
        fit: Where the photo fits it best at this scale.
    """

    row: int
    fit: GridFit


def best_fit(
    query: NDArray[np.float32],
    tile: Cells,
    *,
    layout: GridLayout,
    device: torch.device,
) -> GridFit:
    """Where a photo (float32 [V, T]) fits a tile (float32 or float16 [L]) best.

    The position is that of the peak of a parabola through the best cell and its neighbours.
    """
    with torch.inference_mode():
        asked = torch.from_numpy(query)[None].to(device)
        maps = layout.maps(torch.from_numpy(tile)[None].to(device, torch.float32))
        fits = [_fit(asked, cells, layout, scale) for scale, cells in enumerate(maps)]
    return max(fits, key=lambda fit: fit.score)


def scores_by_scale(
    query: NDArray[np.float32], gallery: Cells, *, layout: GridLayout, device: torch.device
) -> NDArray[np.float32]:
    """How well a photo fits each tile at each scale: float32 [scales, m].

    Args:
        query: float32 [V, T], a photo's vectors.
        gallery: float32 or float16 [m, L].
        layout: Of the model that made them.
        device: Where to compute.
    """
    kind = torch.bfloat16 if multiplies_bfloat16(device) else torch.float32
    scores = np.empty((len(layout.cells), len(gallery)), np.float32)
    with torch.inference_mode():
        asked = torch.from_numpy(query)[None].to(device, kind)
        for start in range(0, len(gallery), TILES_AT_ONCE):
            some = torch.from_numpy(gallery[start : start + TILES_AT_ONCE]).to(device, kind)
            for scale, cells in enumerate(layout.maps(some)):
                best = _laid_over(asked, cells, layout)[:, 0].amax(dim=(1, 2, 3))
                scores[scale, start : start + len(some)] = best.float().cpu().numpy()
    return scores


def first_fits(
    query: NDArray[np.float32],
    gallery: Cells,
    scores: NDArray[np.float32],
    *,
    layout: GridLayout,
    device: torch.device,
    each: int,
) -> list[TileFit]:
    """Where a photo fits the first tiles of every scale, scale by scale.

    Tiles fit by chance the better, the more positions a scale has, so that a list of all scales
    together holds few of the others.

    Args:
        query: float32 [V, T].
        gallery: float32 or float16 [m, L].
        scores: float32 [scales, m], see `scores_by_scale`; -inf for what is left out.
        layout: Of the model that made them.
        device: Where to compute.
        each: Tiles of each scale.
    """
    found = []
    with torch.inference_mode():
        asked = torch.from_numpy(query)[None].to(device)
        for scale, own in enumerate(scores):
            rows = np.argsort(-own, kind="stable")[:each]
            rows = rows[np.isfinite(own[rows])]
            some = torch.from_numpy(gallery[rows]).to(device, torch.float32)
            maps = layout.maps(some)[scale]
            for number, row in enumerate(map(int, rows)):
                fit = _fit(asked, maps[number : number + 1], layout, scale)
                found.append(TileFit(row=row, fit=fit))
    return found


def _fit(asked: Tensor, cells: Tensor, layout: GridLayout, scale: int) -> GridFit:
    """Where a photo (float32 [1, V, T]) fits one tile's cells at one scale best."""
    scores = _laid_over(asked, cells, layout)[0, 0].cpu().numpy()
    view, row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    down, across = _peak(scores[view], int(row), int(column))
    half, side = layout.template / 2, layout.cells[scale]
    return GridFit(
        score=float(scores[view, row, column]), view=int(view), scale=layout.scales[scale],
        x=(across + half) / side, y=(down + half) / side,
    )  # fmt: skip


def _scores(asked: Tensor, maps: list[Tensor], layout: GridLayout) -> Tensor:
    """float32 [n, m] of photos float [n, V, T] and the maps of m tiles."""
    best = [_laid_over(asked, cells, layout).amax(dim=(2, 3, 4)).float() for cells in maps]
    return torch.stack(best).amax(dim=0).T


def _laid_over(asked: Tensor, cells: Tensor, layout: GridLayout) -> Tensor:
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


def _peak(scores: NDArray[np.float32], row: int, column: int) -> tuple[float, float]:
    return (
        row + peak_offset(scores[:, column], row),
        column + peak_offset(scores[row], column),
    )
