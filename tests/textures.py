"""Pictures with something to see everywhere, made from a seed."""

import cv2
import numpy as np
from numpy.typing import NDArray


def textured(side: int = 256, *, seed: int = 0, blur_px: float = 2.0) -> NDArray[np.uint8]:
    """uint8 [3, side, side]: smooth blobs of every colour, without symmetry or repetition."""
    noise = np.random.default_rng(seed).normal(size=(side, side, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), blur_px)
    spread = (smooth - smooth.mean()) / smooth.std()
    pixels = np.clip(128 + 50 * spread, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
