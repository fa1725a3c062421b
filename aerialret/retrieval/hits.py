"""Hits: rows of an index and how photos fit them go in, places with their positions come out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.network.grid_fits import GridFit
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.grid import Bounds, TileId


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One answer to a query.

    Attributes:
        rank: 1 is the best answer.
        place: Name of the grid's cell.
        col: The cell's column.
        row: The cell's row.
        date: Date of the tile that was found.
        score: Cosine similarity of the descriptors, -1 to 1; 1 is best. After a second look that
            a reranker judges, about as large, but not bounded.
        bounds: The cell's rectangle in the index's CRS.
        view: Which of the query's vectors fitted best.
        x: Where the photo's centre lies, easting in the index's CRS.
        y: Its northing; both are the centre of the window that was found, which is the cell where
            the index holds whole tiles, unless the method tells more.
        side_m: Side of the ground that the photo shows, in metres; that of the window where the
            index holds windows and the method tells no more, and None where it holds whole tiles.
    """

    rank: int
    place: str
    col: int
    row: int
    date: str
    score: float
    bounds: Bounds
    view: int = 0
    x: float
    y: float
    side_m: float | None = None

    @property
    def tile(self) -> TileId:
        """The grid's cell."""
        return TileId(self.col, self.row)


def hits_of(
    index: Index, rows: NDArray[np.int64], scores: NDArray[np.float32], views: NDArray[np.int64]
) -> list[Hit]:
    """A hit for each row that is one, the best first."""
    kept = rows != NO_ROW
    tiles = index.tiles.iloc[rows[kept]]
    columns = zip(tiles["col"], tiles["row"], tiles["date"], scores[kept], views[kept], strict=True)
    hits = [
        _hit(index, rank, TileId(int(col), int(row)), str(date), float(score), int(view))
        for rank, (col, row, date, score, view) in enumerate(columns, start=1)
    ]
    if not index.has_windows:
        return hits
    return [
        _in_window(hit, index.square(int(row)), side_m=index.side_m(int(row)))
        for hit, row in zip(hits, rows[kept], strict=True)
    ]


def hits_of_fits(
    index: Index, rows: NDArray[np.int64], scores: NDArray[np.float32], fits: Sequence[GridFit]
) -> list[Hit]:
    """Hits that know where in the tile or window the photo lies, and how much it shows."""
    views = np.array([fit.view for fit in fits], np.int64)
    kept = rows[rows != NO_ROW]
    hits = hits_of(index, kept, scores[: len(kept)], views)
    return [
        _fitted(hit, fit, index.square(int(row)), side_m=index.side_m(int(row)))
        for hit, fit, row in zip(hits, fits, kept, strict=True)
    ]


def at_place(hit: Hit, tile: TileId, *, index: Index, rank: int) -> Hit:
    """`hit` as an answer that names another cell."""
    bounds = index.grid.bounds(tile)
    return replace(hit, rank=rank, place=tile.place, col=tile.col, row=tile.row, bounds=bounds)


def _hit(index: Index, rank: int, tile: TileId, date: str, score: float, view: int) -> Hit:
    bounds = index.grid.bounds(tile)
    x, y = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
    return Hit(
        rank=rank, place=tile.place, col=tile.col, row=tile.row, date=date, score=score,
        bounds=bounds, view=view, x=x, y=y,
    )  # fmt: skip


def _in_window(hit: Hit, square: Bounds, *, side_m: float) -> Hit:
    x, y = (square.left + square.right) / 2, (square.bottom + square.top) / 2
    return replace(hit, x=x, y=y, side_m=side_m)


def _fitted(hit: Hit, fit: GridFit, square: Bounds, *, side_m: float) -> Hit:
    return replace(
        hit,
        x=square.left + fit.x * side_m,
        y=square.top - fit.y * side_m,
        side_m=fit.scale * side_m,
    )
