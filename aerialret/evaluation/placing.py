"""Placing: how a photo's cells fit its first result goes in, where it lies by that comes out."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.protocols import photographed
from aerialret.evaluation.windows import ALIGNED, Window, on_the_ground
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import turn_of_view
from aerialret.network.grid_fits import GridFit, best_fit
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import Grid, TileId


def window_of(fit: GridFit, *, views: int, rotations: int) -> Window:
    """The window of the tile that a photo shows by `fit`.

    Args:
        fit: Where it fits best.
        views: Vectors of the photo.
        rotations: Turns that were tried.
    """
    turn = turn_of_view(fit.view, views=views, rotations=rotations)
    return Window(centre_x=fit.x, centre_y=fit.y, side=fit.scale, rotation_deg=-turn)


def placed_corners_m(
    queries: NDArray[np.float32],
    gallery: Descriptors,
    first: NDArray[np.int64],
    *,
    model: Model,
    tiles: tuple[TileId, ...],
    grid: Grid,
    rotations: int,
) -> NDArray[np.float64]:
    """Corners of what each photo shows by its first result, from the photo's upper left on.

    Args:
        queries: float32 [n, V, T].
        gallery: [m, L].
        first: int [n], rows of the gallery; `NO_ROW` for none.
        model: With the head `grid`.
        tiles: Of the gallery.
        grid: Their grid.
        rotations: Turns that were tried.

    Returns:
        float64 [n, 4, 2], x and y in the tile set's CRS; NaN where there is no result.
    """
    corners = np.full((len(queries), 4, 2), np.nan)
    for row in np.flatnonzero(first != NO_ROW):
        fit = best_fit(queries[row], gallery[first[row]], layout=model.layout, device=model.device)
        window = window_of(fit, views=queries.shape[1], rotations=rotations)
        corners[row] = on_the_ground(window.corners(), tile=tiles[first[row]], grid=grid)
    return corners


def tile_centres_m(tiles: Sequence[TileId], *, grid: Grid) -> NDArray[np.float64]:
    """The centres of tiles, x and y: float64 [m, 2]."""
    return photographed(grid, tiles=tiles, protocol=ALIGNED, seed=0).centres_m


def distances_m(
    found: NDArray[np.float64], true: NDArray[np.float64], *, first: NDArray[np.int64]
) -> NDArray[np.float64]:
    """From where the first result puts each photo's centre to where it is: float64 [n].

    Args:
        found: float64 [n, 2], x and y.
        true: float64 [n, 2].
        first: int [n], rows of the gallery; `NO_ROW` for none, where there is no distance.
    """
    apart = found - true
    return np.where(first == NO_ROW, np.nan, np.hypot(apart[:, 0], apart[:, 1]))
