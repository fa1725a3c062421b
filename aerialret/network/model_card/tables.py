"""Markdown tables: rows go in, lines come out."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell's own bars are kept from ending it."""
    lines = [_line(header), _line(["---"] * len(header)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def facts_table(facts: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, without those that are empty."""
    return table(("", ""), [(name, value) for name, value in facts if value])


def _line(cells: Sequence[str]) -> str:
    told = (" ".join(cell.replace("|", "\\|").split()) for cell in cells)
    return f"| {' | '.join(told)} |"
