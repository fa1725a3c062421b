"""The picture of matches: located photos go in, what agrees is drawn between photo and map.

Each photo is a row: the photo, the map around it with the photo's outline and the matches between
both, and a checkerboard of map and photo, in which roads and hedges go on across the squares.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw

from aerialret import atomic
from aerialret.errors import NothingToDoError
from aerialret.querying.laid_photo import LaidPhoto, is_absurd, lay, window_around
from aerialret.querying.located import best_location, location_of
from aerialret.querying.photo_pixels import PhotoPixels, read_pixels
from aerialret.querying.pictures import PAPER
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit
from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.location import Location
from aerialret.verification.pose import moved
from aerialret.verification.reference import ReferenceReader

_SIDE, _GAP, _MARGIN, _CAPTION = 520, 24, 24, 30
_SQUARES = 8
_MOST_LINES, _MOST_OTHERS = 40, 12
_WHITE, _INK, _GREEN, _RED = (255, 255, 255), (28, 32, 36), (22, 160, 82), (200, 48, 40)
_LINE_HUES = ((255, 196, 0), (0, 190, 255), (255, 96, 160), (120, 230, 90))


def match_picture(answers: Sequence[PhotoAnswer], index: Index, out: Path) -> None:
    """Writes a PNG with a row for each photo at its best answer, believed or not.

    Args:
        answers: Verified ones.
        index: Where they were found; its tile set must be there.
        out: The PNG.

    Raises:
        NothingToDoError: No photo agrees with any place, so that nothing can be drawn.
    """
    found = [(answer, *best) for answer in answers if (best := _best(answer)) is not None]
    if not found or index.tileset is None:
        raise NothingToDoError(f"no photo agrees with any place: no matches to draw in {out}")
    height = len(found) * (_SIDE + _CAPTION + _GAP) - _GAP + 2 * _MARGIN
    sheet = Picture.new("RGB", (3 * _SIDE + 2 * _GAP + 2 * _MARGIN, height), _WHITE)
    reader = ReferenceReader(index.tileset)
    for number, (answer, hit, location) in enumerate(found):
        top = _MARGIN + number * (_SIDE + _CAPTION + _GAP)
        _draw_row(sheet, top, answer, hit, location, reader)
    with atomic.atomic_file(out) as partial:
        sheet.save(partial, "PNG", optimize=True)


def _best(answer: PhotoAnswer) -> tuple[Hit, Location] | None:
    """The answer that is believed, or else the one that most agrees with."""
    best = best_location(answer)
    if best is not None:
        return best
    tried = [(hit, found) for hit in answer.hits if (found := location_of(answer, hit))]
    return max(tried, key=lambda pair: pair[1].inliers, default=None)


def _draw_row(
    sheet: Picture.Image,
    top: int,
    answer: PhotoAnswer,
    hit: Hit,
    location: Location,
    reader: ReferenceReader,
) -> None:
    pixels = read_pixels(Path(answer.query), longest_px=_SIDE)
    view = _view(location, hit, pixels, reader)
    lefts = [_MARGIN + number * (_SIDE + _GAP) for number in range(3)]
    down = top + _CAPTION
    scale = _SIDE / max(location.width, location.height)
    photo = _on_paper(pixels.image, pixels.valid).resize(
        (max(1, round(location.width * scale)), max(1, round(location.height * scale)))
    )
    sheet.paste(photo, (lefts[0], down))
    sheet.paste(_rgb(view.chart), (lefts[1], down))
    sheet.paste(_rgb(_checkered(view)), (lefts[2], down))
    draw = ImageDraw.Draw(sheet)
    colour = _GREEN if location.believable else _RED
    outline = moved(location.corners, view.to_view) + np.array([lefts[1], down])
    draw.line([*map(tuple, outline), tuple(outline[0])], fill=colour, width=3)
    _draw_matches(draw, location, view, scale=scale, left=lefts[0], right=lefts[1], down=down)
    captions = (Path(answer.query).name, f"{hit.place}, {hit.date}", _told(location))
    for left, text, ink in zip(lefts, captions, (_INK, _INK, colour), strict=True):
        draw.text((left, top), text, ink, font_size=17)


def _told(location: Location) -> str:
    if not location.believable:
        return f"not believed: {location.doubt}"
    return f"{location.kind}, {location.inliers} matches agree, RMSE {location.rmse_m:.2f} m"


def _draw_matches(
    draw: ImageDraw.ImageDraw,
    location: Location,
    view: LaidPhoto,
    *,
    scale: float,
    left: int,
    right: int,
    down: int,
) -> None:
    """Lines between photo and map, at most `_MOST_LINES`; thin ones for pairs that disagree."""
    shift_own, shift_theirs = np.array([left, down]), np.array([right, down])
    others = location.others.evenly(_MOST_OTHERS)
    for start, end in zip(
        others.photo * scale + shift_own,
        moved(others.map, view.to_view).clip(0, _SIDE) + shift_theirs,
        strict=True,
    ):
        draw.line([tuple(start), tuple(end)], fill=_RED, width=1)
    points = location.points.evenly(_MOST_LINES)
    own = points.photo * scale + shift_own
    theirs = moved(points.map, view.to_view) + shift_theirs
    for number, (start, end) in enumerate(zip(own, theirs, strict=True)):
        hue = _LINE_HUES[number % len(_LINE_HUES)]
        draw.line([tuple(start), tuple(end)], fill=hue, width=1)
        for x, y in (start, end):
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=hue, width=2)


def _view(location: Location, hit: Hit, pixels: PhotoPixels, reader: ReferenceReader) -> LaidPhoto:
    """The photo on the map, or around its tile where the fit is absurd."""
    own = location.resized(width=pixels.valid.shape[1], height=pixels.valid.shape[0])
    lost = not location.believable and is_absurd(own.corners, tile=hit.bounds)
    left, bottom, right, top = hit.bounds
    return lay(
        pixels.image, pixels.valid, own.matrix,
        window=window_around(np.array([[left, bottom], [right, top]]) if lost else own.corners),
        reader=reader, date=hit.date, side_px=_SIDE,
    )  # fmt: skip


def _checkered(view: LaidPhoto) -> Image:
    """Photo and map in turn, square by square."""
    rows, cols = np.indices(view.seen.shape) * _SQUARES // _SIDE
    from_photo = view.seen & ((rows + cols) % 2 == 0)
    result: Image = np.where(from_photo, view.photo, view.chart)
    return result


def _on_paper(image: Image, valid: Valid) -> Picture.Image:
    pixels = image.copy()
    pixels[:, ~valid] = np.array(PAPER, np.uint8)[:, None]
    return _rgb(pixels)


def _rgb(image: Image) -> Picture.Image:
    return Picture.fromarray(np.ascontiguousarray(np.moveaxis(image, 0, -1)))
