"""Search: an index and descriptors go in, ranked places come out."""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from aerialret.errors import NothingToDoError
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.vector_index import NO_ROW
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
    """

    rank: int
    place: str
    col: int
    row: int
    date: str
    score: float
    bounds: Bounds

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
    """The `top` best answers to each descriptor, the best first; fewer where there are fewer.

    Args:
        index: Where to search.
        descriptors: float32 [n, R], unit vectors.
        top: Answers for each descriptor.
        dates: Only tiles whose date overlaps this interval can be found.
        area: Only tiles that share area with this geometry (in the index's CRS) can be found.

    Raises:
        NothingToDoError: No tile of the index fits `dates` and `area`.
    """
    selected = select_tiles(index, dates=dates, area=area)
    available = len(index) if selected is None else int(selected.sum())
    found = index.vectors.search(descriptors, top=min(top, available), selected=selected)
    return [
        _hits(index, rows, scores) for rows, scores in zip(found.rows, found.scores, strict=True)
    ]


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


def _hits(index: Index, rows: NDArray[np.int64], scores: NDArray[np.float32]) -> list[Hit]:
    kept = rows != NO_ROW
    tiles = index.tiles.iloc[rows[kept]]
    columns = zip(
        tiles["place"], tiles["col"], tiles["row"], tiles["date"], scores[kept], strict=True
    )
    return [
        Hit(
            rank=rank,
            place=str(place),
            col=int(col),
            row=int(row),
            date=str(date),
            score=float(score),
            bounds=index.grid.bounds(TileId(int(col), int(row))),
        )
        for rank, (place, col, row, date, score) in enumerate(columns, start=1)
    ]
