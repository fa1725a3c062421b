"""The truth of photos: a CSV file goes in, where each photo lies comes out.

Columns, with other names that are understood; the photo and either its centre or its place must be
there:

photo (name, query, file)   the photo: its path, its file's name, or that without the ending
x, y (centre_x, centre_y)   its centre
place (tile)                the tile that it shows, by its name; only asked where there is no centre
rotation_deg                counter-clockwise turn of the photo's content against the map
metres_per_px               ground for each pixel of the photo
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aerialret.errors import (
    ConfigurationError,
    MissingInputError,
    NothingToDoError,
    UnreadableInputError,
)

NAMES = {
    "photo": ("photo", "name", "query", "file"),
    "x": ("x", "centre_x"),
    "y": ("y", "centre_y"),
    "place": ("place", "tile"),
    "rotation_deg": ("rotation_deg",),
    "metres_per_px": ("metres_per_px",),
}
"""Columns, and what they may be called; the first that is there counts."""

_NUMBERS = ("x", "y", "rotation_deg", "metres_per_px")


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Where photos lie.

    Attributes:
        path: The file.
        table: A row for each photo with the columns of `NAMES`; null or NaN where it is not told.
    """

    path: Path
    table: pd.DataFrame

    @property
    def tells_centres(self) -> bool:
        """Whether it tells where photos lie, not only which tile they show."""
        return bool(self.table["x"].notna().all() and self.table["y"].notna().all())

    def some(self, rows: list[int]) -> "Truth":
        """Of these rows alone."""
        return Truth(path=self.path, table=self.table.iloc[rows].reset_index(drop=True))

    def rows_by_photo(self, queries: list[str]) -> dict[str, int]:
        """The row of each of these photos that it knows.

        Raises:
            ConfigurationError: A photo fits several rows, or several photos fit one.
        """
        numbered = {name: row for row, name in enumerate(self.table["photo"])}
        found: dict[str, int] = {}
        taken: dict[int, str] = {}
        for query in queries:
            path = Path(query)
            rows = {numbered[n] for n in (query, path.name, path.stem) if n in numbered}
            if len(rows) > 1:
                raise ConfigurationError(
                    f"photo {query} fits {len(rows)} rows of {self.path}; keep one of them"
                )
            for row in rows:
                if row in taken:
                    raise ConfigurationError(
                        f"photos {taken[row]} and {query} are both called "
                        f"{self.table['photo'][row]!r} in {self.path}; write their paths there"
                    )
                found[query], taken[row] = row, query
        return found


def read_truth(path: Path) -> Truth:
    """The truth in the CSV file `path`.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is no CSV, or a number is none.
        ConfigurationError: A column is missing, or a photo is there twice.
        NothingToDoError: It has no row.
    """
    if not path.is_file():
        raise MissingInputError(f"truth {path} is not there; give a CSV file")
    try:
        content = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadableInputError(f"truth {path} cannot be read as CSV: {error}") from error
    columns = {name: _column(content, name) for name in NAMES}
    _require_columns(path, content, columns)
    table = pd.DataFrame({name: _values(content, columns[name], name, path) for name in NAMES})
    if table.empty:
        raise NothingToDoError(f"truth {path} has no row")
    twice = table["photo"][table["photo"].duplicated()]
    if len(twice):
        raise ConfigurationError(f"truth {path} has photo {twice.iloc[0]!r} twice; keep one")
    return Truth(path=path, table=table)


def _column(content: pd.DataFrame, name: str) -> str | None:
    return next((known for known in NAMES[name] if known in content), None)


def _require_columns(path: Path, content: pd.DataFrame, columns: dict[str, str | None]) -> None:
    there = ", ".join(map(str, content.columns))
    if columns["photo"] is None:
        raise ConfigurationError(
            f"truth {path} has no column that names the photo ({', '.join(NAMES['photo'])}), only "
            f"{there}"
        )
    centred = columns["x"] is not None and columns["y"] is not None
    if not centred and columns["place"] is None:
        raise ConfigurationError(
            f"truth {path} has neither x and y of each photo's centre nor its place, only {there}"
        )


def _values(content: pd.DataFrame, column: str | None, name: str, path: Path) -> pd.Series:
    missing = np.nan if name in _NUMBERS else None
    if column is None:
        return pd.Series(missing, index=content.index, dtype=float if name in _NUMBERS else object)
    if name not in _NUMBERS:
        return content[column].str.strip()
    numbers = pd.to_numeric(content[column].replace("", np.nan), errors="coerce")
    wrong = np.flatnonzero(numbers.isna() & (content[column].str.strip() != ""))
    if len(wrong):
        raise UnreadableInputError(
            f"truth {path}, line {wrong[0] + 2}: {column} is {content[column][wrong[0]]!r}, which "
            "is no number"
        )
    return numbers.astype(float)
