"""Alignment by intensities: a photo that lies almost right goes in, a closer fit comes out.

Edges, not colours, are compared: between two dates a field turns from dark to bright, but its
outline stays.
"""

from dataclasses import dataclass
from typing import Any

import cv2 as typed_cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.pose import Matrix, as_square, corners, inverse, moved, shift_scale
from aerialret.verification.reference import Reference
from aerialret.verification.transform import Kind, is_sound
from aerialret.verification.warp import centred, warped

cv2: Any = typed_cv2  # its stubs want output arrays

LARGEST_STEP_PX = 8.0
"""A corner that moves farther, in pixels of the reference, was led astray."""

LEAST_GAIN = 0.01
"""How much the correlation must grow."""

LEAST_CORRELATION = 0.2
"""Below it the edges have little in common, and the best place for them is no evidence."""

_BLUR_PX = 1.5
_ITERATIONS, _EPSILON = 100, 1e-5
_LARGEST_GRID_PX = 1024
_LEAST_PIXELS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """A closer fit.

    Attributes:
        matrix: float64 [3, 3], from the photo's pixels to the reference's.
        before: Correlation of the edges before.
        after: And after.
    """

    matrix: Matrix
    before: float
    after: float


def align(
    image: Image, valid: Valid, reference: Reference, start: Matrix, *, kind: Kind = "similarity"
) -> Alignment | None:
    """The fit near `start` at which the edges correlate best; None where none is clearly better.

    The enhanced correlation coefficient (Evangelidis and Psarakis, PAMI 2008) of the gradients'
    magnitudes, maximised over affine changes; a similarity stays one.

    Args:
        image: uint8 [3, h, w], the photo.
        valid: bool [h, w], where it shows the ground.
        reference: What it is laid on.
        start: float64 [3, 3], from the photo's pixels to the reference's, right to a few pixels.
        kind: What `start` is.
    """
    height, width = valid.shape
    outline = moved(corners(width=width, height=height), start)
    onto, cols, rows = _grid(outline)
    photo, photo_seen = _edges(*warped(image, valid, onto @ start, width=cols, height=rows))
    theirs, theirs_seen = _edges(
        *warped(reference.image, reference.valid, onto, width=cols, height=rows)
    )
    seen = photo_seen & theirs_seen
    if seen.sum() < _LEAST_PIXELS:
        return None
    change = _best_change(photo, theirs, seen, kind)
    if change is None:
        return None
    after = _correlation(photo, theirs, photo_seen, theirs_seen, change)
    before = _correlation(photo, theirs, photo_seen, theirs_seen, np.eye(3))
    matrix: Matrix = inverse(onto) @ change @ onto @ start
    step = np.abs(moved(corners(width=width, height=height), matrix) - outline).max()
    sound = step <= LARGEST_STEP_PX and is_sound(matrix, width=width, height=height)
    if not sound or after < max(before + LEAST_GAIN, LEAST_CORRELATION):
        return None
    return Alignment(matrix=matrix, before=before, after=after)


def _grid(outline: NDArray[np.float64]) -> tuple[Matrix, int, int]:
    """From the reference's pixels to a grid around `outline`; its columns and rows."""
    low, high = np.floor(outline.min(axis=0)), np.ceil(outline.max(axis=0))
    step = max(1.0, float((high - low).max()) / _LARGEST_GRID_PX)
    cols, rows = (int(side) for side in np.ceil((high - low) / step))
    return shift_scale(scale=1 / step) @ shift_scale(x=-low[0], y=-low[1]), cols, rows


def _edges(image: Image, valid: Valid) -> tuple[NDArray[np.float32], Valid]:
    """Magnitude of the gradient, compressed so that single bright edges do not decide."""
    grey = cv2.cvtColor(np.ascontiguousarray(np.moveaxis(image, 0, -1)), cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _BLUR_PX)
    across, down = (
        cv2.Sobel(smooth, cv2.CV_32F, *order, scale=0.125) for order in ((1, 0), (0, 1))
    )
    magnitude = np.sqrt(np.sqrt(across**2 + down**2))
    reach = 2 * round(3 * _BLUR_PX) + 1  # nearer to pixels without image their edge is seen
    padded = np.pad(valid.astype(np.uint8), 1)  # the frame is an edge too
    inside = cv2.erode(padded, np.ones((reach, reach), np.uint8))[1:-1, 1:-1] > 0
    return magnitude, inside


def _best_change(
    photo: NDArray[np.float32], theirs: NDArray[np.float32], seen: Valid, kind: Kind
) -> Matrix | None:
    """From the grid to the grid, where the photo's edges come to lie on the reference's."""
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, _EPSILON)
    try:
        _, found = cv2.findTransformECC(
            photo, theirs, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, criteria,
            seen.astype(np.uint8) * 255, 5,
        )  # fmt: skip
    except cv2.error:  # it did not converge
        return None
    # OpenCV's warp leads from the template (the photo) to the input (the reference), by centres.
    change = shift_scale(x=0.5, y=0.5) @ as_square(np.asarray(found, np.float64))
    change = change @ shift_scale(x=-0.5, y=-0.5)
    return _nearest_similarity(change, seen.shape) if kind == "similarity" else change


def _nearest_similarity(change: Matrix, shape: tuple[int, ...]) -> Matrix:
    """The similarity that moves the grid's middle and its surroundings most alike."""
    middle = np.array([shape[1] / 2, shape[0] / 2])
    cosine = (change[0, 0] + change[1, 1]) / 2
    sine = (change[1, 0] - change[0, 1]) / 2
    turn = np.array([[cosine, -sine], [sine, cosine]])
    goal = moved(middle[None], change)[0]
    return as_square(np.column_stack([turn, goal - turn @ middle]))


def _correlation(
    photo: NDArray[np.float32],
    theirs: NDArray[np.float32],
    photo_seen: Valid,
    theirs_seen: Valid,
    change: Matrix,
) -> float:
    """Pearson's, of the photo's edges moved by `change` and the reference's edges."""
    size = photo.shape[1], photo.shape[0]
    shift = centred(change)
    moved_photo = cv2.warpPerspective(photo, shift, size)
    there = cv2.warpPerspective(photo_seen.astype(np.uint8) * 255, shift, size) == 255
    both = there & theirs_seen
    if both.sum() < _LEAST_PIXELS:
        return 0.0
    return float(np.corrcoef(moved_photo[both], theirs[both])[0, 1])
