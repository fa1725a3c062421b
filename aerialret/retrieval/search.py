"""Search: an index and descriptors go in, ranked places come out."""

from functools import partial

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aerialret.errors import NothingToDoError
from aerialret.retrieval.best_windows import best_windows
from aerialret.retrieval.candidates import Candidate
from aerialret.retrieval.engines import SearchEngine
from aerialret.retrieval.grid_maps import GridMaps, fits_of
from aerialret.retrieval.hits import Hit, at_place, hits_of, hits_of_fits
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.known_sides import KnownSideMaps
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.dates import DateInterval, parse_interval
from aerialret.tiles.grid import TileId

__all__ = ["Hit", "allowed_places", "best_of_views", "hit_of_candidate", "search", "select_tiles"]


def search(
    index: Index,
    descriptors: Descriptors,
    *,
    top: int,
    dates: DateInterval | None = None,
    area: BaseGeometry | None = None,
    shown_m: float | None = None,
) -> list[list[Hit]]:
    """The `top` best answers to each query, the best first; fewer where there are fewer.

    A place at a date is one answer, however many windows of it the index holds.

    Args:
        index: Where to search.
        descriptors: float32 [n, R], or [n, V, R] of which the best of V counts for each tile.
        top: Answers for each descriptor.
        dates: Only tiles whose date overlaps this interval can be found.
        area: Only tiles that share area with this geometry (in the index's CRS) can be found, and
            only by windows of theirs.
        shown_m: Side of the ground that each photo shows, where it is known: of a grid model, the
            scales next to it are compared and no other.

    Raises:
        NothingToDoError: No tile of the index fits `dates` and `area`.
    """
    selected = select_tiles(index, dates=dates, area=area)
    maps = _maps(index, shown_m)
    if index.has_windows:
        return _search_windows(index, maps, descriptors, top=top, selected=selected)
    available = len(index) if selected is None else int(selected.sum())
    top = min(top, available)
    if maps is not None:
        found = maps.search(descriptors, top=top, selected=selected)
        fits = fits_of(maps, descriptors, found.rows)
        return [
            hits_of_fits(index, *answer)
            for answer in zip(found.rows, found.scores, fits, strict=True)
        ]
    found, views = best_of_views(index.vectors, descriptors, top=top, selected=selected)
    return [hits_of(index, *answer) for answer in zip(found.rows, found.scores, views, strict=True)]


def _maps(index: Index, shown_m: float | None) -> GridMaps | KnownSideMaps | None:
    """What photos are laid over; None where the index's model does not lay them over tiles."""
    if not isinstance(index.vectors, GridMaps):
        return None
    if shown_m is None:
        return index.vectors
    return KnownSideMaps(index.vectors, sides_m=index.sides_m, shown_m=shown_m)


def _search_windows(
    index: Index,
    maps: GridMaps | KnownSideMaps | None,
    descriptors: Descriptors,
    *,
    top: int,
    selected: NDArray[np.bool_] | None,
) -> list[list[Hit]]:
    """As `search`, in an index of windows: the best window of each place stands for it."""
    numbers = index.place_numbers if selected is None else index.place_numbers[selected]
    places = np.unique(numbers)
    top = min(top, len(places))
    if maps is not None:
        ranked = maps.search(descriptors, top=len(numbers), selected=selected)
        return [
            _hits_by_fit(index, maps, *answer, top=top, places=set(places.tolist()))
            for answer in zip(descriptors, ranked.rows, ranked.scores, strict=True)
        ]
    find = partial(_found_windows, index.vectors, descriptors, selected)
    found, views = best_windows(find, index.place_numbers, top=top, available=len(numbers))
    return [hits_of(index, *answer) for answer in zip(found.rows, found.scores, views, strict=True)]


def _found_windows(
    vectors: SearchEngine, queries: Descriptors, selected: NDArray[np.bool_] | None, top: int
) -> tuple[Neighbours, NDArray[np.int64]]:
    return best_of_views(vectors, queries, top=top, selected=selected)


def _hits_by_fit(
    index: Index,
    maps: GridMaps | KnownSideMaps,
    query: Descriptors,
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    *,
    top: int,
    places: set[int],
) -> list[Hit]:
    """The best fits of one photo at each place, for windows that tell where in them it lies.

    A photo lies in several windows that overlap. Its place is not the window's, but the cell that
    holds its centre; the window's only where the index has no tile in that cell.
    """
    found: dict[int, Hit] = {}
    views = query if query.ndim == 2 else query[None]
    for row, score in zip(rows, scores, strict=True):
        if row == NO_ROW or len(found) == top:
            break
        (hit,) = hits_of_fits(index, row[None], score[None], [maps.fit(views, int(row))])
        tile, number = _place_of(index, hit, int(row))
        if number in places and number not in found:
            found[number] = at_place(hit, tile, index=index, rank=len(found) + 1)
    return list(found.values())


def _place_of(index: Index, hit: Hit, row: int) -> tuple[TileId, int]:
    """The cell that holds a photo's centre and its place's number, or those of its window."""
    tile = index.grid.tile_at(x=hit.x, y=hit.y)
    number = index.place_number(tile, date=hit.date)
    return (hit.tile, int(index.place_numbers[row])) if number is None else (tile, number)


def allowed_places(index: Index, selected: NDArray[np.bool_] | None) -> frozenset[int]:
    """Numbers of the places that may be found; `selected` is bool [m], None for all."""
    if not index.has_windows:
        return frozenset()
    numbers = index.place_numbers if selected is None else index.place_numbers[selected]
    return frozenset(numbers.tolist())


def hit_of_candidate(index: Index, candidate: Candidate, *, allowed: frozenset[int]) -> Hit | None:
    """A candidate for a second look as a hit.

    None in an index of windows that overlap, where it puts the photo where nothing may be found.

    Args:
        index: Holds it.
        candidate: A row of the index and how a photo fits it.
        allowed: See `allowed_places`.
    """
    rows, scores = np.array([candidate.row]), np.array([candidate.fit.score], np.float32)
    (hit,) = hits_of_fits(index, rows, scores, [candidate.fit])
    if not index.has_windows:
        return hit
    tile, number = _place_of(index, hit, candidate.row)
    return at_place(hit, tile, index=index, rank=hit.rank) if number in allowed else None


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
    """Which rows of the index are of tiles that fit: bool [n], or None where all may be found.

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
    tiles = _cells(index) if index.has_windows else index.tiles.geometry.to_numpy()
    shapely.prepare(area)
    result: NDArray[np.bool_] = shapely.intersects(area, tiles) & ~shapely.touches(area, tiles)
    return result


def _cells(index: Index) -> NDArray[np.object_]:
    """The cell of each window's place: polygons [n]."""
    grid, cols, rows = index.grid, index.tiles["col"].to_numpy(), index.tiles["row"].to_numpy()
    first = grid.bounds(TileId(0, 0))
    left, top = first.left + cols * grid.tile_size_m, first.top - rows * grid.tile_size_m
    cells: NDArray[np.object_] = shapely.box(
        left, top - grid.tile_size_m, left + grid.tile_size_m, top
    )
    return cells


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
