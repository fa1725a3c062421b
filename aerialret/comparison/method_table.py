"""The table of methods: an outcome and its figures go in, rows with cells come out, and CSV.

A row for each method by its headline comparison, and below it one for each other comparison.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aerialret.comparison.figures import ERRORS, HEADLINE, METRICS
from aerialret.comparison.outcome import Failure, MethodFacts, Outcome
from aerialret.comparison.records import VERIFIED
from aerialret.evaluation.report.wording import comparison_label
from aerialret.evaluation.scores import MAP_KEY

SHOWN = (MAP_KEY, "recall@1")
"""The metrics that people are shown; the CSV file has all."""

DIGITS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One figure.

    Attributes:
        value: The mean over the queries (and seeds).
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end.
        std: Standard deviation over the seeds; NaN for one seed.
        queries: How many there were.
        best: Whether it is above 0 and no figure of its column is higher.
    """

    value: float
    low: float
    high: float
    std: float
    queries: int
    best: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        name: As in `rfiap2020`, or `rfiap2020: image`.
        comparison: What queries and gallery were described by.
        facts: Of its method.
        cells: Its figures by protocol and metric.
    """

    name: str
    comparison: str
    facts: MethodFacts
    cells: dict[tuple[str, str], Cell]

    @property
    def headline(self) -> bool:
        """Whether it is the method's richest comparison."""
        return self.comparison == self.facts.headline

    @property
    def fed(self) -> str:
        """What it was fed, in words."""
        fed = comparison_label(self.comparison.removesuffix(VERIFIED))
        return fed + VERIFIED if self.comparison.endswith(VERIFIED) else fed

    def errors(self, protocol: str) -> tuple[Cell, Cell] | None:
        """Centre and corner error under a protocol; None where the method does not tell them."""
        centre, corner = (self.cells.get((protocol, metric)) for metric in ERRORS)
        return None if centre is None or corner is None else (centre, corner)


def method_rows(outcome: Outcome, figures: pd.DataFrame) -> list[Row]:
    """The rows in the order of the methods, each method's headline first."""
    scoped = figures[figures["scope"] == HEADLINE]
    rows = [
        _row(facts, comparison, scoped)
        for facts in outcome.methods
        for comparison in _comparisons(facts, scoped)
    ]
    return _with_best(rows)


def tell_errors(rows: Sequence[Row], protocol: str) -> bool:
    """Whether any method tells where in a tile photos lie."""
    return any(row.errors(protocol) for row in rows)


def csv_table(rows: Sequence[Row], failures: Sequence[Failure] = ()) -> pd.DataFrame:
    """A row for each row, a column for each fact and figure; last what could not run, and why."""
    failed = [{"method": failure.method, "cannot_run": failure.reason} for failure in failures]
    return pd.DataFrame([*map(_csv_row, rows), *failed])


def _comparisons(facts: MethodFacts, figures: pd.DataFrame) -> list[str]:
    own = figures.loc[figures["method"] == facts.name, "comparison"]
    return sorted(own.unique(), key=lambda name: name != facts.headline)


def _row(facts: MethodFacts, comparison: str, figures: pd.DataFrame) -> Row:
    own = figures[(figures["method"] == facts.name) & (figures["comparison"] == comparison)]
    name = facts.name
    if comparison != facts.headline:
        name = f"{name}: {comparison}"
    cells = {(str(f.protocol), str(f.metric)): cell_of(f) for f in own.itertuples()}
    return Row(name=name, comparison=comparison, facts=facts, cells=cells)


def cell_of(figure: object) -> Cell:
    """The cell of one row of `aerialret.comparison.figures`, as `itertuples` gives it."""
    names = ("value", "low", "high", "std", "queries")
    return Cell(**{name: getattr(figure, name) for name in names})


def _with_best(rows: list[Row]) -> list[Row]:
    """The rows with the best cell of each column marked, ties at the shown digits alike.

    Where nothing is above 0 at the shown digits, nothing is best. Errors are not compared: those of
    a method that finds only the easiest photos are small.
    """
    columns = {key for row in rows for key in row.cells if key[1] not in ERRORS}
    best = {
        key: max(round(row.cells[key].value, DIGITS) for row in rows if key in row.cells)
        for key in columns
    }
    return [
        replace(
            row,
            cells={
                key: replace(cell, best=0 < best.get(key, 0) == round(cell.value, DIGITS))
                for key, cell in row.cells.items()
            },
        )
        for row in rows
    ]


def _csv_row(row: Row) -> dict[str, object]:
    facts = row.facts
    known: dict[str, object] = {
        "method": facts.name, "comparison": row.comparison, "headline": row.headline,
        "dimensions": facts.dimensions, "parameters": facts.parameters, "epochs": facts.epochs,
        "seeds": facts.seeds, "training_s": facts.training_s, "scope": facts.scope,
        "gallery": facts.gallery,
    }  # fmt: skip
    for protocol in dict.fromkeys(name for name, _ in row.cells):
        known[f"{protocol} queries"] = row.cells[protocol, MAP_KEY].queries
        for metric in METRICS:
            cell = row.cells[protocol, metric]
            for part in ("value", "low", "high", "std"):
                label = metric if part == "value" else f"{metric} {part}"
                known[f"{protocol} {label}"] = np.round(getattr(cell, part), 6)
        for metric in ERRORS:
            if (protocol, metric) in row.cells:
                known[f"{protocol} {metric}"] = np.round(row.cells[protocol, metric].value, 6)
    return known
