"""What a scan shows: a picture and perhaps a border cut by hand go in, the part with ground out."""

import re
from dataclasses import dataclass

import cv2
import numpy as np

from aerialret.errors import ConfigurationError
from aerialret.querying.cuts import Box
from aerialret.querying.frame import find_content, upright_box
from aerialret.tiles.arrays import Image, Valid

AUTO = "auto"
"""The border that is found rather than given."""

_BORDER = re.compile(r"(\d+(?:\.\d+)?)\s*(px|%)?", re.IGNORECASE)
_LARGEST_PERCENT = 45.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The part of a photo that shows the ground.

    Attributes:
        mask: bool [h, w], true where it does, perhaps reduced; None where it does everywhere.
        box: The largest upright part of it, in pixels of the file.
    """

    mask: Valid | None
    box: Box

    def at(self, *, shape: tuple[int, int]) -> Valid:
        """The mask of the whole photo at another size: bool [*shape]."""
        if self.mask is None:
            return np.ones(shape, bool)
        size = (shape[1], shape[0])
        codes = cv2.resize(self.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(codes, bool)


@dataclass(frozen=True, slots=True)
class Border:
    """What is cut off on each side: pixels of the file, or a share of its shorter side."""

    pixels: float = 0.0
    share: float = 0.0

    def of(self, *, width: int, height: int) -> int:
        """In pixels of a photo of this size."""
        return round(self.pixels + self.share * min(width, height))


def parse_border(text: str) -> Border | None:
    """The border that `text` names: "40" pixels or "5%"; None for "auto".

    Raises:
        ConfigurationError: It is neither, or leaves nothing.
    """
    if text == AUTO:
        return None
    found = _BORDER.fullmatch(text.strip())
    if found is None:
        raise ConfigurationError(
            f"border {text!r} is no width; give pixels as 40, a share of the shorter side as 5%, "
            f"0 for none, or {AUTO!r} to look for a frame"
        )
    value = float(found[1])
    if found[2] != "%":
        return Border(pixels=value)
    if value > _LARGEST_PERCENT:
        raise ConfigurationError(
            f"border {text!r} leaves nothing to look at; give at most {_LARGEST_PERCENT:g}%"
        )
    return Border(share=value / 100)


def content_of(image: Image, *, width: int, height: int, border: Border | None) -> Content:
    """Where a photo shows the ground.

    Args:
        image: uint8 [3, h, w], the whole photo, perhaps reduced.
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        border: What is cut off; None where a frame is to be looked for.

    Raises:
        ConfigurationError: The border leaves nothing.
    """
    whole = Box(left=0, top=0, right=width, bottom=height)
    if border is None:
        mask = find_content(image)
        return Content(mask=mask, box=whole if mask is None else _box(mask, whole))
    cut = border.of(width=width, height=height)
    if 2 * cut >= min(width, height):
        raise ConfigurationError(
            f"a border of {cut} px on each side leaves nothing of {width} x {height} px; give less"
        )
    box = Box(left=cut, top=cut, right=width - cut, bottom=height - cut)
    return Content(mask=_inside(box, whole, image.shape[1:]) if cut else None, box=box)


def _box(mask: Valid, whole: Box) -> Box:
    """The upright box of a reduced mask, in pixels of the file."""
    top, left, bottom, right = upright_box(mask)
    down, across = whole.height / mask.shape[0], whole.width / mask.shape[1]
    return Box(
        left=int(np.ceil(left * across)), top=int(np.ceil(top * down)),
        right=int(right * across), bottom=int(bottom * down),
    )  # fmt: skip


def _inside(box: Box, whole: Box, shape: tuple[int, ...]) -> Valid:
    """`box` on a reduced picture of the file: bool [*shape]; pixels cut by its edge are outside."""
    down, across = shape[0] / whole.height, shape[1] / whole.width
    mask = np.zeros(shape, bool)
    rows = slice(int(np.ceil(box.top * down)), int(box.bottom * down))
    mask[rows, int(np.ceil(box.left * across)) : int(box.right * across)] = True
    return mask
