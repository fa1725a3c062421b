"""Cards: an answer goes in, everything that the page draws and says of its photo comes out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.config import AnswerPageConfig
from aerialret.pages.data_uris import webp_uri
from aerialret.pages.swipe import Swipe
from aerialret.querying.answer_page.facts import Fact, HitRow, facts_of, hit_row
from aerialret.querying.answer_page.match_lines import MatchFigure, match_figure
from aerialret.querying.answer_page.placement import Placement, photo_pixels, placement_of
from aerialret.querying.answer_page.wording import Verdict, verdict_of
from aerialret.querying.laid_photo import (
    chart_of,
    lay,
    metres_per_px,
    side_for,
    swipe_of,
    to_view_of,
    window_around,
)
from aerialret.querying.located import location_of
from aerialret.querying.photo_pixels import PhotoPixels
from aerialret.querying.pictures import PAPER
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds
from aerialret.verification.location import Location
from aerialret.verification.pose import Matrix
from aerialret.verification.reference import ReferenceReader

_VEIL = 0.7  # of paper, over what of a photo does not show the ground


@dataclass(frozen=True, slots=True, kw_only=True)
class MapPicture:
    """A map that no photo lies on, as the search tells the tile alone.

    Attributes:
        name: Its id in the page, without `-map`.
        uri: Data URI.
        side_px: Of the picture.
        alt: What it shows.
        label: A word or two.
    """

    name: str
    uri: str
    side_px: int
    alt: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCard:
    """One answer, drawn.

    Attributes:
        name: Its id in the page.
        title: Its rank, tile and date.
        how: How the photo is laid on the map, or why it is not.
        swipe: Photo over map; None where the search tells the tile alone.
        chart: The map alone, where there is no swipe; None where there are no pixels either.
        facts: What is known of it.
        matches: Lines between photo and map; None where nothing was matched.
        believed: Whether its location is.
    """

    name: str
    title: str
    how: str
    swipe: Swipe | None
    chart: MapPicture | None
    facts: tuple[Fact, ...]
    matches: MatchFigure | None
    believed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoCard:
    """One photo and its answers.

    Attributes:
        number: Its place on the page, from 1.
        title: Its file's name.
        path: As it was given.
        uri: Data URI of the photo.
        width: Of its picture, in pixels.
        height: Of its picture, in pixels.
        verdict: Where it lies, in words.
        notes: What was assumed, cut off or left out.
        modality: What it was searched by.
        rows: All answers.
        answers: The first of them, drawn.
        outline: float64 [n, 2], what it shows on the map by its best answer; None without one.
    """

    number: int
    title: str
    path: str
    uri: str
    width: int
    height: int
    verdict: Verdict
    notes: tuple[str, ...]
    modality: str
    rows: tuple[HitRow, ...]
    answers: tuple[AnswerCard, ...]
    outline: NDArray[np.float64] | None


def photo_card(
    answer: PhotoAnswer,
    number: int,
    *,
    reader: ReferenceReader | None,
    config: AnswerPageConfig,
) -> PhotoCard:
    """The card of one photo.

    Args:
        answer: What was found.
        number: Its place on the page, from 1.
        reader: Reads the map; None where its pixels are no longer there.
        config: How much is drawn.
    """
    pixels = photo_pixels(answer)
    uri, size = _photo_picture(pixels, config.side_px)
    drawing = _Drawing(answer, number, pixels, size, reader, config)
    answers = tuple(drawing.card(hit) for hit in answer.hits[: config.answers])
    return PhotoCard(
        number=number, title=Path(answer.query).name, path=answer.query, uri=uri, width=size[0],
        height=size[1], verdict=verdict_of(answer), notes=answer.notes, modality=answer.modality,
        rows=tuple(
            hit_row(answer, hit, link=answers[n].name if n < len(answers) else "")
            for n, hit in enumerate(answer.hits)
        ),
        answers=answers, outline=_outline(answer, pixels),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What the cards of a photo's answers share."""

    answer: PhotoAnswer
    number: int
    pixels: PhotoPixels
    size: tuple[int, int]
    reader: ReferenceReader | None
    config: AnswerPageConfig

    def card(self, hit: Hit) -> AnswerCard:
        """The answer `hit`, drawn."""
        name = f"p{self.number}a{hit.rank}"
        placement = placement_of(self.answer, hit, self.pixels)
        location = location_of(self.answer, hit)
        window = window_around(placement.outline) if placement else _square(hit.bounds)
        side_px = self._side_px(window, placement)
        swipe = self._swipe(name, hit, placement, window, side_px)
        chart = None if swipe else self._chart(name, hit, window, side_px)
        return AnswerCard(
            name=name, title=f"{hit.rank}. {hit.place}, {hit.date}",
            how=placement.how if placement else "the search tells the tile, not where in it",
            swipe=swipe, chart=chart, facts=facts_of(self.answer, hit),
            matches=self._matches(name, hit, placement if swipe else None, window, side_px),
            believed=location is not None and location.believable,
        )  # fmt: skip

    def _side_px(self, window: Bounds, placement: Placement | None) -> int:
        most = self.config.side_px
        if self.reader is None:
            return most
        finest_m = self.reader.tileset.grid.resolution_m
        if placement is not None:
            height, width = placement.valid.shape
            own_m = metres_per_px(placement.matrix, width=width, height=height)
            finest_m = min(finest_m, own_m)
        return side_for(window, finest_m=finest_m, most_px=most)

    def _swipe(
        self, name: str, hit: Hit, placement: Placement | None, window: Bounds, side_px: int
    ) -> Swipe | None:
        if placement is None or self.reader is None:
            return None
        laid = lay(
            placement.image, placement.valid, placement.matrix, window=window,
            reader=self.reader, date=hit.date, side_px=side_px,
        )  # fmt: skip
        title = Path(self.answer.query).name
        alts = _map_alt(hit), f"The photo {title}, {placement.how}"
        labels = f"Map of {hit.date}", "Photo"
        return swipe_of(laid, name=name, crs=self.answer.crs, labels=labels, alts=alts)

    def _chart(self, name: str, hit: Hit, window: Bounds, side_px: int) -> MapPicture | None:
        if self.reader is None:
            return None
        chart = chart_of(window, reader=self.reader, date=hit.date, side_px=side_px)
        uri = webp_uri(chart, np.ones(chart.shape[1:], bool))
        label = f"Map of {hit.date}"
        return MapPicture(name=name, uri=uri, side_px=side_px, alt=_map_alt(hit), label=label)

    def _matches(
        self, name: str, hit: Hit, placement: Placement | None, window: Bounds, side_px: int
    ) -> MatchFigure | None:
        """Lines from the photo as it is laid on the map, or else as it is, to the map."""
        location = location_of(self.answer, hit)
        if location is None or self.reader is None:
            return None
        to_view = to_view_of(window, side_px=side_px)
        photo, size, to_photo = f"p{self.number}-photo", self.size, _shrunk(location, self.size)
        if placement is not None and placement.image is self.pixels.image:
            height, width = placement.valid.shape
            photo, size = f"{name}-photo", (side_px, side_px)
            to_photo = to_view @ placement.matrix @ _shrunk(location, (width, height))
        return match_figure(
            location, photo=photo, photo_size=size, to_photo=to_photo, chart=f"{name}-map",
            chart_px=side_px, to_view=to_view, most=self.config.lines,
        )  # fmt: skip


def _shrunk(location: Location, size: tuple[int, int]) -> Matrix:
    """From the pixels of a photo's file to those of a copy of this width and height."""
    return np.diag([size[0] / location.width, size[1] / location.height, 1.0])


def _photo_picture(pixels: PhotoPixels, longest_px: int) -> tuple[str, tuple[int, int]]:
    """The photo as a data URI, paler where it does not show the ground; its width and height."""
    veiled = (1 - _VEIL) * pixels.image + _VEIL * np.array(PAPER)[:, None, None]
    shown = np.where(pixels.valid, pixels.image, veiled.astype(np.uint8))
    picture = Picture.fromarray(np.ascontiguousarray(np.moveaxis(shown, 0, -1)))
    picture.thumbnail((longest_px, longest_px), Picture.Resampling.BOX, reducing_gap=None)
    image = np.moveaxis(np.asarray(picture), -1, 0)
    return webp_uri(image, np.ones(image.shape[1:], bool)), picture.size


def _outline(answer: PhotoAnswer, pixels: PhotoPixels) -> NDArray[np.float64] | None:
    """What the photo shows by its best answer: its own outline, or else the tile's."""
    if not answer.hits:
        return None
    best = answer.hits[0]
    placement = placement_of(answer, best, pixels)
    if placement is not None:
        return placement.outline
    left, bottom, right, top = best.bounds
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def _square(bounds: Bounds) -> Bounds:
    side = max(bounds.width, bounds.height)
    return Bounds(bounds.left, bounds.top - side, bounds.left + side, bounds.top)


def _map_alt(hit: Hit) -> str:
    return f"Orthophoto of {hit.date} around {hit.x:.0f}, {hit.y:.0f}, north up"
