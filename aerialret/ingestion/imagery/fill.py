"""Fill of orthophotos that declare no nodata: a sample goes in, the pixels that are no image out.

Mosaics are cut at a border, and what lies beyond is pure black or pure white. Without a declared
nodata value the only trace is its size: such pixels are fill where they hang together over one
hectare and make up more than a fifth of the rectangle.

Lossy compression leaves a fringe along the border: measured, up to 2 levels in JPEG2000 and 13 in
JPEG, some 16 pixels wide; further in, fill stays pure. So pure areas are looked for first, and then
grown into the fringe. Nothing else near black or white counts: codecs flatten dark water and snow.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from rasterio.features import rasterize, shapes
from shapely.geometry import shape

from aerialret.ingestion.imagery.sampling import Sample

LEAST_AREA_M2 = 10_000.0
"""Smallest connected area that counts as fill."""

LEAST_SHARE = 0.2
"""Share of the rectangle above which fill is taken out."""

LOSSY_TOLERANCE = 8
"""Levels that lossy compression moves fill by, along its border."""

FRINGE_M = 20.0
"""Width of the border along which it does."""

_EXACT = 2e-3
"""Levels that averages of equal pixels differ by, for arithmetic alone."""


def fill_pixels(
    part: Sample,
    *,
    pixel_area_m2: float,
    tolerance: int = 0,
    least_share: float = LEAST_SHARE,
    rim_px: int = 0,
) -> NDArray[np.bool_]:
    """Where 8-bit pixels are fill and no image, as bool [height, width].

    Args:
        part: Values from 0 to 255, not stretched.
        pixel_area_m2: Area of a pixel.
        tolerance: Levels that compression moves fill by; 0 for files that keep every pixel,
            `LOSSY_TOLERANCE` for others.
        least_share: Share of the rectangle above which fill is taken out; 0 where another file
            shows the ground beneath.
        rim_px: Pixels along the fill that go with it; 1 where pixels are averages of smaller ones,
            as those on the border mix image and fill.
    """
    away = _levels_from_extreme(part)
    pure = away <= _EXACT
    if pure.mean() <= least_share or not pure.any():
        return np.zeros_like(pure)
    fill = _large_areas(pure, least_px=LEAST_AREA_M2 / pixel_area_m2)
    if fill.mean() <= least_share:
        return np.zeros_like(pure)
    if tolerance:
        fill = _with_fringe(fill, away <= tolerance, pixel_area_m2)
    for _ in range(rim_px):
        fill = _around(fill, np.any)
    return fill


def _levels_from_extreme(part: Sample) -> NDArray[np.float32]:
    """How far the furthest band of a pixel is from black or white; infinite outside the file."""
    means = part.means()
    away = np.minimum(means.max(axis=0), (255 - means).max(axis=0))
    levels: NDArray[np.float32] = np.where(part.weights > 1e-4, away, np.float32(np.inf))
    return levels


def _large_areas(mask: NDArray[np.bool_], *, least_px: float) -> NDArray[np.bool_]:
    """The pixels of `mask` that hang together by their sides over `least_px` pixels or more."""
    # Not rasterio's sieve: it leaves small areas alone where all areas around are small too.
    areas = [area for area, _ in shapes(mask.astype(np.uint8), mask=mask, connectivity=4)]
    polygons = [polygon for polygon in map(shape, areas) if polygon.area >= least_px - 1e-6]
    if not polygons:
        return np.zeros_like(mask)
    drawn: NDArray[np.uint8] = rasterize(polygons, out_shape=mask.shape, dtype="uint8")
    return drawn.astype(bool)


def _with_fringe(
    fill: NDArray[np.bool_], near: NDArray[np.bool_], pixel_area_m2: float
) -> NDArray[np.bool_]:
    """`fill` with the pixels of `near` along it, and with the specks in them."""
    for _ in range(max(1, round(FRINGE_M / pixel_area_m2**0.5))):
        grown = fill | (_around(fill, np.any) & near)
        if np.array_equal(grown, fill):
            break
        fill = grown
    return fill | _around(_around(fill, np.any), np.all)


def _around(mask: NDArray[np.bool_], rule: Callable[..., NDArray[np.bool_]]) -> NDArray[np.bool_]:
    """Where `rule` (any, all) holds of a pixel and the eight around it."""
    windows = sliding_window_view(np.pad(mask, 1, mode="edge"), (3, 3))
    result: NDArray[np.bool_] = rule(windows, axis=(-2, -1))
    return result
