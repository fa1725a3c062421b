"""Search: an index and descriptors go in, ranked places come out."""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aerialret.errors import NothingToDoError
from aerialret.network.dense import GridFit
from aerialret.retrieval.engines import SearchEngine
from aerialret.retrieval.grid_maps import GridMaps, fits_of
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.dates import DateInterval, parse_interval
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
        score: Cosine similarity of the descriptors, -1 to 1; 1 is best.
        bounds: The cell's rectangle in the index's CRS.
        view: Which of the query's vectors fitted best.
        x: Where the photo's centre lies, easting in the index's CRS.
        y: Its northing; both are the cell's centre where the method tells no more.
        side_m: Side of the ground that the photo shows, in metres; None likewise.
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


def search(
    index: Index,
    descriptors: Descriptors,
    *,
    top: int,
    dates: DateInterval | None = None,
    area: BaseGeometry | None = None,
) -> list[list[Hit]]:
    """The `top` best answers to each query, the best first; fewer where there are fewer.

    Args:
        index: Where to search.
        descriptors: float32 [n, R], or [n, V, R] of which the best of V counts for each tile.
        top: Answers for each descriptor.
        dates: Only tiles whose date overlaps this interval can be found.
        area: Only tiles that share area with this geometry (in the index's CRS) can be found.

    Raises:
        NothingToDoError: No tile of the index fits `dates` and `area`.
    """
    selected = select_tiles(index, dates=dates, area=area)
    available = len(index) if selected is None else int(selected.sum())
    top = min(top, available)
    if isinstance(index.vectors, GridMaps):
        found = index.vectors.search(descriptors, top=top, selected=selected)
        fits = fits_of(index.vectors, descriptors, found.rows)
        return [
            _hits_of_fits(index, *answer)
            for answer in zip(found.rows, found.scores, fits, strict=True)
        ]
    found, views = best_of_views(index.vectors, descriptors, top=top, selected=selected)
    return [_hits(index, *answer) for answer in zip(found.rows, found.scores, views, strict=True)]


def best_of_views(
    vectors: SearchEngine,
    queries: NDArray[np.float32],
    *,
    top: int,
    selected: NDArray[np.bool_] | None = None,
) -> tuple[Neighbours, NDArray[np.int64]]:
    """The neighbours of each query, and which of its vectors fitted each best: int [n, top].

    A tile that is among the best `top` by its best view is among those of that view, so that
    merging the lists of all views loses nothing.

    Args:
        vectors: Where to search.
        queries: float32 [n, R] or [n, V, R].
        top: Neighbours for each query, at most as many as there are vectors.
        selected: The vectors that may be found; None for all.
    """
    count, views = len(queries), 1 if queries.ndim == 2 else queries.shape[1]
    flat = np.ascontiguousarray(queries.reshape(count * views, queries.shape[-1]))
    found = vectors.search(flat, top=top, selected=selected)
    if views == 1:
        return found, np.zeros_like(found.rows)
    rows = found.rows.reshape(count, views * top)
    scores = found.scores.reshape(count, views * top)
    best = Neighbours(
        np.full((count, top), NO_ROW, np.int64), np.full((count, top), -np.inf, np.float32)
    )
    best_views = np.zeros((count, top), np.int64)
    for query in range(count):
        picked = _best_of_each_row(rows[query], scores[query])[:top]
        best.rows[query, : len(picked)] = rows[query, picked]
        best.scores[query, : len(picked)] = scores[query, picked]
        best_views[query, : len(picked)] = picked // top
    return best, best_views


def _best_of_each_row(rows: NDArray[np.int64], scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Positions of the best score of each different row, the best first."""
    there = np.flatnonzero(rows != NO_ROW)
    order = there[np.argsort(-scores[there], kind="stable")]
    _, first = np.unique(rows[order], return_index=True)
    return order[np.sort(first)]


def select_tiles(
    index: Index, *, dates: DateInterval | None = None, area: BaseGeometry | None = None
) -> NDArray[np.bool_] | None:
    """Which tiles of the index fit: bool [n], or None where there is nothing to choose.

    Raises:
        NothingToDoError: None fits.
    """
    if dates is None and area is None:
        return None
    selected = np.ones(len(index), bool)
    if dates is not None:
        fitting = [date for date in index.dates if parse_interval(date).overlaps(dates)]
        selected &= index.tiles["date"].isin(fitting).to_numpy()
    if area is not None:
        selected &= _sharing_area(index, area)
    if not selected.any():
        raise NothingToDoError(_nothing_fits(index, dates, area))
    return selected


def _sharing_area(index: Index, area: BaseGeometry) -> NDArray[np.bool_]:
    tiles = index.tiles.geometry.to_numpy()
    shapely.prepare(area)
    result: NDArray[np.bool_] = shapely.intersects(area, tiles) & ~shapely.touches(area, tiles)
    return result


def _nothing_fits(index: Index, dates: DateInterval | None, area: BaseGeometry | None) -> str:
    asked = [f"the dates {dates.first} to {dates.last}"] if dates else []
    if area is not None:
        asked.append(f"the area {_rectangle(area.bounds)}")
    extent = _rectangle(index.tiles.total_bounds)
    return (
        f"no tile of index {index.folder} lies within {' and '.join(asked)}; it holds "
        f"{', '.join(index.dates)} over {extent} ({index.grid.crs}); widen '--date' or '--area'"
    )


def _rectangle(bounds: object) -> str:
    return ",".join(f"{value:.0f}" for value in bounds)  # type: ignore[attr-defined]


def _hits(
    index: Index, rows: NDArray[np.int64], scores: NDArray[np.float32], views: NDArray[np.int64]
) -> list[Hit]:
    kept = rows != NO_ROW
    tiles = index.tiles.iloc[rows[kept]]
    columns = zip(tiles["col"], tiles["row"], tiles["date"], scores[kept], views[kept], strict=True)
    return [
        _hit(index, rank, TileId(int(col), int(row)), str(date), float(score), int(view))
        for rank, (col, row, date, score, view) in enumerate(columns, start=1)
    ]


def _hits_of_fits(
    index: Index, rows: NDArray[np.int64], scores: NDArray[np.float32], fits: list[GridFit]
) -> list[Hit]:
    """Hits that know where in the tile the photo lies, and how much it shows."""
    views = np.array([fit.view for fit in fits], np.int64)
    kept = rows[rows != NO_ROW]
    hits = _hits(index, kept, scores[: len(kept)], views)
    size = index.grid.tile_size_m
    return [
        replace(
            hit, x=hit.bounds.left + fit.x * size, y=hit.bounds.top - fit.y * size,
            side_m=fit.scale * size,
        )
        for hit, fit in zip(hits, fits, strict=True)
    ]  # fmt: skip


def _hit(index: Index, rank: int, tile: TileId, date: str, score: float, view: int) -> Hit:
    bounds = index.grid.bounds(tile)
    x, y = (bounds.left + bounds.right) / 2, (bounds.bottom + bounds.top) / 2
    return Hit(
        rank=rank, place=tile.place, col=tile.col, row=tile.row, date=date, score=score,
        bounds=bounds, view=view, x=x, y=y,
    )  # fmt: skip
