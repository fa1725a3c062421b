"""The page: rows, lines and charts go in, `compare.html` comes out as text, without any request."""

import math
from collections.abc import Mapping, Sequence

from jinja2 import Environment

from aerialret.comparison.bootstrap import LEVEL
from aerialret.comparison.charts import GREY, bar_chart, protocol_colour, recall_charts
from aerialret.comparison.markdown import (
    count_text,
    duration_text,
    errors_text,
    published_text,
)
from aerialret.comparison.method_table import DIGITS, SHOWN, Cell, Row, tell_errors
from aerialret.comparison.outcome import Outcome
from aerialret.comparison.study import Study
from aerialret.comparison.study_table import Line
from aerialret.evaluation.scores import MAP_KEY
from aerialret.pages.environment import page_environment

TEMPLATE = "compare.html.jinja"


def render_page(
    rows: Sequence[Row],
    outcome: Outcome,
    *,
    protocols: Sequence[str],
    provenance: Sequence[tuple[str, str]],
    study: Study | None = None,
    lines: Mapping[str, Sequence[Line]] | None = None,
) -> str:
    """The comparison as HTML.

    Args:
        rows: Of the table of methods.
        outcome: What was measured.
        protocols: How the queries were made.
        provenance: Name and value of what the figures depend on.
        study: Its tables are shown as well.
        lines: Theirs.
    """
    headlines = [row for row in rows if row.headline]
    return _environment().get_template(TEMPLATE).render(
        title=study.title if study else f"{len(outcome.methods)} methods compared",
        lead=_lead(headlines, protocols),
        rows=rows,
        protocols=protocols,
        metrics=SHOWN,
        errors_told={name: tell_errors(rows, name) for name in protocols},
        bars=bar_chart(headlines, protocols=protocols) if headlines else "",
        bar_legend=[(name, protocol_colour(n)) for n, name in enumerate(protocols)],
        recall=recall_charts(headlines, outcome.queries) if headlines else [],
        grey=GREY,
        failures=outcome.failures,
        study=study,
        lines=lines or {},
        provenance=provenance,
    )  # fmt: skip


def interval_text(cell: Cell) -> str:
    """As in `0.790–0.833`, with the deviation over seeds where there are several."""
    if math.isnan(cell.low):
        return ""
    text = f"{cell.low:.{DIGITS}f}–{cell.high:.{DIGITS}f}"
    return text if math.isnan(cell.std) else f"{text} ± {cell.std:.{DIGITS}f}"


def _lead(rows: Sequence[Row], protocols: Sequence[str]) -> str:
    """Which method is best under each protocol, in one sentence each."""
    told = []
    for protocol in protocols:
        measured = [row for row in rows if (protocol, MAP_KEY) in row.cells]
        if not measured:
            continue
        best = max(measured, key=lambda row: row.cells[protocol, MAP_KEY].value)
        cell = best.cells[protocol, MAP_KEY]
        if cell.value == 0:
            told.append(f"Queries {protocol}: no method finds any place.")
            continue
        told.append(
            f"Queries {protocol}: {best.name} is best with a {MAP_KEY} of {cell.value:.3f} "
            f"({LEVEL:.0%} interval {cell.low:.3f} to {cell.high:.3f}, {cell.queries:,} queries)."
        )
    return " ".join(told) or "No method could run on this tile set."


def _environment() -> Environment:
    environment = page_environment("aerialret.comparison", "aerialret.evaluation.report")
    environment.filters.update(
        figure=lambda cell: f"{cell.value:.{DIGITS}f}", interval=interval_text,
        count=count_text, duration=duration_text, published=published_text, errors=errors_text,
    )  # fmt: skip
    return environment
