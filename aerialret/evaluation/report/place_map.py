"""The map of hits and misses: the table of queries goes in, an SVG element comes out."""

from dataclasses import dataclass

import pandas as pd

_MAP_WIDTH_PX = 960
_CELL_PX = (3, 30)
_GAP = 0.06  # of a cell


@dataclass(frozen=True, slots=True, kw_only=True)
class RankClass:
    """Ranks that share a colour; `last` is inside."""

    label: str
    css: str
    first: int
    last: float


RANK_CLASSES = (
    RankClass(label="first answer", css="r1", first=1, last=1),
    RankClass(label="2nd to 5th", css="r5", first=2, last=5),
    RankClass(label="6th to 100th", css="r100", first=6, last=100),
    RankClass(label="beyond the 100th", css="rmiss", first=101, last=float("inf")),
)

NO_ANSWER = "rnone"
"""CSS class of queries whose place the gallery lacks."""


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A colour of the map and how many queries in scope have it."""

    css: str
    label: str
    count: int


def place_map(table: pd.DataFrame) -> str:
    """The map as SVG text: a cell for each query where it lies, north up, coloured by its rank.

    Queries that do not count for the headline are pale.
    """
    first_col, first_row = int(table["col"].min()), int(table["row"].min())
    cols = int(table["col"].max()) - first_col + 1
    rows = int(table["row"].max()) - first_row + 1
    cell_px = min(max(_MAP_WIDTH_PX / cols, _CELL_PX[0]), _CELL_PX[1])
    columns = zip(
        table["place"], table["col"], table["row"], table["rank"], table["in_scope"], strict=True
    )
    cells = [
        _cell(place, col - first_col, row - first_row, rank, in_scope)
        for place, col, row, rank, in_scope in columns
    ]
    opening = (
        f'<svg class="places" viewBox="0 0 {cols} {rows}" style="width:{cols * cell_px:.0f}px" '
        f'role="img" aria-label="Map of the queries, coloured by the rank of the right place">'
    )
    return "\n".join([opening, *cells, "</svg>"])


def legend(table: pd.DataFrame) -> list[LegendEntry]:
    """The colours that occur, with the number of queries in scope."""
    ranks = table.loc[table["in_scope"], "rank"]
    entries = [
        LegendEntry(part.css, part.label, int(ranks.between(part.first, part.last).sum()))
        for part in RANK_CLASSES
    ]
    missing = int(table["rank"].isna().sum())
    if missing:
        entries.append(LegendEntry(NO_ANSWER, "not in the gallery", missing))
    return entries


def _cell(place: str, col: int, row: int, rank: int, in_scope: bool) -> str:
    known = not pd.isna(rank)
    css = _css(int(rank)) if known else NO_ANSWER
    pale = "" if in_scope or not known else " pale"
    said = f"rank {int(rank):,}" if known else "not in the gallery"
    side = 1 - 2 * _GAP
    return (
        f'<rect class="{css}{pale}" x="{col + _GAP:.2f}" y="{row + _GAP:.2f}" '
        f'width="{side:.2f}" height="{side:.2f}"><title>{place}: {said}</title></rect>'
    )


def _css(rank: int) -> str:
    return next(part.css for part in RANK_CLASSES if part.first <= rank <= part.last)
