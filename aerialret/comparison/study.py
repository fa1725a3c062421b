"""A study: a TOML file goes in, tables whose rows are methods beside published figures come out.

title = "..."                     of the whole study
source = "..."                    where the published figures stand
protocols = ["aligned"]           how its queries are made
[split]                           see `SplitConfig`
[[tables]]
name = "6"                        what `best_of` calls it
title = "..."
columns = ["model.dimensions"]    keys whose values are shown
splits = ["train", "val"]         of our figures; or "mean", of the splits before it
published = ["Moselle", "..."]    names of the published columns
[[tables.rows]]
label = "..."
pipeline = "rfiap2020"            a recipe; without one the row has published figures only
set = ["model.dimensions=128"]    keys changed in it
published = [0.92, 0.88]          nan where nothing is published
best_of = ["3", "4"]              instead of a pipeline: the best row of these tables on val
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aerialret.comparison.methods import variant_name
from aerialret.comparison.request import PROTOCOLS
from aerialret.config import SplitConfig
from aerialret.config.toml import parse_section, read_document
from aerialret.errors import ConfigurationError
from aerialret.training.splits import SPLITS

MEAN = "mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """One row, see above."""

    label: str
    pipeline: str = ""
    set: tuple[str, ...] = ()
    published: tuple[float, ...] = ()
    best_of: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """Name of its method; empty without a pipeline."""
        return variant_name(Path(self.pipeline).stem, self.set) if self.pipeline else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyTable:
    """One table, see above."""

    name: str
    title: str
    note: str = ""
    columns: tuple[str, ...] = ()
    splits: tuple[str, ...] = SPLITS
    published: tuple[str, ...] = ()
    rows: tuple[StudyRow, ...] = ()

    def __post_init__(self) -> None:
        for split in self.splits:
            if split not in (*SPLITS, MEAN):
                raise ConfigurationError(
                    f"table {self.name}: split {split!r} is none of {', '.join(SPLITS)}, {MEAN}"
                )
        for row in self.rows:
            if row.published and len(row.published) != len(self.published):
                raise ConfigurationError(
                    f"table {self.name}: {row.label!r} has {len(row.published)} published figures "
                    f"for {len(self.published)} columns; write nan where nothing is published"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A whole study, see above."""

    title: str
    source: str = ""
    note: str = ""
    protocols: tuple[str, ...] = ("aligned",)
    split: SplitConfig = field(default_factory=SplitConfig)
    tables: tuple[StudyTable, ...] = ()

    def __post_init__(self) -> None:
        names = {table.name for table in self.tables}
        unknown = {name for row in self.rows() for name in row.best_of} - names
        if unknown or not set(self.protocols) <= set(PROTOCOLS):
            raise ConfigurationError(
                f"a row or the study names {', '.join(sorted(unknown) or self.protocols)}, but "
                f"there are tables {', '.join(sorted(names))} and protocols {', '.join(PROTOCOLS)}"
            )

    def rows(self) -> Iterator[StudyRow]:
        """The rows of all tables."""
        for table in self.tables:
            yield from table.rows


def read_study(path: Path) -> Study:
    """The study in the TOML file `path`.

    Raises:
        MissingInputError: There is no such file.
        ConfigurationError: It is not TOML, or a key or value is not legal.
    """
    document = read_document(path)
    for needed in ("title", "tables"):
        if needed not in document:
            raise ConfigurationError(f"{path} is no study: it has no {needed!r}")
    return parse_section(Study, document, origin=str(path))
