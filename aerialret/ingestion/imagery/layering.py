"""Files on each other: what each shows goes in, one picture comes out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.imagery.fill import LEAST_SHARE, LOSSY_TOLERANCE, fill_pixels
from aerialret.ingestion.imagery.reduced_file import ReducedFile
from aerialret.ingestion.imagery.sampling import Sample
from aerialret.ingestion.imagery.source_window import Target, source_pixels_per_pixel
from aerialret.tiles.arrays import Image, Valid

LEAST_WEIGHT = 0.5 - 1e-4
"""A pixel is valid when at least half of its area is image."""

FULL = 1 - 1e-6
"""Weight of a pixel that is image all over."""


class Part(NamedTuple):
    """What one file shows of a rectangle.

    Attributes:
        sample: Values from 0 (black) to 255 (white), and weights.
        has_fill: Whether areas of pure black or white were taken for no image.
    """

    sample: Sample
    has_fill: bool


def without_fill(part: Sample, target: Target, picture: ReducedFile, *, others_below: bool) -> Part:
    """`part` without the pure black or white that lies beyond a mosaic's border.

    Where files below show the ground, even a little fill hides it.
    """
    height, width = target.shape
    averaged = source_pixels_per_pixel(picture.file, target) > 1 + 1e-6
    fill = fill_pixels(
        part,
        pixel_area_m2=target.bounds.width * target.bounds.height / (height * width),
        tolerance=LOSSY_TOLERANCE if picture.file.is_lossy else 0,
        least_share=0.0 if others_below else LEAST_SHARE,
        rim_px=int(averaged),
    )
    if not fill.any():
        return Part(part, False)
    return Part(Sample(part.values * ~fill, part.weights * ~fill), True)


def as_image(values: NDArray[np.float32], weights: NDArray[np.float32]) -> tuple[Image, Valid]:
    """Red, green, blue of values and their weights, and where there is an image."""
    valid: Valid = weights >= LEAST_WEIGHT
    if weights.min() >= FULL:
        means = values / weights
    else:
        means = np.divide(values, weights, out=np.zeros_like(values), where=valid)
    image = np.floor(means + np.float32(0.5)).astype(np.uint8)
    return (np.repeat(image, 3, axis=0) if len(image) == 1 else image), valid


def lay_under(part: Sample, *, values: NDArray[np.float32], weights: NDArray[np.float32]) -> None:
    """Adds what `part` shows of the area that is still free."""
    taken = np.minimum(part.weights, 1 - weights)
    values += part.means() * taken
    weights += taken
