"""The worst queries: an evaluation goes in, cards with pictures and captions come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report.frames import (
    ATTENTION_COLOUR,
    FOOTPRINT_COLOUR,
    PLACED_COLOUR,
    attended,
    framed,
    within_tile,
)
from aerialret.evaluation.report.wording import figure, metres
from aerialret.evaluation.windows import ALIGNED
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


class FrameEntry(NamedTuple):
    """A colour of the pictures' frames and what it means."""

    colour: tuple[int, int, int]
    label: str


class Misses(NamedTuple):
    """The cards, the classes that their masks show, and the frames in their pictures."""

    cards: list[Card]
    classes: list[LandClass]
    frames: list[FrameEntry]


class _Shown(NamedTuple):
    """A query of a card: the pixels of its photo, of its first and of its right answer."""

    row: int
    tiles: tuple[TileId, TileId, TileId]
    pixels: tuple[TileBatch, TileBatch, TileBatch]


def worst_misses(evaluation: Evaluation, *, count: int) -> Misses:
    """The queries in scope whose right place came latest, but not first."""
    table = evaluation.table
    missed = table[evaluation.in_scope & (table["rank"] > 1).fillna(False).to_numpy(bool)]
    worst = missed.sort_values(["rank", "place"], ascending=[False, True]).head(count)
    shown = [_shown(evaluation, row) for row in worst.index]
    cards = [_card(evaluation, some) for some in shown]
    masks = [batch.masks for some in shown for batch in some.pixels]
    return Misses(cards, _classes_in(masks), _frames(evaluation) if cards else [])


def _shown(evaluation: Evaluation, row: int) -> _Shown:
    tileset, dates, photos = evaluation.tileset, evaluation.dates, evaluation.photos
    gallery = tileset.tiles(dates.gallery)
    first = gallery[int(evaluation.trained[evaluation.main].nearest.rows[row, 0])]
    right = gallery[int(photos.truth[row])]
    photo = photos.cut(tileset, slice(row, row + 1)).batch
    wrong, true = (tileset.read(dates.gallery, [tile]) for tile in (first, right))
    return _Shown(row, (photos.tiles[row], first, right), (photo, wrong, true))


def _card(evaluation: Evaluation, shown: _Shown) -> Card:
    captions = _captions(evaluation, shown)
    panels = tuple(
        _panel(*caption, batch, frames)
        for caption, batch, frames in zip(
            captions, shown.pixels, _frames_of(evaluation, shown), strict=True
        )
    )
    rank = int(evaluation.table["rank"][shown.row])
    return Card(place=shown.tiles[0].place, rank=rank, panels=panels)


def _captions(evaluation: Evaluation, shown: _Shown) -> tuple[tuple[str, str, str], ...]:
    """Look, title and caption of the photo, the first answer and the right one."""
    row, (query, first, right) = shown.row, shown.tiles
    line: Any = evaluation.table.loc[row]
    measurement, dates = evaluation.trained[evaluation.main], evaluation.dates
    score = figure(float(measurement.nearest.scores[row, 0]))
    own = figure(float(measurement.own_scores[row]))
    off = metres(float(line["distance_m"]))
    turned = ""
    if evaluation.photos.protocol != ALIGNED:
        side = float(line["metres_per_px"]) * evaluation.tileset.grid.tile_px
        turned = f" · turned {line['rotation_deg']:.0f}° · {metres(side)} wide"
    return (
        ("query", f"Photo, {dates.queries}", f"{query.place}{turned}"),
        (
            "wrong",
            f"First answer, {dates.gallery}",
            f"{first.place} · score {score} · {off} off",
        ),
        (
            "right",
            f"Right place, {dates.gallery}",
            f"{right.place} · score {own} · rank {int(line['rank']):,}",
        ),
    )


_Frame = tuple[NDArray[np.float64], tuple[int, int, int]]


def _frames_of(evaluation: Evaluation, shown: _Shown) -> list[list[_Frame]]:
    """What is framed in the photo, in the first answer and in the right one."""
    comparison = evaluation.trained[evaluation.main].comparison
    sides = (comparison.queries, comparison.gallery, comparison.gallery)
    frames: list[list[_Frame]] = []
    for batch, modality in zip(shown.pixels, sides, strict=True):
        region = attended(evaluation.model, batch, modality=modality)
        frames.append([] if region is None else [(region, ATTENTION_COLOUR)])
    grid, (_, first, right) = evaluation.tileset.grid, shown.tiles
    placed_m = evaluation.trained[evaluation.main].placed_m
    if placed_m is not None:
        frames[1].append((within_tile(placed_m[shown.row], tile=first, grid=grid), PLACED_COLOUR))
    if evaluation.photos.protocol != ALIGNED:
        shown_m = evaluation.photos.shown.corners_m[shown.row]
        frames[2].append((within_tile(shown_m, tile=right, grid=grid), FOOTPRINT_COLOUR))
    return frames


def _panel(css: str, title: str, caption: str, batch: TileBatch, frames: list[_Frame]) -> Panel:
    mask = batch.masks[0]
    picture = tile_picture(batch.images[0], batch.valid[0], side_px=IMAGE_PX)
    for corners, colour in frames:
        picture = framed(picture, corners, colour=colour)
    return Panel(
        title=title,
        caption=caption,
        css=css,
        image=jpeg_uri(picture),
        mask=png_uri(mask_picture(mask, side_px=MASK_PX)) if has_mask(mask) else "",
    )


def _frames(evaluation: Evaluation) -> list[FrameEntry]:
    """The legend of the frames that are drawn."""
    entries = []
    if evaluation.photos.protocol != ALIGNED:
        entries.append(FrameEntry(FOOTPRINT_COLOUR, "what the photo shows"))
    if evaluation.trained[evaluation.main].placed_m is not None:
        entries.append(FrameEntry(PLACED_COLOUR, "where the first answer puts the photo"))
    if evaluation.model.config.transformer != "none":
        entries.append(FrameEntry(ATTENTION_COLOUR, "what the network looks at"))
    return entries


def _classes_in(masks: Sequence[np.ndarray]) -> list[LandClass]:
    codes = {int(code) for mask in masks for code in np.unique(mask)} - {BACKGROUND, NO_COVERAGE}
    return [land_class for land_class in CLASSES if land_class.code in codes]
