"""Descriptors: a model and tiles go in, the vectors that the search compares come out.

The inner product of a query's vector and a gallery tile's is their score, 1 at best. A query may
have several vectors (turns of the photo; one for the image and one for the mask): the best counts.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.network.checkpoint import Model
from aerialret.network.grid_head import inscribed_circle
from aerialret.network.inputs import Pictures, pictures, resized, whole_pictures
from aerialret.network.methods import vector_length
from aerialret.network.turns import turned
from aerialret.network.vectors import (
    Modality,
    grid_cells,
    modalities_of,
    vectors,
    views_of,
)
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet

__all__ = ["Modality", "describe", "describe_queries", "describe_tiles", "modalities_of"]


def describe(
    model: Model, batch: TileBatch, *, modality: Modality, batch_size: int = 32
) -> NDArray[np.float32]:
    """The vectors of gallery tiles: float32 [n, R].

    They are of unit length but for Euclidean distances and late fusion (see `finish.coded`), and
    for grids (see `dense`).

    A tile whose mask lies wholly outside the vector coverage is described by its image alone.
    """
    parts = [np.empty((0, model.length), np.float32)]
    with torch.inference_mode():
        parts += [
            _of_gallery(model, some, modality).cpu().numpy()
            for some in _portions(batch, batch_size)
        ]
    return np.concatenate(parts)


def describe_queries(
    model: Model,
    batch: TileBatch,
    *,
    modality: Modality,
    rotations: int = 1,
    batch_size: int = 32,
) -> NDArray[np.float32]:
    """The vectors of queries: float32 [n, V, R]; the one that fits a tile best counts.

    Args:
        model: Describes them.
        batch: The queries.
        modality: What they are described by.
        rotations: Turns that are tried, evenly over the circle; the vectors of one turn follow
            each other, and `turn_of_view` gives its angle.
        batch_size: Queries described at once.
    """
    views = views_of(model.config, modality=modality) * rotations
    parts = [np.empty((0, views, vector_length(model.network)), np.float32)]
    with torch.inference_mode():
        for some in _portions(batch, batch_size):
            seen = pictures(some, config=model.config, device=model.device)
            turns = [
                vectors(model.network, _turned(seen, 360 * k / rotations), modality, role="query")
                for k in range(rotations)
            ]
            parts.append(torch.cat(turns, dim=1).cpu().numpy())
    return np.concatenate(parts)


def photo_grids(
    model: Model, batch: TileBatch, *, cells: int, modality: Modality, rotations: int
) -> NDArray[np.float32]:
    """Queries as grids of another number of cells than the search's: float32 [n, V, T].

    Args:
        model: With the head `grid`.
        batch: The queries.
        cells: On a side of a photo.
        modality: What they are described by.
        rotations: Turns, as in `describe_queries`.
    """
    side = cells * model.layout.stride_px
    with torch.inference_mode():
        whole = whole_pictures(batch, config=model.config, device=model.device)
        seen = resized(whole, side=side)
        circle = inscribed_circle(cells).to(model.device)
        turns = [
            (grid_cells(model.network, _turned(seen, 360 * k / rotations), modality) * circle)
            for k in range(rotations)
        ]
        return torch.stack(turns, dim=1).flatten(2).cpu().numpy()


def turn_of_view(view: int, *, views: int, rotations: int) -> float:
    """Degrees by which the photo was turned counter-clockwise for one of its `views` vectors."""
    return 360.0 * (view * rotations // views) / rotations


def describe_tiles(
    model: Model,
    tileset: TileSet,
    *,
    date: str,
    tiles: Sequence[TileId],
    modality: Modality,
    batch_size: int = 32,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32]:
    """The vectors of `tiles` at `date` as a gallery, in their order: float32 [n, R]."""
    parts = [np.empty((0, model.length), np.float32)]
    for start in range(0, len(tiles), batch_size):
        some = tiles[start : start + batch_size]
        parts.append(
            describe(model, tileset.read(date, some), modality=modality, batch_size=batch_size)
        )
        if progress:
            progress(start + len(some), len(tiles))
    return np.concatenate(parts)


def _portions(batch: TileBatch, size: int) -> list[TileBatch]:
    starts = range(0, len(batch), size)
    return [
        TileBatch(batch.images[s : s + size], batch.masks[s : s + size], batch.valid[s : s + size])
        for s in starts
    ]


def _of_gallery(model: Model, batch: TileBatch, modality: Modality) -> Tensor:
    """Float [n, R]; of the head `grid`, the cells at every scale."""
    if not model.config.is_grid:
        seen = pictures(batch, config=model.config, device=model.device)
        return vectors(model.network, seen, modality, role="gallery")[:, 0]
    layout = model.layout
    whole = whole_pictures(batch, config=model.config, device=model.device)
    grids = [
        grid_cells(model.network, resized(whole, side=cells * layout.stride_px), modality)
        for cells in layout.cells
    ]
    return torch.cat([cells.flatten(1) for cells in grids], dim=1)


def _turned(seen: Pictures, degrees: float) -> Pictures:
    if degrees == 0:
        return seen
    mask = turned(seen.mask, degrees=degrees, nearest=True)
    return Pictures(turned(seen.image, degrees=degrees), mask, seen.has_mask)
