"""When tiles were flown: cells, a date's label and flight dates in, first and last days out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.flights.date_values import Days
from aerialret.ingestion.flights.flight_dates import FlightDates
from aerialret.tiles.dates import DateInterval, parse_interval
from aerialret.tiles.grid import Grid, TileId


@dataclass(frozen=True, slots=True, kw_only=True)
class TileIntervals:
    """The days on which tiles were flown, both ends inside.

    Attributes:
        first: The first day of each tile.
        last: The last day of each tile.
        known: Whether flight dates say so; where False, the days are those of the date's label.
        warnings: Where flight dates contradict the label.
    """

    first: Days
    last: Days
    known: NDArray[np.bool_]
    warnings: tuple[str, ...]


def tile_intervals(
    cells: Sequence[TileId], *, grid: Grid, label: str, flights: FlightDates | None
) -> TileIntervals:
    """The days on which each of `cells` was flown, as far as anything tells.

    Args:
        cells: Cells of `grid`.
        grid: The grid of places.
        label: The date's label, as 2004 or 1950..1965.
        flights: Dated polygons, where the source has them.

    Raises:
        ConfigurationError: The label is no date.
    """
    interval = parse_interval(label)
    first: Days = np.full(len(cells), interval.first, "datetime64[D]")
    last: Days = np.full(len(cells), interval.last, "datetime64[D]")
    known = np.zeros(len(cells), np.bool_)
    if flights is not None and len(cells):
        rectangles = [grid.bounds(cell) for cell in cells]
        flown_first, flown_last = flights.in_crs(grid.crs).intervals_of(rectangles)
        known = ~np.isnat(flown_first)
        first[known], last[known] = flown_first[known], flown_last[known]
    warnings = _contradictions(first[known], last[known], label=label, interval=interval)
    return TileIntervals(first=first, last=last, known=known, warnings=warnings)


def _contradictions(
    first: Days, last: Days, *, label: str, interval: DateInterval
) -> tuple[str, ...]:
    outside = (last < np.datetime64(interval.first)) | (first > np.datetime64(interval.last))
    if not outside.any():
        return ()
    return (
        f"date {label}: {int(outside.sum())} of {len(first)} tiles with flight dates were flown "
        f"between {first[outside].min()} and {last[outside].max()}, outside that date; check "
        "--date and the date graph",
    )
