"""Date fields of a mosaicking graph: its fields go in, the one or two that say when come out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aerialret.errors import ConfigurationError
from aerialret.ingestion.flights.date_values import DateColumn, Days
from aerialret.ingestion.vectors.folding import fold

_OF_PHOTO = ("cliche", "photo", "prise de vue", "vol", "flight", "flown", "mission", "acqui",
             "datetime", "date", "jour", "day", "annee", "year")  # fmt: skip
"""Words in a field's name that speak of the flight, the plainest first."""

_OF_RECORD = ("maj", "modif", "update", "creation", "created", "edit", "livr", "publi", "import",
              "valid", "recette", "control")  # fmt: skip
"""Words of the record's own dates: when it was made or changed."""

_BEGIN = ("debut", "first", "start", "begin", "min", "premier", "from", "deb")
_END = ("fin", "last", "end", "max", "dernier", "to")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateFields:
    """The fields that say when, and the days they give.

    Attributes:
        names: One field, or first and last.
        first: The first day of each feature.
        last: The last day of each feature.
    """

    names: tuple[str, ...]
    first: Days
    last: Days


def named_fields(
    columns: Mapping[str, DateColumn], *, names: Sequence[str], label: str
) -> DateFields:
    """The fields called `names`, without regard to letter case.

    Args:
        columns: What the values of each field say.
        names: One field, or first and last.
        label: The layer, for messages.

    Raises:
        ConfigurationError: A field is not there, or holds no dates.
    """
    by_key = {name.casefold(): name for name in columns}
    for name in names:
        if name.casefold() not in by_key:
            raise ConfigurationError(
                f"{label} has no field {name!r} to take dates from; its fields are "
                f"{', '.join(columns) or 'none'}"
            )
        if not columns[by_key[name.casefold()]].dated:
            raise ConfigurationError(
                f"field {name!r} of {label} holds no dates; dates look like 2012, 20120531, "
                "2012-05-31 or 31/05/2012"
            )
    return _fields(columns, [by_key[name.casefold()] for name in names])


def found_fields(columns: Mapping[str, DateColumn]) -> DateFields | None:
    """The fields whose values, and names, say when each polygon was flown; None without any.

    A field counts when all its values are dates; dates of the record itself do not count, and
    numbers that could be years count only under a name that speaks of dates. Days go before
    years.
    """
    fitting = [name for name, column in columns.items() if _fits(name, column)]
    if not fitting:
        return None
    best = min(fitting, key=lambda name: (columns[name].longest_days > 31, _rank(name)))
    alike = [name for name in fitting if _finer(columns[name]) == _finer(columns[best])]
    begins = [name for name in alike if _has_word(name, _BEGIN)]
    ends = [name for name in alike if _has_word(name, _END) and name not in begins]
    paired = begins and ends and (best in begins or best in ends)
    return _fields(columns, [begins[0], ends[0]] if paired else [best])


def _fields(columns: Mapping[str, DateColumn], names: Sequence[str]) -> DateFields:
    return DateFields(
        names=tuple(names), first=columns[names[0]].first, last=columns[names[-1]].last
    )


def _fits(name: str, column: DateColumn) -> bool:
    of_record = any(word in fold(name) for word in _OF_RECORD)
    says_when = _rank(name) < len(_OF_PHOTO) or _has_word(name, _BEGIN + _END)
    return bool(column.dated and not column.other and not of_record) and (
        _finer(column) or says_when
    )


def _finer(column: DateColumn) -> bool:
    return column.longest_days <= 31


def _rank(name: str) -> int:
    key = fold(name)
    return next((i for i, word in enumerate(_OF_PHOTO) if word in key), len(_OF_PHOTO))


def _has_word(name: str, words: Sequence[str]) -> bool:
    return any(part in words for part in fold(name).split())
