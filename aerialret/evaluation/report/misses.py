"""The worst queries: an evaluation goes in, cards with pictures and captions come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report.wording import figure
from aerialret.querying.pictures import has_mask, jpeg_uri, mask_picture, png_uri, tile_picture
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import BACKGROUND, CLASSES, NO_COVERAGE, LandClass
from aerialret.tiles.pixel_store import TileBatch

IMAGE_PX = 192
MASK_PX = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One picture of a card.

    Attributes:
        title: What it is.
        caption: Place, score, rank or distance.
        css: Its look: query, wrong or right.
        image: Data URI.
        mask: Data URI; empty where there is no mask.
    """

    title: str
    caption: str
    css: str
    image: str
    mask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A query that went wrong: the photo, the first answer and the right one."""

    place: str
    rank: int
    panels: tuple[Panel, ...]


class Misses(NamedTuple):
    """The cards and the classes that their masks show."""

    cards: list[Card]
    classes: list[LandClass]


def worst_misses(evaluation: Evaluation, *, count: int) -> Misses:
    """The queries in scope whose right place came latest, but not first."""
    table = evaluation.table
    missed = table[evaluation.in_scope & (table["rank"] > 1).fillna(False).to_numpy(bool)]
    worst = missed.sort_values(["rank", "place"], ascending=[False, True]).head(count)
    pixels = [_pixels(evaluation, row) for row in worst.index]
    cards = [
        _card(evaluation, row, batches) for row, batches in zip(worst.index, pixels, strict=True)
    ]
    return Misses(cards, _classes_in([batch.masks for some in pixels for batch in some]))


def _pixels(evaluation: Evaluation, row: int) -> tuple[TileBatch, TileBatch, TileBatch]:
    """The pixels of a query, of its first answer and of its right answer."""
    _, first, right = _tiles(evaluation, row)
    dates = evaluation.dates
    read = evaluation.tileset.read
    return (
        evaluation.photos.cut(evaluation.tileset, slice(row, row + 1)).batch,
        read(dates.gallery, [first]),
        read(dates.gallery, [right]),
    )


def _tiles(evaluation: Evaluation, row: int) -> tuple[TileId, TileId, TileId]:
    gallery = evaluation.tileset.tiles(evaluation.dates.gallery)
    first = int(evaluation.trained[evaluation.main].nearest.rows[row, 0])
    right = int(evaluation.photos.truth[row])
    return evaluation.photos.tiles[row], gallery[first], gallery[right]


def _card(evaluation: Evaluation, row: int, pixels: Sequence[TileBatch]) -> Card:
    query, first, right = _tiles(evaluation, row)
    line: Any = evaluation.table.loc[row]
    measurement = evaluation.trained[evaluation.main]
    dates = evaluation.dates
    rank, distance_m = int(line["rank"]), float(line["distance_m"])
    captions = (
        ("query", f"Photo, {dates.queries}", query.place),
        (
            "wrong",
            f"First answer, {dates.gallery}",
            f"{first.place} · score {figure(float(measurement.nearest.scores[row, 0]))} · "
            f"{_distance(distance_m)} off",
        ),
        (
            "right",
            f"Right place, {dates.gallery}",
            f"{right.place} · score {figure(float(measurement.own_scores[row]))} · rank {rank:,}",
        ),
    )
    panels = tuple(
        _panel(css, title, caption, batch)
        for (css, title, caption), batch in zip(captions, pixels, strict=True)
    )
    return Card(place=query.place, rank=rank, panels=panels)


def _panel(css: str, title: str, caption: str, batch: TileBatch) -> Panel:
    mask = batch.masks[0]
    return Panel(
        title=title,
        caption=caption,
        css=css,
        image=jpeg_uri(tile_picture(batch.images[0], batch.valid[0], side_px=IMAGE_PX)),
        mask=png_uri(mask_picture(mask, side_px=MASK_PX)) if has_mask(mask) else "",
    )


def _distance(metres: float) -> str:
    return f"{metres:,.0f}\u00a0m" if metres < 1000 else f"{metres / 1000:,.1f}\u00a0km"


def _classes_in(masks: Sequence[np.ndarray]) -> list[LandClass]:
    codes = {int(code) for mask in masks for code in np.unique(mask)} - {BACKGROUND, NO_COVERAGE}
    return [land_class for land_class in CLASSES if land_class.code in codes]
