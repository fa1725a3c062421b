"""Trees from above: in go a scene and a window, out come coverage, height and colour of crowns."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.look import CANOPIES
from aerialret.territory.noise import PixelWindow
from aerialret.territory.raster import Plane, crowns, softened
from aerialret.territory.scene import Scene, canopy_colours

_EVEN = (CANOPIES.index("conifer"), CANOPIES.index("open"))
"""Kinds whose crowns are too small to be seen one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canopy:
    """The crowns in a window.

    Attributes:
        cover: Covered share [height, width].
        height_m: Height of the top [height, width].
        colour: Colour [height, width, 3] of the crowns in full light.
    """

    cover: Plane
    height_m: Plane
    colour: Plane


def draw_canopy(scene: Scene, window: PixelWindow, parcel: NDArray[np.int32]) -> Canopy:
    """Woods, orchards, hedges and lone trees."""
    noises, look = scene.noises, scene.look
    broad = noises.crowns.sample(window)
    fine = noises.needles.sample(window)
    lasting = noises.crowns_lasting.sample(window)
    patches = 0.6 * noises.patches.sample(window) + 0.8 * noises.growth.sample(window)
    kind = look.canopy[parcel]
    even = np.isin(kind, _EVEN)
    # Zero crossings of smooth noise close around blobs: its root is a carpet of domes with creases.
    domes = 1.7 * np.sqrt(np.abs(broad)) - 1.2
    bumps = np.where(even, fine, domes + 0.25 * fine) + 0.25 * lasting
    wood = _wood_cover(scene, window, bumps)
    stand = np.where(look.height_m[parcel] > 2.5, look.height_m[parcel], 9.0)
    stand = stand * (1 + 0.10 * patches)
    height = wood * stand * (0.86 + 0.14 * bumps)
    grove = _grove_cover(scene, window, parcel)
    height = np.maximum(height, grove * np.maximum(look.height_m[parcel], 3.0))
    thicket = scene.thickets.positions(window, all_touched=True)
    hedge = scene.thickets.coverage(window) * np.clip(0.95 + 0.5 * bumps, 0, 1)
    height = np.maximum(height, hedge * scene.thicket_height_m[thicket] * (0.85 + 0.2 * bumps))
    lone, dome = crowns(window, scene.tree_xy, scene.tree_radius_m)
    height = np.maximum(height, dome * 7.0)
    cover = np.maximum(np.maximum(wood, grove), np.maximum(hedge, lone))
    tones = canopy_colours(scene.season)
    in_stand = (wood > 0.3) | (grove > 0.3)
    tone = np.where(in_stand, look.tone[parcel], 1 + 0.12 * lasting)
    tone = tone * (1 + 0.07 * patches + 0.05 * lasting + 0.17 * np.where(even, 0.2 * fine, domes))
    colour = tones[np.where(in_stand, kind, 0)] * tone[..., None]
    return Canopy(
        cover=cover, height_m=np.maximum(height, 0), colour=np.asarray(colour, np.float32)
    )


def _wood_cover(scene: Scene, window: PixelWindow, bumps: Plane) -> Plane:
    """The woods with ragged edges, open where there are glades and rides."""
    solid = softened(scene.woods.coverage(window, supersampling=1), rounds=2)
    open_ = softened(scene.glades.coverage(window, supersampling=1), rounds=2)
    rides = scene.rides.coverage(window)
    edge = solid - open_ - 0.5 * rides + 0.28 * bumps
    return np.asarray(np.clip((edge - 0.42) * 4.0, 0, 1) * (solid > 0.02), np.float32)


def _grove_cover(scene: Scene, window: PixelWindow, parcel: NDArray[np.int32]) -> Plane:
    """Planted trees in a grid along the rows of their parcel."""
    solid = scene.groves.coverage(window, supersampling=1)
    chosen = (solid > 0) & (scene.look.planted_m[parcel] > 0)
    cover = np.zeros_like(solid)
    if not chosen.any():
        return cover
    row, col = np.nonzero(chosen)
    x = (window.left_m + (col + 0.5) * window.gsd_m) % 65_536
    y = (window.top_m - (row + 0.5) * window.gsd_m) % 65_536
    which = parcel[chosen]
    across, step = scene.look.across[which], scene.look.planted_m[which]
    v = (x * across[:, 0] + y * across[:, 1]) * 2 * np.pi / step
    u = (x * across[:, 1] - y * across[:, 0]) * 2 * np.pi / step
    cover[chosen] = np.clip((np.cos(u) + np.cos(v) + 0.35) * 1.1, 0, 1)
    return cover


def canopy_light(scene: Scene, window: PixelWindow, height_m: Plane) -> Plane:
    """float32 [height, width]: the light on the crowns, 1 on a level top."""
    east, north = scene.season.towards_sun
    smooth = softened(height_m, rounds=1, share=0.15)
    rise_x = np.gradient(smooth, axis=1) / window.gsd_m
    rise_y = -np.gradient(smooth, axis=0) / window.gsd_m
    slope = -(rise_x * east + rise_y * north)
    return np.asarray(1 + 0.36 * np.tanh(0.7 * slope), np.float32)


def canopy_shadow(scene: Scene, window: PixelWindow, height_m: Plane) -> Plane:
    """float32 [height, width]: how much higher crowns towards the sun shade a pixel, 0 to 1."""
    east, north = scene.season.towards_sun
    per_metre = scene.season.shadow_per_metre
    reach = int(np.ceil(26.0 * per_metre / window.gsd_m))
    shade = np.zeros_like(height_m)
    for step in range(1, reach + 1):
        rows, cols = round(-north * step), round(east * step)
        above = _moved(height_m, rows=-rows, cols=-cols) - step * window.gsd_m / per_metre
        np.maximum(shade, above - height_m, out=shade)
    return np.asarray(np.clip(shade / 2.5, 0, 1), np.float32)


def _moved(plane: Plane, *, rows: int, cols: int) -> Plane:
    """The plane moved down by `rows` and right by `cols`, zero where nothing comes in."""
    out = np.zeros_like(plane)
    height, width = plane.shape
    out[max(rows, 0) : height + min(rows, 0), max(cols, 0) : width + min(cols, 0)] = plane[
        max(-rows, 0) : height + min(-rows, 0), max(-cols, 0) : width + min(-cols, 0)
    ]
    return out
