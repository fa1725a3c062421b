"""Pictures inside a page: a picture goes in, a data URI comes out, alike for like pictures."""

import base64
import io

import numpy as np
from PIL import Image as Picture

from aerialret.tiles.arrays import Image, Valid


def jpeg_uri(picture: Picture.Image, *, quality: int = 82) -> str:
    """The picture as a data URI, for photographs."""
    return _uri(picture, "JPEG", quality=quality)


def png_uri(picture: Picture.Image) -> str:
    """The picture as a data URI, for flat colours."""
    return _uri(picture.quantize(32), "PNG", optimize=True)


def webp_uri(image: Image, valid: Valid, *, quality: int = 76) -> str:
    """A photograph as a data URI, transparent where it has no image.

    Args:
        image: uint8 [3, h, w].
        valid: bool [h, w].
        quality: 0 to 100.
    """
    colours = np.moveaxis(np.where(valid, image, 0), 0, -1)
    if valid.all():
        return _uri(Picture.fromarray(np.ascontiguousarray(colours)), "WEBP", quality=quality)
    opaque = np.where(valid, np.uint8(255), np.uint8(0))[..., None]
    pixels = np.ascontiguousarray(np.concatenate([colours, opaque], axis=-1))
    return _uri(Picture.fromarray(pixels), "WEBP", quality=quality)


def _uri(picture: Picture.Image, kind: str, **options: object) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/{kind.lower()};base64,{encoded}"
