"""Records as text: outcomes go in, what `answers.format_answers` would print comes, in pieces."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping

from aerialret.querying.answers import COLUMNS, feature, json_line
from aerialret.querying.batch.layers import answer_rows
from aerialret.querying.batch.outcome import Outcome


def printed(outcomes: Iterable[Outcome], *, output_format: str) -> Iterator[str]:
    """Pieces of text, which together are those of `format_answers` for the same answers.

    Args:
        outcomes: Of every photo; those without a record print nothing.
        output_format: table, json, geojson or csv.
    """
    answered = (outcome for outcome in outcomes if outcome.record)
    return _WRITERS[output_format](answered)


def _table(outcomes: Iterable[Outcome]) -> Iterator[str]:
    between = ""
    for outcome in outcomes:
        if outcome.record:
            yield between + outcome.record.table_of(outcome.photo.path)
            between = "\n"


def _json(outcomes: Iterable[Outcome]) -> Iterator[str]:
    for outcome in outcomes:
        if outcome.record:
            yield "".join(map(json_line, outcome.record.results_of(outcome.photo.path)))


def _geojson(outcomes: Iterable[Outcome]) -> Iterator[str]:
    between = ""
    yield '{"type": "FeatureCollection", "features": ['
    for outcome in outcomes:
        for values in outcome.record.results_of(outcome.photo.path) if outcome.record else ():
            yield between + json.dumps(feature(values), ensure_ascii=False)
            between = ", "
    yield "]}\n"


def _csv(outcomes: Iterable[Outcome]) -> Iterator[str]:
    header = False
    for outcome in outcomes:
        rows = answer_rows(outcome)
        if rows:
            yield _csv_lines(tuple(rows[0]), rows, header=not header)
            header = True
    if not header:
        yield _csv_lines(COLUMNS, (), header=True)


def _csv_lines(
    columns: tuple[str, ...], rows: Iterable[Mapping[str, object]], *, header: bool
) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


_WRITERS: Mapping[str, Callable[[Iterable[Outcome]], Iterator[str]]] = {
    "table": _table,
    "json": _json,
    "geojson": _geojson,
    "csv": _csv,
}
