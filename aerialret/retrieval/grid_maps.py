"""Tiles as grids of cells: cells of tiles and of photos go in, the best fits come out.

The file holds the cells as float16 and their layout; a score is a mean cosine, 1 at best.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from aerialret.errors import NotAnArtefactError
from aerialret.network.checkpoint import choose_device
from aerialret.network.dense import Cells, GridLayout, dense_similarities
from aerialret.network.grid_fits import (
    GridFit,
    ScaleScores,
    TileFit,
    best_fit,
    first_fits,
    scores_by_scale,
)
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.arrays import Descriptors

_CELLS, _LAYOUT = "cells", "layout"


class GridMaps:
    """Tiles that photos are laid over.

    Args:
        cells: float16 [m, L], see `GridLayout`; float32 will do where they are not written.
        layout: How the cells lie in it.
        device: Where to compare: auto, cpu or cuda.
    """

    def __init__(self, cells: Cells, layout: GridLayout, *, device: str = "auto") -> None:
        self._cells, self.layout = cells, layout
        self._device = choose_device(device)

    def __len__(self) -> int:
        return len(self._cells)

    @property
    def dimensions(self) -> int:
        """Numbers in a tile's vector."""
        return int(self._cells.shape[1])

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """The `top` tiles that each photo fits best.

        Args:
            queries: float32 [n, T], or [n, V, T] of which the best of V counts for each tile.
            top: Tiles for each photo; rows are `NO_ROW` where there are fewer.
            selected: bool [m], the tiles that may be found; None for all.
        """
        rows = np.arange(len(self)) if selected is None else np.flatnonzero(selected)
        cells = self._cells if selected is None else self._cells[rows]  # all: not copied
        scores = dense_similarities(queries, cells, layout=self.layout, device=self._device)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        found = Neighbours(
            np.full((len(queries), top), NO_ROW, np.int64),
            np.full((len(queries), top), -np.inf, np.float32),
        )
        found.rows[:, : order.shape[1]] = rows[order]
        best = np.take_along_axis(scores, order, axis=1)
        found.scores[:, : order.shape[1]] = np.minimum(best, 1.0)
        return found

    def scores_by_scale(self, query: Descriptors) -> ScaleScores:
        """How well a photo (float32 [V, T]) fits each tile at each scale."""
        return scores_by_scale(query, self._cells, layout=self.layout, device=self._device)

    def first_fits(self, query: Descriptors, scores: ScaleScores, *, each: int) -> list[TileFit]:
        """See `aerialret.network.grid_fits.first_fits`."""
        return first_fits(
            query, self._cells, scores, layout=self.layout, device=self._device, each=each
        )

    def nearer(self, factor: float) -> "GridMaps | None":
        """The same tiles for photos seen `factor` times as large; None where they are too small."""
        found = self.layout.nearer(factor)
        if found is None:
            return None
        layout, scales = found
        return GridMaps(self.only(scales)._cells, layout, device=str(self._device))

    def only(self, scales: slice) -> "GridMaps":
        """The same tiles at some of their scales, which must follow one another; not copied."""
        layout = self.layout
        ends = np.cumsum([0, *(layout.channels * side * side for side in layout.cells)])
        first, last, _ = scales.indices(len(layout.cells))
        some = replace(layout, cells=layout.cells[scales], scales=layout.scales[scales])
        return GridMaps(self._cells[:, ends[first] : ends[last]], some, device=str(self._device))

    def fit(self, query: Descriptors, row: int) -> GridFit:
        """Where a photo (float32 [V, T]) fits the tile in `row` best."""
        return best_fit(query, self._cells[row], layout=self.layout, device=self._device)

    def vectors(self) -> Descriptors:
        """The cells of all tiles: float32 [m, L]."""
        return self._cells.astype(np.float32)

    def write(self, path: Path) -> None:
        """Writes a safetensors file; the same cells give the same bytes."""
        metadata = {_LAYOUT: json.dumps(asdict(self.layout), sort_keys=True)}
        save_file({_CELLS: np.ascontiguousarray(self._cells)}, path, metadata=metadata)


def read_grid_maps(path: Path, *, device: str = "auto") -> GridMaps:
    """The tiles in the file `path`, which `GridMaps.write` wrote.

    Raises:
        NotAnArtefactError: It cannot be read.
    """
    try:
        with safe_open(path, framework="np") as file:
            told = json.loads(file.metadata()[_LAYOUT])
            cells = file.get_tensor(_CELLS)
    except Exception as error:  # safetensors and json raise errors that share no base
        raise NotAnArtefactError(
            f"{path} holds no readable cells ({error}); run 'aerialret index' again"
        ) from error
    told["cells"], told["scales"] = tuple(told["cells"]), tuple(told["scales"])
    return GridMaps(cells, GridLayout(**told), device=device)


class Fitting(Protocol):
    """What tells where in its tiles photos fit best, as `GridMaps`."""

    def fit(self, query: Descriptors, row: int) -> GridFit:
        """Where a photo (float32 [V, T]) fits the tile in `row` best."""


def fits_of(maps: Fitting, queries: Descriptors, rows: NDArray[np.int64]) -> list[list[GridFit]]:
    """Where each photo (float32 [n, V, T]) fits each of its tiles (int [n, k]); no row, no fit."""
    return [
        [maps.fit(query, int(row)) for row in some if row != NO_ROW]
        for query, some in zip(queries, rows, strict=True)
    ]
