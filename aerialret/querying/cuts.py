"""Cuts: what a photo shows and how many squares it may be cut into go in, the squares come out.

Coordinates are pixels of the photo's file, (0, 0) the upper left corner of its first pixel.
"""

import math
from dataclasses import dataclass

MOST_CUTS = 16

_CUTS_BY_ITSELF = 9
_LARGER = 1.5  # a photo whose longer side is this many squares is cut
_STEP = 2 / 3  # of a square's side, from one square to the next: they overlap by a third


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """An upright rectangle of a photo, half-open.

    Attributes:
        left: Its first column.
        top: Its first row.
        right: The column after its last.
        bottom: The row after its last.
    """

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def side(self) -> int:
        """Its shorter side."""
        return min(self.width, self.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A square of a photo.

    Attributes:
        left: Its first column.
        top: Its first row.
        side: In pixels.
    """

    left: int
    top: int
    side: int

    @property
    def centre(self) -> tuple[float, float]:
        """Column and row of its centre."""
        return self.left + self.side / 2, self.top + self.side / 2


def centre_square(box: Box, *, side: int | None = None) -> Square:
    """The square in the middle of `box`, as large as it can be where no `side` is given."""
    side = box.side if side is None else min(side, box.side)
    return Square(
        left=box.left + (box.width - side) // 2, top=box.top + (box.height - side) // 2, side=side
    )


def cut_squares(
    box: Box, *, side: int | None, most: int, whole: bool = False
) -> tuple[Square, ...]:
    """The squares that a photo is cut into: the one in its middle first, then row by row.

    Where the ground resolution is known, and with it the squares' side, a photo is cut that is
    clearly larger. Where it is not, more pixels may be more ground or finer ground, so that only
    the middle is searched unless cuts are asked for.

    Args:
        box: What may be cut.
        side: Of a square, in pixels; None where it is not known.
        most: Squares at most, the middle one included; 0: as many as help.
        whole: Whether a photo that is hardly larger than a square is one.
    """
    middle = centre_square(box, side=side)
    larger = side is not None and max(box.width, box.height) >= _LARGER * side
    if most == 1 or (most == 0 and not larger):
        return (centre_square(box) if whole and not larger else middle,)
    most = most or _CUTS_BY_ITSELF
    if side is None:
        side = max(1, math.ceil(box.side / (1 + _STEP * (math.isqrt(most) - 1))))
        middle = centre_square(box, side=side)
    cols, rows = _counts(box, middle.side, most)
    squares = [
        Square(left=left, top=top, side=middle.side)
        for top in _starts(box.top, box.height, middle.side, rows)
        for left in _starts(box.left, box.width, middle.side, cols)
    ]
    return (middle, *(square for square in squares if not _same(square, middle)))[:most]


def _counts(box: Box, side: int, most: int) -> tuple[int, int]:
    """Columns and rows of squares."""
    cols, rows = (
        math.ceil((length - side) / (_STEP * side)) + 1 for length in (box.width, box.height)
    )
    while _total(cols, rows) > most:
        cols, rows = (cols - 1, rows) if cols >= rows else (cols, rows - 1)
    return cols, rows


def _total(cols: int, rows: int) -> int:
    """Squares with that in the middle, which is one of them where both are odd."""
    return cols * rows + (cols % 2 == 0 or rows % 2 == 0)


def _starts(start: int, length: int, side: int, count: int) -> list[int]:
    room = length - side
    return [
        start + (room // 2 if count == 1 else round(room * k / (count - 1))) for k in range(count)
    ]


def _same(first: Square, second: Square) -> bool:
    return abs(first.left - second.left) <= 1 and abs(first.top - second.top) <= 1
