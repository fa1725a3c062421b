"""The laid photo: a photo and its place go in; it and the map, cut to one window, come out."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.pages.data_uris import webp_uri
from aerialret.pages.swipe import Outline, Swipe, polygon_points
from aerialret.querying.pictures import PAPER
from aerialret.tiles.arrays import Image, Valid
from aerialret.tiles.grid import Bounds
from aerialret.verification.pose import Matrix, corners, moved, moved_with_jacobian
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.warp import warped

AROUND = 0.15
"""Of the photo's extent: the map that is shown around it."""

_ABSURD = (0.1, 4.0)  # sides of a photo's extent, in sides of a tile
_SMALLEST_PX = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidPhoto:
    """A square window of the map: its picture, and the photo in it.

    Attributes:
        window: The ground, square.
        to_view: float64 [3, 3], from the map to the pictures' pixels.
        chart: uint8 [3, side, side], paper where the map has no image.
        photo: uint8 [3, side, side].
        seen: bool [side, side], where the photo is.
        outline: float64 [4, 2], the photo's corners in pixels, from its upper left on.
    """

    window: Bounds
    to_view: Matrix
    chart: Image
    photo: Image
    seen: Valid
    outline: NDArray[np.float64]

    @property
    def side_px(self) -> int:
        """Of both pictures."""
        return int(self.seen.shape[0])


def lay(
    image: Image,
    valid: Valid,
    matrix: Matrix,
    *,
    window: Bounds,
    reader: ReferenceReader,
    date: str,
    side_px: int,
) -> LaidPhoto:
    """The photo on the map, both north up in `window`.

    Args:
        image: uint8 [3, h, w], the photo as it is.
        valid: bool [h, w], where it has an image.
        matrix: float64 [3, 3], from its pixels to the map.
        window: A square of ground.
        reader: Reads the map.
        date: Of the map.
        side_px: Of the pictures.
    """
    to_view = to_view_of(window, side_px=side_px)
    chart = chart_of(window, reader=reader, date=date, side_px=side_px)
    photo, seen = warped(image, valid, to_view @ matrix, width=side_px, height=side_px)
    outline = moved(corners(width=valid.shape[1], height=valid.shape[0]), to_view @ matrix)
    return LaidPhoto(
        window=window, to_view=to_view, chart=chart, photo=photo, seen=seen, outline=outline
    )


def chart_of(window: Bounds, *, reader: ReferenceReader, date: str, side_px: int) -> Image:
    """The map in a square window: uint8 [3, side, side], paper where it has no image."""
    reference = reader.around(window, date=date, margin_m=0)
    onto = to_view_of(window, side_px=side_px) @ reference.to_map
    chart, there = warped(reference.image, reference.valid, onto, width=side_px, height=side_px)
    chart[:, ~there] = np.array(PAPER, np.uint8)[:, None]
    return chart


def to_view_of(window: Bounds, *, side_px: int) -> Matrix:
    """From the map to the pixels of a picture of the square `window`: float64 [3, 3]."""
    step = window.width / side_px
    return np.array(
        [[1 / step, 0, -window.left / step], [0, -1 / step, window.top / step], [0, 0, 1.0]]
    )


def window_around(*outlines: NDArray[np.float64]) -> Bounds:
    """The square of ground with some map around all of `outlines` (float64 [n, 2], x and y)."""
    points = np.concatenate(outlines)
    low, high = points.min(axis=0), points.max(axis=0)
    side_m = float((high - low).max()) * (1 + 2 * AROUND)
    left, top = (low + high)[0] / 2 - side_m / 2, (low + high)[1] / 2 + side_m / 2
    return Bounds(float(left), float(top) - side_m, float(left) + side_m, float(top))


def is_absurd(outline: NDArray[np.float64], *, tile: Bounds) -> bool:
    """Whether a photo of this outline is too narrow or too large to be shown around its tile."""
    sides = (outline.max(axis=0) - outline.min(axis=0)) / tile.width
    low, high = _ABSURD
    return not (np.isfinite(sides).all() and sides.min() > low and sides.max() < high)


def side_for(window: Bounds, *, finest_m: float, most_px: int) -> int:
    """Pixels of a picture of `window` that shows what there is: no more than `most_px`.

    Args:
        window: A square of ground.
        finest_m: Side of the smallest pixel that is drawn, in metres.
        most_px: Of the picture's side.
    """
    return min(max(math.ceil(window.width / finest_m), min(_SMALLEST_PX, most_px)), most_px)


def metres_per_px(matrix: Matrix, *, width: int, height: int) -> float:
    """Ground resolution at the photo's centre."""
    jacobian = moved_with_jacobian(matrix, width / 2, height / 2)[1]
    return math.sqrt(abs(float(np.linalg.det(jacobian))))


def swipe_of(
    laid: LaidPhoto,
    *,
    name: str,
    crs: str,
    labels: tuple[str, str],
    alts: tuple[str, str],
    own: tuple[str, str] = ("photo", "the photo"),
    outlines: tuple[tuple[str, str, NDArray[np.float64]], ...] = (),
) -> Swipe:
    """The laid photo as a page draws it.

    Args:
        laid: Photo and map.
        name: Its id in the page.
        crs: Of the map.
        labels: Of the map and of the photo.
        alts: What map and photo show.
        own: Look and meaning of the photo's own outline.
        outlines: More to draw: look, meaning, and corners on the map, float64 [n, 2].
    """
    ring = Outline(points=polygon_points(laid.outline), css=own[0], label=own[1])
    more = [
        Outline(points=polygon_points(moved(ring, laid.to_view)), css=css, label=label)
        for css, label, ring in outlines
    ]
    everywhere = np.ones(laid.seen.shape, bool)
    return Swipe(
        name=name, crs=crs, side_px=laid.side_px, side_m=laid.window.width,
        left=laid.window.left, top=laid.window.top,
        chart=webp_uri(laid.chart, everywhere), photo=webp_uri(laid.photo, laid.seen),
        chart_label=labels[0], photo_label=labels[1], chart_alt=alts[0], photo_alt=alts[1],
        outlines=(ring, *more),
    )  # fmt: skip
