"""Looks of a photo: a picture in colour goes in, a grey one or one of another season comes out.

Pictures are float32 [3, height, width] from 0 to 255.
"""

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.float32]

GREY_BLUR_PX = 1.0
GREY_CONTRAST = (0.5, 0.8)
GREY_MIDDLE = 128.0
GREY_GRAIN = 6.0

BROWN = (1.22, 0.98, 0.72)
"""Red, green and blue of dry vegetation, as multiples of its luma; their own luma is about 1."""

BROWNED = (0.6, 1.0)
HUE_TURN_DEG = (-15.0, 15.0)
SATURATION = (0.5, 1.1)
GAMMA_LOG = (-0.35, 0.35)
CONTRAST = (0.7, 1.2)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_GREENNESS_SLOPE = 5.0


def faded_to_grey(picture: Picture, *, rng: np.random.Generator) -> Picture:
    """The picture as an old print: one channel, blurred, faded around the middle, with grain."""
    contrast = np.float32(rng.uniform(*GREY_CONTRAST))
    grain = rng.normal(0, GREY_GRAIN, picture.shape[1:]).astype(np.float32)
    blurred = cv2.GaussianBlur(_luma(picture), (0, 0), GREY_BLUR_PX)
    faded = GREY_MIDDLE + (blurred - blurred.mean()) * contrast + grain
    return np.repeat(faded[None], 3, axis=0)


def in_another_season(picture: Picture, *, rng: np.random.Generator) -> Picture:
    """The picture with its vegetation browned, and other hue, saturation, gamma and contrast."""
    browned, turn_deg, saturation, gamma_log, contrast = (
        np.float32(rng.uniform(*limits))
        for limits in (BROWNED, HUE_TURN_DEG, SATURATION, GAMMA_LOG, CONTRAST)
    )
    dry = _browned(picture, strength=browned)
    toned = _toned(dry, turn_deg=turn_deg, saturation=saturation).clip(0, 255)
    lit = 255 * (toned / 255) ** np.exp(gamma_log)
    mean = lit.mean()
    contrasted: Picture = (mean + (lit - mean) * contrast).astype(np.float32)
    return contrasted


def greenness(picture: Picture) -> NDArray[np.float32]:
    """How much each pixel looks like vegetation, 0 to 1: float32 [height, width].

    Five times the excess green 2g - r - b of the shares r + g + b = 1 (Woebbecke et al. 1995),
    cut off at 0 and 1.
    """
    total = picture.sum(axis=0) + 1
    excess = (2 * picture[1] - picture[0] - picture[2]) / total
    share: NDArray[np.float32] = (_GREENNESS_SLOPE * excess).clip(0, 1)
    return share


def _browned(picture: Picture, *, strength: np.float32) -> Picture:
    """Vegetation moved towards the brown of equal luma."""
    share = strength * greenness(picture)
    brown = np.array(BROWN, np.float32)[:, None, None] * _luma(picture)
    return picture + share * (brown - picture)


def _toned(picture: Picture, *, turn_deg: np.float32, saturation: np.float32) -> Picture:
    """Hue turned and saturation multiplied at equal luma.

    The differences of blue and red from luma are turned as a vector and scaled (BT.601).
    """
    luma = _luma(picture)
    blue, red = picture[2] - luma, picture[0] - luma
    cosine = saturation * np.cos(np.deg2rad(turn_deg))
    sine = saturation * np.sin(np.deg2rad(turn_deg))
    turned_blue, turned_red = cosine * blue - sine * red, sine * blue + cosine * red
    green = -(_LUMA[0] * turned_red + _LUMA[2] * turned_blue) / _LUMA[1]
    return np.stack([luma + turned_red, luma + green, luma + turned_blue])


def _luma(picture: Picture) -> NDArray[np.float32]:
    """ITU-R BT.601 luma: float32 [height, width]."""
    red, green, blue = picture
    luma: NDArray[np.float32] = red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2]
    return luma
