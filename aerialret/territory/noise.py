"""Chance: in go a seed and a name, out come random streams and smooth fields over the territory."""

import math
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aerialret.tiles.grid import Bounds

_PAD_CELLS = 3


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of this name: steps that draw more do not disturb the others."""
    keys = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.default_rng([seed, *keys])


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelWindow:
    """A rectangle of pixels on the ground; `left_m` and `top_m` are its upper-left corner."""

    left_m: float
    top_m: float
    gsd_m: float
    width: int
    height: int

    @property
    def bounds(self) -> Bounds:
        """The rectangle in CRS units."""
        right, bottom = self.width * self.gsd_m, self.height * self.gsd_m
        return Bounds(self.left_m, self.top_m - bottom, self.left_m + right, self.top_m)

    def grown(self, pixels: int) -> "PixelWindow":
        """The window with a margin of `pixels` on each side."""
        return PixelWindow(
            left_m=self.left_m - pixels * self.gsd_m,
            top_m=self.top_m + pixels * self.gsd_m,
            gsd_m=self.gsd_m,
            width=self.width + 2 * pixels,
            height=self.height + 2 * pixels,
        )


@dataclass(frozen=True, slots=True)
class NoiseField:
    """Normal noise on a lattice of `step_m`, smooth in between, the same from every window."""

    lattice: NDArray[np.float32]
    left_m: float
    top_m: float
    step_m: float

    def sample(self, window: PixelWindow) -> NDArray[np.float32]:
        """float32 [height, width]: the field on the pixels of `window`."""
        x0 = (window.left_m - self.left_m) / self.step_m
        y0 = (self.top_m - window.top_m) / self.step_m
        scale = window.gsd_m / self.step_m
        box = (x0, y0, x0 + window.width * scale, y0 + window.height * scale)
        size = (window.width, window.height)
        image = Image.fromarray(self.lattice).resize(size, Image.Resampling.BICUBIC, box=box)
        return np.asarray(image, np.float32)

    def at(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [n]: the field at points [n, 2], bilinear."""
        rows, cols = self.lattice.shape
        x = np.clip((xy[:, 0] - self.left_m) / self.step_m - 0.5, 0, cols - 1.001)
        y = np.clip((self.top_m - xy[:, 1]) / self.step_m - 0.5, 0, rows - 1.001)
        col, row = x.astype(int), y.astype(int)
        fx, fy = x - col, y - row
        grid = self.lattice.astype(np.float64)
        upper = grid[row, col] * (1 - fx) + grid[row, col + 1] * fx
        lower = grid[row + 1, col] * (1 - fx) + grid[row + 1, col + 1] * fx
        return np.asarray(upper * (1 - fy) + lower * fy)


def noise_field(
    bounds: Bounds, *, step_m: float, rng: np.random.Generator, margin_m: float = 200.0
) -> NoiseField:
    """Unit noise over `bounds` and a margin."""
    pad = margin_m + _PAD_CELLS * step_m
    cols = math.ceil((bounds.width + 2 * pad) / step_m) + 1
    rows = math.ceil((bounds.height + 2 * pad) / step_m) + 1
    lattice = rng.standard_normal((rows, cols), dtype=np.float32)
    return NoiseField(lattice, bounds.left - pad, bounds.top + pad, step_m)


@dataclass(frozen=True, slots=True)
class FractalField:
    """A weighted sum of noise fields."""

    octaves: tuple[tuple[float, NoiseField], ...]

    def sample(self, window: PixelWindow) -> NDArray[np.float32]:
        """float32 [height, width]: the field on the pixels of `window`."""
        total = np.zeros((window.height, window.width), np.float32)
        for weight, octave in self.octaves:
            total += np.float32(weight) * octave.sample(window)
        return total

    def at(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [n]: the field at points [n, 2]."""
        return np.asarray(
            np.sum([weight * octave.at(xy) for weight, octave in self.octaves], axis=0)
        )


def fractal_field(
    bounds: Bounds,
    *,
    scales_m: tuple[float, ...],
    rng: np.random.Generator,
    persistence: float = 0.6,
) -> FractalField:
    """Noise of about unit variance whose octaves have the wavelengths `scales_m`."""
    weights = persistence ** np.arange(len(scales_m))
    weights = weights / math.sqrt(0.55 * float(np.sum(weights**2)))
    return FractalField(
        tuple(
            (float(weight), noise_field(bounds, step_m=scale, rng=rng))
            for weight, scale in zip(weights, scales_m, strict=True)
        )
    )
