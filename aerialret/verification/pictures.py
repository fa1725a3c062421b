"""Pictures to match: a photo, a reference and a guess go in, two pictures on one grid come out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.pose import Matrix, corners, inverse, moved, shift_scale
from aerialret.verification.reference import Reference
from aerialret.verification.transform import is_sound
from aerialret.verification.warp import warped

_MARGIN = 0.15  # of the photo's sides, of map around it that is matched with it
_LEAST_MARGIN_PX = 24
_LARGEST_GRID_PX = 1536
_GRID_STEP_PX = 32  # strides of networks divide it


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture that is matched.

    Attributes:
        image: uint8 [3, height, width].
        valid: bool [height, width], where it has an image.
        back: From its pixels to those of the original.
    """

    image: Image
    valid: Valid
    back: Matrix


def reduced(photo: Picture, whole: Picture) -> tuple[Picture, Picture]:
    """The photo with no more pixels than the mosaic has: it hardly shows more than that."""
    height, width = photo.valid.shape
    scale = max(whole.valid.shape) / max(height, width)
    if scale >= 1:
        return photo, whole
    matrix = shift_scale(scale=scale)
    image, valid = warped(
        photo.image, photo.valid, matrix, width=round(width * scale), height=round(height * scale)
    )
    return Picture(image=image, valid=valid, back=inverse(matrix)), whole


def on_one_grid(
    photo: Picture, reference: Reference, guess: Matrix
) -> tuple[Picture, Picture] | None:
    """Photo and reference on one grid around the photo, as fine as the coarser of the two."""
    height, width = photo.valid.shape
    outline = moved(corners(width=width, height=height), guess)
    window = _window(outline, reference)
    if window is None or not is_sound(guess, width=width, height=height):
        return None
    left, top, right, bottom = window
    area = abs(np.linalg.det(guess[:2, :2]))
    step = max(1.0, float(np.sqrt(area)), max(right - left, bottom - top) / _LARGEST_GRID_PX)
    cols, rows = (
        _GRID_STEP_PX * max(1, round(side / step / _GRID_STEP_PX))
        for side in (right - left, bottom - top)
    )
    onto = shift_scale(scale=1 / step) @ shift_scale(x=-left, y=-top)
    pictures = []
    for image, valid, matrix in (
        (photo.image, photo.valid, onto @ guess),
        (reference.image, reference.valid, onto),
    ):
        seen = warped(image, valid, matrix, width=cols, height=rows)
        pictures.append(Picture(image=seen[0], valid=seen[1], back=inverse(matrix)))
    return pictures[0], pictures[1]


def on_fixed_grid(
    photo: Picture, reference: Reference, guess: Matrix, *, side_px: int, margin: float
) -> tuple[Picture, Picture] | None:
    """Photo and reference on one grid on which the photo's longest side has `side_px` pixels.

    Or fewer, where the reference has fewer. None where the guess is no place for a photo.

    Args:
        photo: As it is.
        reference: What it is laid on.
        guess: From the photo to the reference.
        side_px: Of the photo.
        margin: Of that side, of map around the photo.
    """
    height, width = photo.valid.shape
    if not is_sound(guess, width=width, height=height):
        return None
    outline = moved(corners(width=width, height=height), guess)
    longest = float(np.linalg.norm(np.diff(outline[:3], axis=0), axis=1).max())
    scale = min(1.0, side_px / longest)
    low, high = outline.min(axis=0) - margin * longest, outline.max(axis=0) + margin * longest
    if (high <= 0).any() or (low >= reference.valid.shape[::-1]).any():
        return None
    cols, rows = (int(side) for side in np.ceil((high - low) * scale))
    onto = shift_scale(scale=scale) @ shift_scale(x=-low[0], y=-low[1])
    own = warped(photo.image, photo.valid, onto @ guess, width=cols, height=rows)
    theirs = warped(reference.image, reference.valid, onto, width=cols, height=rows)
    return (
        Picture(image=own[0], valid=own[1], back=inverse(onto @ guess)),
        Picture(image=theirs[0], valid=theirs[1], back=inverse(onto)),
    )


def _window(outline: NDArray[np.float64], reference: Reference) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is matched of the reference; None for nothing."""
    height, width = reference.valid.shape
    low, high = outline.min(axis=0), outline.max(axis=0)
    margin = np.maximum(_MARGIN * (high - low), _LEAST_MARGIN_PX)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.minimum(np.ceil(high + margin), [width, height]).astype(int)
    if right - left < _GRID_STEP_PX or bottom - top < _GRID_STEP_PX:
        return None
    return int(left), int(top), int(right), int(bottom)
