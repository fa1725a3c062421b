"""Thumbnails: a photo's pixels go in, a small JPEG comes out."""

import io

import numpy as np
from PIL import Image as Picture

from aerialret.querying.photo_pixels import PhotoPixels

LONGEST_PX = 256

_QUALITY = 80
_PAPER = 255


def thumbnail(pixels: PhotoPixels) -> bytes:
    """The photo as JPEG, its longer side at most `LONGEST_PX`; white where it has no image."""
    shown = np.where(pixels.valid, pixels.image, np.uint8(_PAPER))
    picture = Picture.fromarray(np.ascontiguousarray(np.moveaxis(shown, 0, -1)))
    picture.thumbnail((LONGEST_PX, LONGEST_PX), Picture.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY, optimize=True)
    return buffer.getvalue()
