"""Known sides: tiles as grids of cells and the ground that photos show go in; fits come out.

Where it is known how much ground a photo shows, the scales next to that are tried and no other:
faster, and other places have fewer chances to look like it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.network.grid_fits import GridFit
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.vector_index import Neighbours
from aerialret.tiles.arrays import Descriptors

TOLERANCE = 1.15
"""By which factor the ground that is compared may differ from what the photo is said to show."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Tiles of one side at the scales that are tried.

    Attributes:
        maps: All tiles at these scales.
        rows: bool [m], those of this side.
    """

    maps: GridMaps
    rows: NDArray[np.bool_]


class KnownSideMaps:
    """Tiles that photos of known ground are laid over.

    Where no scale of any tile is within `TOLERANCE` of the photos', the nearest one is tried.

    Args:
        maps: The tiles, or windows.
        sides_m: float64 [m], the ground that each of them shows.
        shown_m: Side of the ground that the photos show.
    """

    def __init__(self, maps: GridMaps, *, sides_m: NDArray[np.float64], shown_m: float) -> None:
        unique = np.unique(sides_m)
        off = off_scale(maps.layout.scales, sides_m=unique, shown_m=shown_m)
        near = off <= tolerated(off)
        self._parts = [
            _Part(maps.only(_run(some)), sides_m == side)
            for side, some in zip(unique, near, strict=True)
            if some.any()
        ]
        self._size = len(maps)

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """As `GridMaps.search`."""
        chosen = np.ones(self._size, bool) if selected is None else selected
        found = [
            part.maps.search(
                queries, top=top, selected=None if (some := part.rows & chosen).all() else some
            )
            for part in self._parts
        ]
        rows = np.concatenate([each.rows for each in found], axis=1)
        scores = np.concatenate([each.scores for each in found], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        return Neighbours(
            np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
        )

    def fit(self, query: Descriptors, row: int) -> GridFit:
        """As `GridMaps.fit`, of a tile that `search` can find."""
        return next(part.maps.fit(query, row) for part in self._parts if part.rows[row])


def _run(near: NDArray[np.bool_]) -> slice:
    """From the first to the last that is true."""
    (where,) = np.nonzero(near)
    return slice(int(where[0]), int(where[-1]) + 1)


def off_scale(
    scales: Sequence[float], *, sides_m: NDArray[np.float64], shown_m: float
) -> NDArray[np.float64]:
    """How far what is compared is from what a photo shows: float64 [sides, scales], logarithms.

    Args:
        scales: What is compared, as shares of a tile's side.
        sides_m: float64 [sides], the ground that tiles show.
        shown_m: Side of the ground that the photo shows.
    """
    off: NDArray[np.float64] = np.abs(np.log(np.outer(sides_m, scales) / shown_m))
    return off


def tolerated(off: NDArray[np.float64]) -> float:
    """The logarithm of `TOLERANCE`, or the least of `off` where none is within it."""
    return max(math.log(TOLERANCE), float(off.min(initial=np.inf))) + 1e-9
