"""Dates are intervals of days."""

from datetime import date

import pytest

from aerialret.errors import ConfigurationError
from aerialret.tiles.dates import parse_interval


@pytest.mark.parametrize(
    ("label", "first", "last"),
    [
        ("2004", date(2004, 1, 1), date(2004, 12, 31)),
        ("2004-02", date(2004, 2, 1), date(2004, 2, 29)),
        ("2004-07-31", date(2004, 7, 31), date(2004, 7, 31)),
        ("1950..1965", date(1950, 1, 1), date(1965, 12, 31)),
    ],
)
def test_a_label_names_its_days(label: str, first: date, last: date) -> None:
    interval = parse_interval(label)
    assert (interval.first, interval.last) == (first, last)


@pytest.mark.parametrize(
    "label", ["", "summer", "2004-13", "2004-02-30", "1965..1950", "04", "../x"]
)
def test_what_names_no_days_is_refused(label: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_interval(label)


def test_intervals_that_share_a_day_overlap() -> None:
    assert parse_interval("1950..1965").overlaps(parse_interval("1965-12-31"))
    assert not parse_interval("1950..1965").overlaps(parse_interval("1966"))
