"""Bare ground, crops and gardens: in go a scene and a window, out comes colour by pixel."""

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.look import Look
from aerialret.territory.noise import PixelWindow
from aerialret.territory.raster import Plane
from aerialret.territory.scene import Scene

_PLOT_M = (15.0, 24.0)


def ground_colour(
    scene: Scene, window: PixelWindow, parcel: NDArray[np.int32], fine: Plane
) -> Plane:
    """float32 [height, width, 3]: the land without water, roads, buildings and trees.

    Args:
        scene: The date.
        window: The pixels.
        parcel: Position of the parcel on each pixel.
        fine: Small texture of the date.
    """
    look, noises = scene.look, scene.noises
    colour = look.colour[parcel]
    x, y = _ground_coordinates(window)
    across = look.across[parcel]
    v = x[None, :] * across[..., 0] + y[:, None] * across[..., 1]
    u = x[None, :] * across[..., 1] - y[:, None] * across[..., 0]
    bright = 1 + _tillage(look, parcel, v)
    soil = noises.soil.sample(window)
    growth = noises.growth.sample(window)
    bright += look.soil[parcel] * (0.035 * soil + 0.060 * growth)
    bright += look.rough[parcel] * fine
    colour *= bright[..., None]
    garden = look.garden[parcel]
    if garden.any():
        colour[garden] = _gardens(scene, u[garden], v[garden], parcel[garden], colour[garden])
    return colour


def _ground_coordinates(window: PixelWindow) -> tuple[Plane, Plane]:
    """Eastings of the columns and northings of the rows, less whole 4096 m: float32 is exact."""
    x = window.left_m + (np.arange(window.width) + 0.5) * window.gsd_m
    y = window.top_m - (np.arange(window.height) + 0.5) * window.gsd_m
    return (x % 65_536).astype(np.float32), (y % 65_536).astype(np.float32)


def _tillage(look: Look, parcel: NDArray[np.int32], v: Plane) -> Plane:
    phase = look.phase[parcel]
    fine = look.rows[parcel] * np.sin(v * (2 * np.pi / look.row_m)[parcel] + phase)
    wave = np.cos(v * (2 * np.pi / look.tramline_m)[parcel] + phase)
    return np.asarray(fine - look.tramlines[parcel] * np.clip(wave - 0.82, 0, 1) * 4, np.float32)


def _gardens(scene: Scene, u: Plane, v: Plane, parcel: NDArray[np.int32], lawn: Plane) -> Plane:
    """Plots of lawn, beds, terraces and a few pools, in line with the parcel."""
    paint = scene.season.paint
    col = np.floor(u / np.float32(_PLOT_M[0])).astype(np.int64)
    row = np.floor(v / np.float32(_PLOT_M[1])).astype(np.int64)
    chance = _hashed(col, row, scene.look.height_m[parcel].astype(np.int64))
    tone = _hashed(col, row, np.int64(7))
    colour = lawn * (0.8 + 0.4 * tone)[:, None].astype(np.float32)
    for low, high, name in ((0.0, 0.16, "patio"), (0.16, 0.27, "bare"), (0.27, 0.40, "verge")):
        chosen = (chance >= low) & (chance < high)
        colour[chosen] = 0.35 * colour[chosen] + 0.65 * np.array(paint[name], np.float32)
    in_plot = np.hypot(u % _PLOT_M[0] - 7.0, (v % _PLOT_M[1] - 10.0) * 0.7) < 3.0
    colour[in_plot & (chance > 0.965)] = paint["pool"]
    return np.asarray(colour, np.float32)


def _hashed(
    a: NDArray[np.int64], b: NDArray[np.int64], c: NDArray[np.int64] | np.int64
) -> NDArray[np.float64]:
    """Evenly spread numbers from 0 to 1, the same for the same three integers."""
    mixed = (a * 73_856_093) ^ (b * 19_349_663) ^ (c * 83_492_791)
    mixed = ((mixed ^ (mixed >> 13)) * 1_274_126_177) & 0x7FFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 668_265_263) & 0x7FFFFFFF
    return np.asarray(((mixed ^ (mixed >> 12)) & 0xFFFF) / 65_535.0)
