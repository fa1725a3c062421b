"""Markdown: rows of tables go in, the text of `table.md` comes out."""

import math
from collections.abc import Iterable, Mapping, Sequence

from aerialret.comparison.method_table import DIGITS, SHOWN, Cell, Row, tell_errors
from aerialret.comparison.outcome import Failure
from aerialret.comparison.study import Study, StudyTable
from aerialret.comparison.study_table import Line
from aerialret.training.rates import duration

_NOTHING = "–"

ERROR_HEAD = "error, m,"

LEGEND = (
    "Mean over the queries [95 % bootstrap interval] ± standard deviation over the seeds, where "
    "there are several; bold: the best of its column. Errors are medians over the photos whose "
    "first answer is right: of the centre / of the corners (root mean square of the four), for "
    "methods that tell where in a tile a photo lies."
)


def method_markdown(rows: Sequence[Row], *, protocols: Sequence[str]) -> str:
    """The table of methods."""
    heads = ["method", "fed", "R", "parameters", "epochs", "training"]
    for protocol in protocols:
        heads += [f"{metric} {protocol}" for metric in SHOWN]
        heads += [f"{ERROR_HEAD} {protocol}"] if tell_errors(rows, protocol) else []
    told = {protocol: tell_errors(rows, protocol) for protocol in protocols}
    body = [[*_fact_cells(row), *_figure_cells(row, told)] for row in rows]
    return _table(heads, body, left=2)


def study_markdown(study: Study, lines: Mapping[str, Sequence[Line]]) -> str:
    """The tables of a study, each under its title."""
    parts = [f"# {study.title}"]
    parts += [text for text in (study.source, study.note) if text]
    for table in study.tables:
        parts += [f"## {table.title}", *([table.note] if table.note else [])]
        parts.append(_study_table(table, lines[table.name]))
    return "\n\n".join(parts)


def notes_markdown(failures: Sequence[Failure], provenance: Iterable[tuple[str, str]]) -> str:
    """What could not run, and what was run."""
    parts = []
    if failures:
        listed = "\n".join(f"- {failure.method}: {failure.reason}" for failure in failures)
        parts.append(f"Could not run here:\n\n{listed}")
    parts.append("\n".join(f"- {name}: {_inline(value, name)}" for name, value in provenance))
    return "\n\n".join(parts)


def figure_text(cell: Cell | None) -> str:
    """As in `0.812 [0.790, 0.833] ± 0.004`."""
    if cell is None:
        return _NOTHING
    text = f"{cell.value:.{DIGITS}f}"
    if not math.isnan(cell.low):
        text += f" [{cell.low:.{DIGITS}f}, {cell.high:.{DIGITS}f}]"
    return text if math.isnan(cell.std) else f"{text} ± {cell.std:.{DIGITS}f}"


def published_text(value: float | None) -> str:
    """A published figure with its two digits."""
    return _NOTHING if value is None else f"{value:.2f}"


def duration_text(seconds: float | None) -> str:
    """A time as a person says it, or a dash for none."""
    return _NOTHING if seconds is None else duration(seconds)


def count_text(number: int) -> str:
    """As in `23.5 M`, `12 k` or `0`."""
    if number >= 1_000_000:
        return f"{number / 1e6:.1f} M"
    return f"{number / 1e3:.0f} k" if number >= 1000 else str(number)


def _fact_cells(row: Row) -> list[str]:
    facts = row.facts
    if not row.headline:
        return [row.name, row.fed, str(facts.dimensions), "", "", ""]
    epochs = str(facts.epochs) if facts.epochs else "untrained"
    trained = duration_text(facts.training_s)
    return [
        row.name, row.fed, str(facts.dimensions), count_text(facts.parameters), epochs, trained
    ]  # fmt: skip


def _figure_cells(row: Row, told: Mapping[str, bool]) -> list[str]:
    """The figures of a row under each protocol; its errors where `told` says that any has."""
    texts = []
    for protocol, errors in told.items():
        cells = [row.cells.get((protocol, metric)) for metric in SHOWN]
        texts += [_bold(figure_text(c)) if c and c.best else figure_text(c) for c in cells]
        texts += [errors_text(row.errors(protocol))] if errors else []
    return texts


def errors_text(errors: tuple[Cell, Cell] | None) -> str:
    """Centre and corner error in metres, as in `1.2 / 2.4`."""
    return _NOTHING if errors is None else " / ".join(f"{cell.value:.1f}" for cell in errors)


def _bold(text: str) -> str:
    """The figure in bold, its interval beside it as it is."""
    value, space, rest = text.partition(" ")
    return f"**{value}**{space}{rest}"


def _study_table(table: StudyTable, lines: Sequence[Line]) -> str:
    heads = ["", *(key.rpartition(".")[2] for key in table.columns), "R"]
    heads += [f"ours, {split}" for split in table.splits]
    heads += [f"published, {name}" for name in table.published]
    body = [
        [
            line.label, *line.settings, "" if line.dimensions is None else str(line.dimensions),
            *map(figure_text, line.ours), *map(published_text, line.published),
        ]
        for line in lines
    ]  # fmt: skip
    return _table(heads, body, left=1 + len(table.columns))


def _table(heads: Sequence[str], body: Sequence[Sequence[str]], *, left: int) -> str:
    rule = [":--" if column < left else "--:" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in (heads, rule, *body))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _inline(value: str, name: str) -> str:
    return f"`{value}`" if name == "Command" else value
