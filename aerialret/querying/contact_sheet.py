"""The contact sheet: answers go in, one picture with each photo beside its answers comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image as Picture
from PIL import ImageDraw, ImageFont

from aerialret import atomic
from aerialret.errors import NothingToDoError
from aerialret.querying.pictures import PAPER, has_mask, mask_picture, tile_picture
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import TileBatch

_WHITE, _INK, _GREY, _GREEN = (255, 255, 255), (28, 32, 36), (110, 118, 126), (22, 140, 72)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Sizes in pixels."""

    thumbnail: int = 224
    margin: int = 32
    gap: int = 18
    photo_gap: int = 52
    caption: int = 54
    row_gap: int = 26
    header: int = 32
    frame: int = 6
    inset: int = 76

    def row_y(self, number: int) -> int:
        return self.margin + self.header + number * (self.thumbnail + self.caption + self.row_gap)

    def height(self, rows: int) -> int:
        return self.row_y(rows) - self.row_gap + self.margin

    def width(self, answers: int) -> int:
        side = self.thumbnail
        return 2 * self.margin + side + self.photo_gap + answers * (side + self.gap) - self.gap

    def answer_x(self, number: int) -> int:
        return self.margin + self.thumbnail + self.photo_gap + number * (self.thumbnail + self.gap)


_LAYOUT = _Layout()


def contact_sheet(answers: Sequence[PhotoAnswer], index: Index, out: Path) -> None:
    """Writes a PNG with a row for each photo: the photo, then its answers with rank and score.

    A green frame marks the answer that holds the centre of a georeferenced photo. Answers are
    drawn from the tile set that the index was built from, as long as it is there.

    Raises:
        NothingToDoError: There is no answer to draw.
    """
    if not answers:
        raise NothingToDoError(f"no answers to draw in {out}")
    columns = max(len(answer.hits) for answer in answers)
    sheet = Picture.new("RGB", (_LAYOUT.width(columns), _LAYOUT.height(len(answers))), _WHITE)
    _draw_header(sheet, answers)
    for number, answer in enumerate(answers):
        _draw_row(sheet, _LAYOUT.row_y(number), answer, index)
    with atomic.atomic_file(out) as partial:
        sheet.save(partial, "PNG", optimize=True)


def _draw_header(sheet: Picture.Image, answers: Sequence[PhotoAnswer]) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((_LAYOUT.margin, _LAYOUT.margin), "Photo", _GREY, _font(15))
    draw.text((_LAYOUT.answer_x(0), _LAYOUT.margin), _title(answers), _GREY, _font(15))


def _title(answers: Sequence[PhotoAnswer]) -> str:
    located = [answer for answer in answers if answer.photo.true_tile is not None]
    if not located:
        return "Best answers"
    framed = any(hit.tile == answer.photo.true_tile for answer in located for hit in answer.hits)
    if framed:
        return "Best answers, the right place framed in green"
    return "Best answers; the right place is not among them"


def _draw_row(sheet: Picture.Image, y: int, answer: PhotoAnswer, index: Index) -> None:
    draw = ImageDraw.Draw(sheet)
    photo = answer.photo
    _paste(
        sheet,
        (_LAYOUT.margin, y),
        TileBatch(photo.image[None], photo.mask[None], photo.valid[None]),
    )
    _caption(draw, _LAYOUT.margin, y, Path(answer.query).name, f"by {_spoken(answer.modality)}")
    for number, hit in enumerate(answer.hits):
        _draw_hit(sheet, (_LAYOUT.answer_x(number), y), hit, answer, index)


def _draw_hit(
    sheet: Picture.Image, at: tuple[int, int], hit: Hit, answer: PhotoAnswer, index: Index
) -> None:
    draw = ImageDraw.Draw(sheet)
    right = hit.tile == answer.photo.true_tile
    _paste(sheet, at, _pixels(index, hit.date, hit.tile))
    if right:
        x, y = at
        side, frame = _LAYOUT.thumbnail, _LAYOUT.frame
        box = (x - frame, y - frame, x + side + frame - 1, y + side + frame - 1)
        draw.rectangle(box, outline=_GREEN, width=frame)
    colour = _GREEN if right else _INK
    title = f"{hit.rank}   {hit.place}"
    _caption(draw, *at, title, f"{hit.date}   score {hit.score:.3f}", colour=colour)


def _paste(sheet: Picture.Image, at: tuple[int, int], pixels: TileBatch | None) -> None:
    """Draws a tile with its mask, if it has one, in the lower right corner."""
    side, inset = _LAYOUT.thumbnail, _LAYOUT.inset
    if pixels is None:
        sheet.paste(PAPER, (at[0], at[1], at[0] + side, at[1] + side))
        return
    sheet.paste(tile_picture(pixels.images[0], pixels.valid[0], side_px=side), at)
    if has_mask(pixels.masks[0]):
        corner = at[0] + side - inset, at[1] + side - inset
        sheet.paste(_WHITE, (corner[0] - 3, corner[1] - 3, at[0] + side, at[1] + side))
        sheet.paste(mask_picture(pixels.masks[0], side_px=inset), corner)


def _caption(
    draw: ImageDraw.ImageDraw,
    x: int,
    y: int,
    title: str,
    detail: str,
    *,
    colour: tuple[int, int, int] = _INK,
) -> None:
    below = y + _LAYOUT.thumbnail + _LAYOUT.frame + 5
    draw.text((x, below), _fitted(title, _font(16, bold=True)), colour, _font(16, bold=True))
    draw.text((x, below + 22), _fitted(detail, _font(15)), _GREY, _font(15))


def _spoken(modality: str) -> str:
    return {"image+mask": "image and mask", "image": "image alone", "mask": "mask alone"}[modality]


def _pixels(index: Index, date: str, tile: TileId) -> TileBatch | None:
    tileset = index.tileset
    if tileset is None or date not in tileset.dates:
        return None
    return tileset.read(date, [tile])


def _fitted(text: str, font: ImageFont.FreeTypeFont) -> str:
    """`text`, cut with an ellipsis where it is wider than a thumbnail."""
    if font.getlength(text) <= _LAYOUT.thumbnail:
        return text
    while text and font.getlength(text + "…") > _LAYOUT.thumbnail:
        text = text[:-1]
    return text + "…"


@lru_cache
def _font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which matplotlib ships."""
    import matplotlib

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", name), size)
