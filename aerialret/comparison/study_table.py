"""The tables of a study: its rows and our figures go in, lines with both come out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from aerialret.comparison.method_table import Cell, cell_of
from aerialret.comparison.outcome import MethodFacts, Outcome
from aerialret.comparison.study import MEAN, Study, StudyRow, StudyTable
from aerialret.evaluation.report.wording import comparison_label
from aerialret.evaluation.scores import MAP_KEY


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a study's table.

    Attributes:
        label: What the row is called.
        method: The method behind our figures; empty for published figures alone.
        settings: Values of the table's `columns`.
        dimensions: R; None where we have nothing.
        ours: Our map@5 for each of the table's splits; None where we have nothing.
        published: The published figures; None where nothing is published.
    """

    label: str
    method: str
    settings: tuple[str, ...]
    dimensions: int | None
    ours: tuple[Cell | None, ...]
    published: tuple[float | None, ...]


def study_lines(
    study: Study, outcome: Outcome, figures: pd.DataFrame, *, protocol: str
) -> dict[str, list[Line]]:
    """The lines of each table, by its name.

    Args:
        study: What is shown.
        outcome: The methods that ran.
        figures: With the splits as scopes, see `aerialret.comparison.figures`.
        protocol: How the queries were made.
    """
    known = {facts.name: facts for facts in outcome.methods}
    ours = {
        facts.name: _map_by_split(figures, facts, protocol=protocol) for facts in outcome.methods
    }
    return {
        table.name: [_line(study, table, row, known, ours) for row in table.rows]
        for table in study.tables
    }


def csv_lines(study: Study, lines: Mapping[str, Sequence[Line]]) -> pd.DataFrame:
    """A row for each line of each table and each of its figures, ours and published."""
    rows = []
    for table in study.tables:
        for line in lines[table.name]:
            base = {"table": table.name, "row": line.label, "method": line.method}
            for split, cell in zip(table.splits, line.ours, strict=True):
                if cell is not None:
                    figures = {n: getattr(cell, n) for n in ("value", "low", "high", "std")}
                    rows.append({**base, "source": "ours", "of": split, **figures})
            for name, value in zip(table.published, line.published, strict=True):
                if value is not None:
                    rows.append({**base, "source": "published", "of": name, "value": value})
    columns = ["table", "row", "method", "source", "of", "value", "low", "high", "std"]
    return pd.DataFrame(rows, columns=columns).round(6)


def _line(
    study: Study,
    table: StudyTable,
    row: StudyRow,
    known: Mapping[str, MethodFacts],
    ours: Mapping[str, Mapping[str, Cell]],
) -> Line:
    method = row.method or _best_of(study, row, ours)
    facts, cells = known.get(method), ours.get(method, {})
    settings = tuple(_setting(facts, key) if facts else "" for key in table.columns)
    label = row.label if row.pipeline or not facts else f"{row.label} ({method})"
    return Line(
        label=label, method=method, settings=settings,
        dimensions=facts.dimensions if facts else None,
        ours=tuple(_mean(table, cells) if s == MEAN else cells.get(s) for s in table.splits),
        published=_published(table, row),
    )  # fmt: skip


def _published(table: StudyTable, row: StudyRow) -> tuple[float | None, ...]:
    figures = row.published or (math.nan,) * len(table.published)
    return tuple(None if math.isnan(figure) else figure for figure in figures)


def _best_of(study: Study, row: StudyRow, ours: Mapping[str, Mapping[str, Cell]]) -> str:
    """The method of these tables with the best validation map@5; empty if none was measured."""
    candidates = [
        other.method
        for table in study.tables
        if table.name in row.best_of
        for other in table.rows
        if "val" in ours.get(other.method, {})
    ]
    return max(candidates, key=lambda name: ours[name]["val"].value) if candidates else ""


def _map_by_split(figures: pd.DataFrame, facts: MethodFacts, *, protocol: str) -> dict[str, Cell]:
    """The method's map@5 by its headline comparison, for each scope."""
    own = figures[
        (figures["method"] == facts.name)
        & (figures["comparison"] == facts.headline)
        & (figures["protocol"] == protocol)
        & (figures["metric"] == MAP_KEY)
    ]
    return {str(figure.scope): cell_of(figure) for figure in own.itertuples()}


def _mean(table: StudyTable, cells: Mapping[str, Cell]) -> Cell | None:
    """The mean over the table's splits, without an interval; None where one is missing."""
    found = [cells[split] for split in table.splits if split in cells]
    if len(found) < len(table.splits) - 1 or not found:
        return None
    value = sum(cell.value for cell in found) / len(found)
    queries = sum(cell.queries for cell in found)
    return Cell(value=value, low=math.nan, high=math.nan, std=math.nan, queries=queries)


def _setting(facts: MethodFacts, key: str) -> str:
    """The value of a configuration key, as people say it."""
    section, _, name = key.partition(".")
    value = getattr(getattr(facts.method.pipeline, section), name)
    if key == "model.input":
        return comparison_label(facts.headline)
    if key == "model.fusion" and facts.method.pipeline.model.input != "image+mask":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
