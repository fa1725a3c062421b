"""What a card says that its model's manifest does not: `card.json` goes in, facts come out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from aerialret.atomic import write_text
from aerialret.errors import NotAnArtefactError
from aerialret.network.model_card.licence import UNKNOWN
from aerialret.tiles.tileset import TileSet, date_folder

FACTS_NAME = "card.json"
FIGURES = ("map@5", "recall@1", "recall@5", "recall@10", "median_rank")
"""The figures of a report that a card shows, in this order."""

_DATE_NAME = "date.json"  # of a date's folder, see aerialret.tiles.tileset
_FIRST = "aligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSources:
    """What one date of a tile set was made from.

    Attributes:
        date: Its label.
        tiles: Tiles that it has.
        orthophotos: Files of imagery; 0 where the tile set does not tell.
        layers: Names of its vector layers.
        edition: Edition of the vector layers, where they betray one.
    """

    date: str
    tiles: int
    orthophotos: int = 0
    layers: tuple[str, ...] = ()
    edition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureRow:
    """Figures of one way to ask.

    Attributes:
        name: Protocol and modality, as `aligned, image+mask`.
        queries: Number of queries.
        figures: By the names in `FIGURES`; None: not measured.
    """

    name: str
    queries: int
    figures: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigures:
    """What a report measured.

    Attributes:
        report: Its content hash.
        tile_set: Content hash of the tile set that it was measured on.
        queries: Date of the queries.
        gallery: Date of the gallery.
        scope: Which places were asked for: test, val, unseen, all.
        tiles: Tiles of the gallery.
        rows: The headline's figures first.
    """

    report: str
    tile_set: str
    queries: str
    gallery: str
    scope: str
    tiles: int
    rows: tuple[FigureRow, ...]

    @classmethod
    def of(cls, metrics: Mapping[str, Any], *, report: str, tile_set: str) -> "ReportFigures":
        """The figures in a `metrics.json`."""
        protocol = str(metrics.get("protocol", _FIRST))
        rows = {f"{protocol}, {metrics['modality']}": metrics}
        rows |= {f"{protocol}, {name}": row for name, row in metrics["modalities"].items()}
        for name, row in metrics.get("protocols", {}).items():
            rows.setdefault(f"{name}, {metrics['modality']}", row)
        return cls(
            report=report, tile_set=tile_set,
            queries=metrics["dates"]["queries"], gallery=metrics["dates"]["gallery"],
            scope=metrics["scope"], tiles=metrics["gallery"],
            rows=tuple(_row(name, row) for name, row in rows.items()),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beyond the manifest.

    Attributes:
        licence: The model's licence, see `aerialret.network.model_card.licence`.
        sources: What the tile set was made from, by date.
        reports: What was measured, ordered by dates and hash.
    """

    licence: str = UNKNOWN
    sources: tuple[DateSources, ...] = ()
    reports: tuple[ReportFigures, ...] = field(default=())

    def with_reports(self, reports: Sequence[ReportFigures]) -> "CardFacts":
        """These facts and further reports; one that is there already changes nothing."""
        known = {found.report: found for found in (*self.reports, *reports)}
        order = sorted(known.values(), key=lambda one: (one.queries, one.gallery, one.report))
        return replace(self, reports=tuple(order))


def sources_of(tileset: TileSet) -> tuple[DateSources, ...]:
    """What the dates of a tile set were made from, as far as it tells."""
    return tuple(_sources(tileset, date) for date in tileset.dates)


def read_facts(folder: Path) -> CardFacts:
    """The facts in a model folder; the default ones where it has none.

    Raises:
        NotAnArtefactError: Its `card.json` cannot be read.
    """
    path = folder / FACTS_NAME
    if not path.is_file():
        return CardFacts()
    try:
        plain = json.loads(path.read_text("utf-8"))
        return CardFacts(
            licence=plain["licence"],
            sources=tuple(
                DateSources(**{**one, "layers": tuple(one["layers"])}) for one in plain["sources"]
            ),
            reports=tuple(
                ReportFigures(**{**one, "rows": tuple(FigureRow(**row) for row in one["rows"])})
                for one in plain["reports"]
            ),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise NotAnArtefactError(
            f"{path} cannot be read ({error}); delete it and run 'aerialret model card' again"
        ) from error


def write_facts(folder: Path, facts: CardFacts) -> None:
    """Writes `card.json`; the same facts give the same bytes."""
    text = json.dumps(asdict(facts), indent=2, sort_keys=True, ensure_ascii=False)
    write_text(folder / FACTS_NAME, text + "\n")


def _sources(tileset: TileSet, date: str) -> DateSources:
    path = date_folder(tileset.folder, date) / _DATE_NAME
    told = json.loads(path.read_text("utf-8")).get("report", {}) if path.is_file() else {}
    return DateSources(
        date=date,
        tiles=len(tileset.rows(date)),
        orthophotos=int(told.get("orthophotos", 0)),
        layers=tuple(sorted(layer["layer"] for layer in told.get("layers", []))),
        edition=str(told.get("edition", "")),
    )


def _row(name: str, figures: Mapping[str, Any]) -> FigureRow:
    shown = {figure: figures.get(figure) for figure in FIGURES}
    return FigureRow(name=name, queries=int(figures["queries"]), figures=shown)
