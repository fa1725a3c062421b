"""The files of a comparison: its outcome goes in, tables in three formats lie in its folder."""

from aerialret import atomic
from aerialret.comparison.figures import HEADLINE, figures
from aerialret.comparison.markdown import LEGEND, method_markdown, notes_markdown, study_markdown
from aerialret.comparison.method_table import csv_table, method_rows
from aerialret.comparison.outcome import Outcome
from aerialret.comparison.page import render_page
from aerialret.comparison.provenance import Setting, provenance
from aerialret.comparison.study import Study
from aerialret.comparison.study_table import csv_lines, study_lines
from aerialret.training.splits import SPLITS

MARKDOWN_NAME = "table.md"
CSV_NAME = "table.csv"
STUDY_CSV_NAME = "study.csv"
HTML_NAME = "compare.html"


def write_tables(setting: Setting, outcome: Outcome, *, study: Study | None = None) -> str:
    """Writes every file of the comparison; the content of `table.md`.

    Args:
        setting: What everything was compared under.
        outcome: What was measured.
        study: Its tables are shown as well.
    """
    out, protocols = setting.ground.out, setting.ground.protocols
    scopes = (HEADLINE, *SPLITS) if study else (HEADLINE,)
    found = figures(outcome.queries, resamples=setting.request.resamples, scopes=scopes)
    rows = method_rows(outcome, found)
    lines = study_lines(study, outcome, found, protocol=protocols[0]) if study else {}
    notes = provenance(setting, outcome)
    parts = [study_markdown(study, lines), "## Every method"] if study else []
    parts += [method_markdown(rows, protocols=protocols), LEGEND] if rows else []
    text = "\n\n".join([*parts, notes_markdown(outcome.failures, notes)]) + "\n"
    page = render_page(
        rows, outcome, protocols=protocols, provenance=notes, study=study, lines=lines
    )
    atomic.write_text(out / MARKDOWN_NAME, text)
    table = csv_table(rows, outcome.failures)
    atomic.write_text(out / CSV_NAME, table.to_csv(index=False, lineterminator="\n"))
    if study:
        table = csv_lines(study, lines)
        atomic.write_text(out / STUDY_CSV_NAME, table.to_csv(index=False, lineterminator="\n"))
    atomic.write_text(out / HTML_NAME, page)
    return text
