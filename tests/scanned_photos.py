"""Scans of photographs, made from a picture and a seed: frames, marks, letters, grain."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from aerialret.tiles.arrays import Image, Valid


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """A scan.

    Attributes:
        image: uint8 [3, h, w].
        shown: bool [h, w], where it shows the picture.
        box: Left, top, right and bottom of the picture before the scan was turned, in pixels.
    """

    image: Image
    shown: Valid
    box: tuple[int, int, int, int]


def scanned(
    picture: Image,
    *,
    margins: tuple[int, int, int, int] = (40, 25, 30, 60),
    colour: int = 14,
    grain: float = 4.0,
    radius: int = 0,
    marks: bool = False,
    letters: bool = False,
    turn_deg: float = 0.0,
    jpeg: int = 0,
    seed: int = 0,
) -> Scanned:
    """The picture inside a frame.

    Args:
        picture: uint8 [3, h, w].
        margins: Widths of the frame: left, top, right, bottom, in pixels.
        colour: Of the frame, in all three bands.
        grain: Standard deviation of the noise on everything.
        radius: Of the picture's corners, in pixels.
        marks: Whether fiducial marks stand in the middle of its sides.
        letters: Whether a line of letters stands below it.
        turn_deg: By which all of it lies on the scanner.
        jpeg: Quality; 0 for no compression.
        seed: Of the grain.
    """
    height, width = picture.shape[1:]
    left, top, right, bottom = margins
    shape = (height + top + bottom, width + left + right)
    shown = np.zeros(shape, np.uint8)
    shown[top : top + height, left : left + width] = _rounded(height, width, radius)
    page = np.full((*shape, 3), colour, np.uint8)
    page[top : top + height, left : left + width] = np.moveaxis(picture, 0, -1)
    page[shown == 0] = colour
    ink = 255 - colour
    for x, y in _middles(left, top, width, height) if marks else ():
        size = width // 45
        corners = (x - size, y - size), (x + size, y + size)
        cv2.rectangle(page, *corners, (colour,) * 3, -1)
        cv2.rectangle(shown, *corners, 0, -1)
        cv2.drawMarker(page, (x, y), (ink,) * 3, cv2.MARKER_CROSS, size, 1)
    if letters:
        _write(page, left, top + height + bottom // 2, width, ink)
    noise = np.random.default_rng(seed).normal(0, grain, shape)[..., None] if grain else 0.0
    page = np.clip(page + noise, 0, 255).astype(np.uint8)
    page, shown = _turned(page, shown, turn_deg, colour)
    if jpeg:
        page = cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1], 1)
    image = np.ascontiguousarray(np.moveaxis(page, -1, 0))
    return Scanned(image=image, shown=shown > 0, box=(left, top, left + width, top + height))


def _rounded(height: int, width: int, radius: int) -> NDArray[np.uint8]:
    rows, cols = np.indices((height, width)) + 0.5
    across = np.maximum(np.maximum(radius - cols, cols - (width - radius)), 0)
    down = np.maximum(np.maximum(radius - rows, rows - (height - radius)), 0)
    return (np.hypot(across, down) <= max(radius, 1)).astype(np.uint8)


def _middles(left: int, top: int, width: int, height: int) -> tuple[tuple[int, int], ...]:
    x, y = left + width // 2, top + height // 2
    return (left, y), (left + width, y), (x, top), (x, top + height)


def _write(page: NDArray[np.uint8], left: int, row: int, width: int, ink: int) -> None:
    text = "1958-07-12 MISSION 3417-0221 NO 118 1:25000 F=152.4"
    cv2.putText(page, text, (left, row), cv2.FONT_HERSHEY_SIMPLEX, width / 1000, (ink,) * 3, 2)


def _turned(
    page: NDArray[np.uint8], shown: NDArray[np.uint8], turn_deg: float, colour: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    if not turn_deg:
        return page, shown
    size = (page.shape[1], page.shape[0])
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), turn_deg, 1)
    around = (colour,) * 3
    return (
        cv2.warpAffine(page, matrix, size, borderMode=cv2.BORDER_CONSTANT, borderValue=around),
        cv2.warpAffine(shown, matrix, size, flags=cv2.INTER_NEAREST),
    )
