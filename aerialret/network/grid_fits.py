"""Fits of grids: a photo's cells and tiles' cells go in, where in them the photo lies comes out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.dense import TILES_AT_ONCE, Cells, GridLayout, laid_over
from aerialret.network.peaks import peak_offset
from aerialret.network.precision import multiplies_bfloat16


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
                best = laid_over(asked, cells, layout)[:, 0].amax(dim=(1, 2, 3))
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
            maps = layout.maps(torch.from_numpy(gallery[rows]))[scale].to(device, torch.float32)
            for number, row in enumerate(map(int, rows)):
                fit = _fit(asked, maps[number : number + 1], layout, scale)
                found.append(TileFit(row=row, fit=fit))
    return found


def _fit(asked: Tensor, cells: Tensor, layout: GridLayout, scale: int) -> GridFit:
    """Where a photo (float32 [1, V, T]) fits one tile's cells at one scale best."""
    scores = laid_over(asked, cells, layout)[0, 0].cpu().numpy()
    view, row, column = np.unravel_index(int(scores.argmax()), scores.shape)
    down, across = _peak(scores[view], int(row), int(column))
    half, side = layout.template / 2, layout.cells[scale]
    return GridFit(
        score=float(scores[view, row, column]), view=int(view), scale=layout.scales[scale],
        x=(across + half) / side, y=(down + half) / side,
    )  # fmt: skip


def _peak(scores: NDArray[np.float32], row: int, column: int) -> tuple[float, float]:
    return (
        row + peak_offset(scores[:, column], row),
        column + peak_offset(scores[row], column),
    )
