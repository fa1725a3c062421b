"""A photo of an evaluation as a query: what the search found goes in, an answer comes out.

It is what `aerialret query` would say of the photo, so that both are verified by one function.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.placing import window_of
from aerialret.evaluation.windows import Window, on_the_ground
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality
from aerialret.network.grid_fits import best_fit
from aerialret.querying.photo import Photo
from aerialret.querying.photo_pixels import PhotoPixels
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import TileBatch


def photo_of(name: str, batch: TileBatch) -> Photo:
    """The only photo of a batch; nothing is said of where it lies."""
    return Photo(path=Path(name), image=batch.images[0], valid=batch.valid[0], mask=batch.masks[0])


def pixels_of(photo: Photo) -> PhotoPixels:
    """The photo's pixels as they would be read from a file."""
    height, width = photo.valid.shape
    return PhotoPixels(image=photo.image, valid=photo.valid, width=width, height=height)


def answer_of(
    photo: Photo,
    *,
    modality: Modality,
    tiles: Sequence[TileId],
    scores: NDArray[np.float32],
    windows: Sequence[Window | None],
    date: str,
    grid: Grid,
) -> PhotoAnswer:
    """The answer to one photo.

    Args:
        photo: What was searched for.
        modality: What it was described by.
        tiles: The tiles that were found, the best first.
        scores: float32 [k], theirs.
        windows: What of each tile the photo shows; None where the method tells the tile alone.
        date: Of the gallery.
        grid: Of the tiles.
    """
    found = zip(tiles, scores, windows, strict=True)
    hits = [
        _hit(rank, tile, float(score), window, date=date, grid=grid)
        for rank, (tile, score, window) in enumerate(found, start=1)
    ]
    turns = tuple(0.0 if each is None else -each.rotation_deg % 360 for each in windows)
    return PhotoAnswer(
        query=str(photo.path), modality=modality, notes=(), hits=tuple(hits), turns_deg=turns,
        photo=photo, crs=grid.crs,
    )  # fmt: skip


def windows_of(
    query: NDArray[np.float32],
    gallery: Descriptors,
    rows: NDArray[np.int64],
    *,
    model: Model,
    rotations: int,
) -> list[Window | None]:
    """What of each tile the photo shows, as far as the method tells.

    Args:
        query: float32 [V, R], the photo's vectors.
        gallery: [m, R].
        rows: int [k], of the gallery.
        model: Described them.
        rotations: Turns that were tried.
    """
    if not model.config.is_grid:
        return [None] * len(rows)
    fits = [best_fit(query, gallery[r], layout=model.layout, device=model.device) for r in rows]
    return [window_of(fit, views=len(query), rotations=rotations) for fit in fits]


def _hit(
    rank: int, tile: TileId, score: float, window: Window | None, *, date: str, grid: Grid
) -> Hit:
    seen = window or Window()
    centre = np.array([seen.centre_x, seen.centre_y])
    x, y = on_the_ground(centre, tile=tile, grid=grid)
    return Hit(
        rank=rank, place=tile.place, col=tile.col, row=tile.row, date=date, score=score,
        bounds=grid.bounds(tile), x=float(x), y=float(y),
        side_m=None if window is None else window.side * grid.tile_size_m,
    )  # fmt: skip
