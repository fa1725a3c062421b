"""Pictures for people: a tile's arrays go in, small RGB pictures come out."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.palette import BACKGROUND, NO_COVERAGE, colour_table

PAPER = (236, 238, 240)
"""Drawn where a mask has no class, and where an orthophoto has no image."""

_HATCH = (214, 218, 222)
_HATCH_PERIOD = 8


def tile_picture(image: Image, valid: Valid, *, side_px: int) -> Picture.Image:
    """The tile's image; paper where there is none."""
    pixels = np.moveaxis(image, 0, -1).copy()
    pixels[~valid] = PAPER
    return _resized(Picture.fromarray(pixels), side_px, Picture.Resampling.BICUBIC)


def mask_picture(mask: Mask, *, side_px: int) -> Picture.Image:
    """The mask in the colours of its classes; paper is background, hatched paper no coverage."""
    pixels = colour_table()[mask]
    pixels[mask == BACKGROUND] = PAPER
    pixels[mask == NO_COVERAGE] = _hatched(mask.shape)[mask == NO_COVERAGE]
    return _resized(Picture.fromarray(pixels), side_px, Picture.Resampling.NEAREST)


def has_mask(mask: Mask) -> bool:
    """Whether any pixel lies inside the vector coverage."""
    return bool((mask != NO_COVERAGE).any())


def jpeg_uri(picture: Picture.Image, *, quality: int = 82) -> str:
    """The picture as a data URI, for photographs."""
    return _uri(picture, "JPEG", quality=quality)


def png_uri(picture: Picture.Image) -> str:
    """The picture as a data URI, for flat colours."""
    return _uri(picture.quantize(32), "PNG", optimize=True)


def _resized(picture: Picture.Image, side_px: int, enlarging: Picture.Resampling) -> Picture.Image:
    filter_ = Picture.Resampling.BOX if side_px < picture.width else enlarging
    return picture.resize((side_px, side_px), filter_)


def _hatched(shape: tuple[int, ...]) -> NDArray[np.uint8]:
    rows, cols = np.indices(shape)
    stripe = (rows + cols) % _HATCH_PERIOD < _HATCH_PERIOD // 2
    return np.where(stripe[..., None], np.array(_HATCH, np.uint8), np.array(PAPER, np.uint8))


def _uri(picture: Picture.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{encoded}"
