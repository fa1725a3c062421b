"""Fits of grids: a photo's cells and tiles' cells go in, where in them the photo lies comes out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.dense import TILES_AT_ONCE, Cells, GridLayout, laid_over
from aerialret.network.peaks import peak_offset
from aerialret.network.precision import multiplies_bfloat16
from aerialret.tiles.lying import lie_as_tiles_do


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleScores:
    """How well a photo fits each tile at each scale.

    Attributes:
        anyhow: float32 [scales, m], at its best turn and position.
        as_tiles: float32 [scales, m], at the best of those at which it lies as tiles do (see
            `aerialret.tiles.lying`); -inf at scales that have none.
    """

    anyhow: NDArray[np.float32]
    as_tiles: NDArray[np.float32]


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
) -> ScaleScores:
    """How well a photo fits each tile at each scale.

    Args:
        query: float32 [V, T], a photo's vectors, of turns evenly over the circle.
        gallery: float32 or float16 [m, L].
        layout: Of the model that made them.
        device: Where to compute.
    """
    kind = torch.bfloat16 if multiplies_bfloat16(device) else torch.float32
    shape = (len(layout.cells), len(gallery))
    anyhow, as_tiles = np.empty(shape, np.float32), np.full(shape, -np.inf, np.float32)
    ways = [_as_tiles(layout, scale, views=len(query)) for scale in range(len(layout.cells))]
    with torch.inference_mode():
        asked = torch.from_numpy(query)[None].to(device, kind)
        for start in range(0, len(gallery), TILES_AT_ONCE):
            some = torch.from_numpy(gallery[start : start + TILES_AT_ONCE]).to(device, kind)
            here = slice(start, start + len(some))
            for scale, cells in enumerate(layout.maps(some)):
                laid = laid_over(asked, cells, layout)[:, 0]
                anyhow[scale, here] = laid.amax(dim=(1, 2, 3)).float().cpu().numpy()
                if ways[scale].any():
                    few = laid[:, torch.from_numpy(ways[scale]).to(device)]
                    as_tiles[scale, here] = few.amax(dim=1).float().cpu().numpy()
    return ScaleScores(anyhow=anyhow, as_tiles=as_tiles)


def first_fits(
    query: NDArray[np.float32],
    gallery: Cells,
    scores: ScaleScores,
    *,
    layout: GridLayout,
    device: torch.device,
    each: int,
) -> list[TileFit]:
    """Where a photo fits the first tiles of every scale, scale by scale; then where as tiles do.

    Tiles fit by chance the better, the more positions a scale has, so that a list of all scales
    together holds few of the others; and the more, the more ways there are to lie, so that few of
    them are tiles that a photo fits which lies as tiles do. Those that it fits best so, at whatever
    scale, are added, unless they are there as they are.

    Args:
        query: float32 [V, T].
        gallery: float32 or float16 [m, L].
        scores: See `scores_by_scale`; -inf for what is left out.
        layout: Of the model that made them.
        device: Where to compute.
        each: Tiles of each scale, and tiles that the photo fits as tiles do.
    """
    found = []
    with torch.inference_mode():
        asked = torch.from_numpy(query)[None].to(device)
        for scale, own in enumerate(scores.anyhow):
            for row in _first(own, each):
                cells = _cells(gallery, row, scale, layout, device)
                found.append(TileFit(row=row, fit=_fit(asked, cells, layout, scale)))
        for row in _first(scores.as_tiles.max(axis=0), each):
            scale = int(scores.as_tiles[:, row].argmax())
            cells = _cells(gallery, row, scale, layout, device)
            ways = _as_tiles(layout, scale, views=len(query))
            found.append(TileFit(row=row, fit=_fit(asked, cells, layout, scale, ways=ways)))
    return list(dict.fromkeys(found))


def _first(scores: NDArray[np.float32], count: int) -> list[int]:
    """The best of float32 [m] that are not left out, the best first."""
    rows = np.argsort(-scores, kind="stable")[:count]
    return [int(row) for row in rows if np.isfinite(scores[row])]


def _cells(
    gallery: Cells, row: int, scale: int, layout: GridLayout, device: torch.device
) -> Tensor:
    """A tile's cells at one scale: float32 [1, channels, side, side]."""
    maps = layout.maps(torch.from_numpy(gallery[row : row + 1]))
    return maps[scale].to(device, torch.float32)


def _as_tiles(layout: GridLayout, scale: int, *, views: int) -> NDArray[np.bool_]:
    """The turns and positions at which a photo lies as tiles do: bool [views, rows, columns]."""
    side = layout.cells[scale]
    steps = np.arange(side - layout.template + 1)
    off = (steps + layout.template / 2) / side - 0.5
    turns = np.arange(views) * (360 / views)
    return lie_as_tiles_do(
        turn_deg=turns[:, None, None], side=layout.scales[scale], across=off, down=off[:, None]
    )


def _fit(
    asked: Tensor,
    cells: Tensor,
    layout: GridLayout,
    scale: int,
    *,
    ways: NDArray[np.bool_] | None = None,
) -> GridFit:
    """Where a photo (float32 [1, V, T]) fits one tile's cells at one scale best.

    Args:
        asked: The photo.
        cells: float32 [1, channels, side, side].
        layout: Of both.
        scale: Of the cells.
        ways: bool [V, rows, columns], which turns and positions count; None for all.
    """
    scores = laid_over(asked, cells, layout)[0, 0].cpu().numpy()
    counts = scores if ways is None else np.where(ways, scores, -np.inf)
    view, row, column = np.unravel_index(int(counts.argmax()), counts.shape)
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
