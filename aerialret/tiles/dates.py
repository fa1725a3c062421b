"""Dates of imagery: in goes a label as `2004` or `1950..1965`, out comes an interval of days."""

import calendar
import re
from dataclasses import dataclass
from datetime import date

from aerialret.errors import ConfigurationError

_DAY = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")


@dataclass(frozen=True, slots=True)
class DateInterval:
    """Days from `first` to `last`, both inside: a mosaic is flown over days or years."""

    first: date
    last: date

    def overlaps(self, other: "DateInterval") -> bool:
        """Whether the two intervals share a day."""
        return self.first <= other.last and other.first <= self.last


def parse_interval(label: str) -> DateInterval:
    """The interval that `label` names: 2004, 2004-07, 2004-07-31 or two of these as A..B.

    Raises:
        ConfigurationError: It names none.
    """
    start, separator, end = label.partition("..")
    first, last = _ends(start, label)
    if separator:
        last = _ends(end, label)[1]
    if last < first:
        raise ConfigurationError(f"date {label!r} ends before it begins")
    return DateInterval(first, last)


def _ends(text: str, label: str) -> tuple[date, date]:
    match = _DAY.fullmatch(text.strip())
    if not match:
        raise ConfigurationError(
            f"{label!r} is no date; write 2004, 2004-07, 2004-07-31 or an interval 1950..1965"
        )
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        first = date(int(year or 0), month or 1, day or 1)
        last_month = month or 12
        last = date(first.year, last_month, day or calendar.monthrange(first.year, last_month)[1])
    except ValueError as error:
        raise ConfigurationError(f"{label!r} is no date: {error}") from None
    return first, last
