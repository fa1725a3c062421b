"""Values of a date field: days, years or YYYYMMDD in, first and last day of each out."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.ingestion.vectors.folding import fold
from aerialret.tiles.dates import DateInterval, parse_interval

Days = NDArray[np.datetime64]
"""One day for each value; NaT where there is none."""

_NO_VALUE = frozenset({"", "0", "nan", "nat", "none", "null", "nr", "nc", "inconnu", "unknown"})
_YEARS = range(1850, 2101)
"""Years that can be those of an aerial photo; other numbers are no dates."""

_CLOCK = r"(?:[T ]\d{2}:\d{2}.*)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_CLOCK}")
_DAY_FIRST = re.compile(rf"(\d{{1,2}})[-/.](\d{{1,2}})[-/.](\d{{4}}){_CLOCK}")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_MONTH = re.compile(r"(\d{4})[-/](\d{2})")
_YEAR = re.compile(r"(\d{4})(?:\.0+)?")
_PERIOD = re.compile(r"(\d{4})\s*(?:-|\.\.|/)\s*(\d{4})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateColumn:
    """What the values of a field say.

    Attributes:
        first: The first day of each value.
        last: The last day of each value.
        dated: How many values are dates.
        other: How many are something else; empty values count as neither.
        longest_days: The most days that one value leaves open; 1 for days, 366 for years.
    """

    first: Days
    last: Days
    dated: int
    other: int
    longest_days: int


def read_dates(values: Sequence[object]) -> DateColumn:
    """The dates in the values of a field, whatever way they are written."""
    texts = [_text(value) for value in values]
    known = {text: value_interval(text) for text in sorted(set(texts))}
    found = [known[text] for text in texts]
    return DateColumn(
        first=_days(interval.first if interval else None for interval in found),
        last=_days(interval.last if interval else None for interval in found),
        dated=sum(interval is not None for interval in found),
        other=sum(
            interval is None and fold(text) not in _NO_VALUE
            for text, interval in zip(texts, found, strict=True)
        ),
        longest_days=max(
            ((i.last - i.first).days + 1 for i in known.values() if i is not None), default=0
        ),
    )


def value_interval(text: str) -> DateInterval | None:
    """The days that one value names, or None where it names none.

    >>> value_interval("20120531").first.isoformat()
    '2012-05-31'
    """
    label = _label(text.strip())
    if label is None:
        return None
    try:
        interval = parse_interval(label)
    except ConfigurationError:
        return None
    plausible = interval.first.year in _YEARS and interval.last.year in _YEARS
    return interval if plausible else None


def _label(text: str) -> str | None:
    if match := _YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text):
        return "-".join(part.zfill(2) for part in match.groups())
    if match := _DAY_FIRST.fullmatch(text):
        return "-".join(part.zfill(2) for part in reversed(match.groups()))
    if match := _PERIOD.fullmatch(text):
        return "..".join(match.groups())
    if match := _MONTH.fullmatch(text):
        return "-".join(match.groups())
    return match[1] if (match := _YEAR.fullmatch(text)) else None


def _text(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if isinstance(value, float) and whole else str(value)


def _days(days: Iterable[object]) -> Days:
    return np.array(list(days), dtype="datetime64[D]")
