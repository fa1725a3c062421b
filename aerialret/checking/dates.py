"""Dates of what was found: imagery and vectors go in, those of one date come out together."""

from collections.abc import Sequence
from dataclasses import dataclass

from aerialret.checking.imagery import Imagery
from aerialret.checking.layers import Vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class DateParts:
    """What belongs to one date.

    Attributes:
        date: The imagery's date as `--date` takes it, or nothing.
        imagery: Its imagery.
        vectors: The vectors nearest to it in time.
    """

    date: str
    imagery: tuple[Imagery, ...]
    vectors: tuple[Vectors, ...]


def by_date(imagery: Sequence[Imagery], vectors: Sequence[Vectors]) -> list[DateParts]:
    """Imagery by date, the oldest first, each with the vectors of the nearest year."""
    dates = sorted({part.part.date for part in imagery})
    nearest: dict[str, list[Vectors]] = {date: [] for date in dates}
    for part in vectors:
        if dates:
            nearest[_nearest(part.part.date, dates)].append(part)
    return [
        DateParts(
            date=date,
            imagery=tuple(part for part in imagery if part.part.date == date),
            vectors=tuple(nearest[date]),
        )
        for date in dates
    ]


def _nearest(date: str, dates: Sequence[str]) -> str:
    """The date among `dates` nearest to `date`; the newest, if it is not known."""
    if not date:
        return dates[-1]
    return min(dates, key=lambda other: (abs(_year(other) - _year(date)), other))


def _year(date: str) -> float:
    first, _, last = date.partition("..")
    return (int(first[:4]) + int((last or first)[:4])) / 2 if first else float("inf")
