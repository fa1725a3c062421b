"""Fill of orthophotos that declare no nodata: a sample goes in, the pixels that are no image out.

Mosaics are cut at a border, and what lies beyond is pure black or pure white. Without a declared
nodata value the only trace is its size: such pixels are fill where they hang together over one
hectare and make up more than a fifth of the rectangle.
"""

import numpy as np
from numpy.typing import NDArray
from rasterio.features import sieve

from aerialret.ingestion.sampling import Sample

LEAST_AREA_M2 = 10_000.0
"""Smallest connected area that counts as fill."""

LEAST_SHARE = 0.2
"""Share of the rectangle above which fill is taken out."""


def fill_pixels(part: Sample, *, pixel_area_m2: float) -> NDArray[np.bool_]:
    """Where 8-bit pixels are fill and no image, as bool [height, width].

    Args:
        part: Values from 0 to 255, not stretched.
        pixel_area_m2: Area of a pixel.
    """
    full = part.weights > 1 - 1e-4
    extreme = (part.values == 0).all(axis=0) | (part.values == 255 * part.weights).all(axis=0)
    candidates = full & extreme
    if candidates.mean() <= LEAST_SHARE:
        return np.zeros_like(candidates)
    least_px = max(1, round(LEAST_AREA_M2 / pixel_area_m2))
    connected = sieve(candidates.astype(np.uint8), size=least_px).astype(bool) & candidates
    return connected if connected.mean() > LEAST_SHARE else np.zeros_like(candidates)
