"""Placement: an answer and one of its hits go in, how the photo is laid on the map comes out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aerialret.errors import AerialretError
from aerialret.querying.laid_photo import is_absurd
from aerialret.querying.located import location_of
from aerialret.querying.photo_pixels import PhotoPixels, read_pixels
from aerialret.querying.query import PhotoAnswer
from aerialret.querying.verify import on_the_ground, start_of
from aerialret.retrieval.search import Hit
from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.pose import Matrix, Pose, as_square, corners, moved

_LONGEST_PX = 1024  # of a photo that is laid on the map: more than a page shows

BY_POINTS = "laid on the map by its control points"
BY_SEARCH = "laid on the map where the search saw it; the matches below are not believed"
UNTRIED = "laid on the map where the search saw it; no matches agree, or none were looked for"
SEARCHED = "laid on the map where the search saw it; not verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A photo on the map.

    Attributes:
        image: uint8 [3, h, w], the photo as it is.
        valid: bool [h, w], where it shows the ground.
        matrix: float64 [3, 3], from its pixels to the map.
        how: What tells so, in words.
    """

    image: Image
    valid: Valid
    matrix: Matrix
    how: str

    @property
    def outline(self) -> NDArray[np.float64]:
        """The photo's corners on the map: float64 [4, 2]."""
        return moved(corners(width=self.valid.shape[1], height=self.valid.shape[0]), self.matrix)


def photo_pixels(answer: PhotoAnswer) -> PhotoPixels:
    """The photo's own pixels, reduced, a frame marked; the searched tile where its file is gone."""
    try:
        pixels = read_pixels(Path(answer.query), longest_px=_LONGEST_PX)
        return on_the_ground(pixels, answer.photo)
    except AerialretError:
        photo = answer.photo
        height, width = photo.valid.shape
        return PhotoPixels(image=photo.image, valid=photo.valid, width=width, height=height)


def placement_of(answer: PhotoAnswer, hit: Hit, pixels: PhotoPixels) -> Placement | None:
    """How `hit` lays the photo on the map; None where it tells the tile alone.

    By its control points where they are believed, else where the search saw it.
    """
    location = location_of(answer, hit)
    if location is not None and location.believable:
        own = location.resized(width=pixels.valid.shape[1], height=pixels.valid.shape[0])
        return Placement(image=pixels.image, valid=pixels.valid, matrix=own.matrix, how=BY_POINTS)
    how = SEARCHED if answer.locations is None else UNTRIED if location is None else BY_SEARCH
    found = _as_searched(answer, hit, pixels, how)
    if found is None or is_absurd(found.outline, tile=hit.bounds):
        return None
    return found


def _as_searched(answer: PhotoAnswer, hit: Hit, pixels: PhotoPixels, how: str) -> Placement | None:
    if hit.side_m is None:
        return None
    if answer.photo.window is not None:  # the search saw this window, north up as it lies
        image, valid = answer.photo.image, answer.photo.valid
        pose: Pose | None = Pose(
            x=hit.x, y=hit.y, rotation_deg=answer.turns_deg[hit.rank - 1],
            metres_per_px=hit.side_m / valid.shape[0],
        )  # fmt: skip
    else:
        image, valid = pixels.image, pixels.valid
        pose = start_of(answer, hit.rank - 1, pixels)
    if pose is None:
        return None
    matrix = as_square(pose.to_map(width=valid.shape[1], height=valid.shape[0]))
    return Placement(image=image, valid=valid, matrix=matrix, how=how)
