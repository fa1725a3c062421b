"""Drawing a date: in go a scene and a window, out comes an orthophoto's pixels."""

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.canopy import canopy_light, canopy_shadow, draw_canopy
from aerialret.territory.ground import ground_colour
from aerialret.territory.noise import PixelWindow
from aerialret.territory.raster import Layer, Plane, softened
from aerialret.territory.scene import Scene

MARGIN_PX = 24
_SHADE = np.array([0.60, 0.54, 0.44], np.float32)
_SKY = np.array([0.66, 0.72, 0.80], np.float32)


def render(scene: Scene, window: PixelWindow, *, rng: np.random.Generator) -> NDArray[np.uint8]:
    """uint8 [3, height, width]: the window as the camera of the scene's date saw it.

    Args:
        scene: The date.
        window: The pixels wanted.
        rng: Where the sensor noise and the cars come from.
    """
    wide = window.grown(MARGIN_PX)
    colour = _lit(scene, wide, rng)
    photo = _camera(scene, wide, colour, rng)
    inner = photo[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    return np.ascontiguousarray(inner.transpose(2, 0, 1))


def _lit(scene: Scene, window: PixelWindow, rng: np.random.Generator) -> Plane:
    """The scene in the light of its sun, from the ground up."""
    parcel = scene.parcels.positions(window)
    fine = scene.noises.fine.sample(window)
    colour = ground_colour(scene, window, parcel, fine)
    _paint_flat(scene, window, colour, fine, rng)
    canopy = draw_canopy(scene, window, parcel)
    tree_shade = canopy_shadow(scene, window, canopy.height_m)
    house_shade = scene.shadows.coverage(window)
    shade = np.maximum(house_shade, tree_shade)
    colour *= 1 - shade[..., None] * _SHADE
    roofs = scene.footprints.coverage(window)
    side = scene.roofs.positions(window, all_touched=True)
    _blend(colour, scene.roof_colour[side], roofs * (side >= 0))
    crown = canopy.colour * canopy_light(scene, window, canopy.height_m)[..., None]
    crown *= 1 - 0.8 * tree_shade[..., None] * _SHADE
    _blend(colour, crown, canopy.cover * (1 - 0.85 * roofs))
    return colour


def _paint_flat(
    scene: Scene, window: PixelWindow, colour: Plane, fine: Plane, rng: np.random.Generator
) -> None:
    """Lays margins, waters, grounds, roads and rails onto the land."""
    paint = {name: np.array(value, np.float32) for name, value in scene.season.paint.items()}
    texture = (1 + 0.035 * fine)[..., None]
    _blend(colour, paint["verge"] * texture, 0.7 * scene.margins.coverage(window))
    _blend(colour, paint["airfield"] * texture, scene.airfields.coverage(window, supersampling=1))
    _blend(colour, paint["brook"], 0.6 * scene.streams.coverage(window))
    _blend_layer(colour, scene.runways, scene.runway_colour, window, 1.0)
    _blend(colour, _graves(scene, window, paint["graves"], fine), scene.cemeteries.coverage(window))
    _pitches(scene, window, colour)
    _blend(colour, paint["water"] * (1 + 0.02 * fine)[..., None], scene.water.coverage(window))
    _roads(scene, window, colour, fine, rng)
    _blend(colour, paint["ballast"] * texture, scene.rail.coverage(window))


def _roads(
    scene: Scene, window: PixelWindow, colour: Plane, fine: Plane, rng: np.random.Generator
) -> None:
    cover = scene.roads.coverage(window)
    road = scene.roads.positions(window, all_touched=True)
    surface = scene.road_colour[road] * (1 + 0.03 * fine)[..., None]
    cars = (rng.random(cover.shape, dtype=np.float32) < 0.006) & (cover > 0.9)
    surface[cars] = rng.choice([0.25, 0.85, 0.95], int(cars.sum()))[:, None]
    _blend(colour, surface, 0.92 * cover * (road >= 0))


def _pitches(scene: Scene, window: PixelWindow, colour: Plane) -> None:
    """Mown stripes on pitches, clay or hard courts, and white lines around both."""
    which = scene.sport_layer.positions(window)
    inside = which >= 0
    if not inside.any():
        return
    angle = scene.sport["angle"][which[inside]]
    tennis = scene.sport["kind"][which[inside]] == "tennis"
    row, col = np.nonzero(inside)
    along = (col * np.cos(angle) - row * np.sin(angle)) * window.gsd_m
    stripe = 1 + 0.06 * np.sign(np.sin(along * 2 * np.pi / 22.0))
    grass = np.array(scene.season.paint["airfield"], np.float32) * stripe[:, None]
    clay = np.array(scene.season.paint["clay"], np.float32)
    colour[inside] = np.where(tennis[:, None], clay, grass)
    edge = inside & (softened(inside.astype(np.float32), share=0.33) < 0.95)
    colour[edge] = 0.45 * colour[edge] + 0.5


def _graves(scene: Scene, window: PixelWindow, colour: NDArray[np.float32], fine: Plane) -> Plane:
    """Rows of stones between gravel paths."""
    which = scene.cemeteries.positions(window)
    row, col = np.nonzero(which >= 0)
    stones = np.ones(which.shape, np.float32)
    angle = scene.grave_angle[which[row, col]]
    x, y = col * np.float32(window.gsd_m), -row * np.float32(window.gsd_m)
    along = np.cos((x * np.cos(angle) + y * np.sin(angle)) * np.float32(2 * np.pi / 6.5))
    path = np.abs((x * np.sin(angle) - y * np.cos(angle)) % 34.0 - 17.0) < 1.6
    speckle = fine[row, col]
    stones[row, col] = np.where(path, 1.12, 0.92 + 0.16 * along + 0.10 * speckle)
    return np.asarray(colour * stones[..., None], np.float32)


def _camera(
    scene: Scene, window: PixelWindow, colour: Plane, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Relief, haze, colour cast, tone curve, blur and noise."""
    season = scene.season
    slope = np.gradient(scene.relief.sample(window), axis=1)
    light = 1 + 2.2 * season.towards_sun[0] * slope + 0.035 * scene.noises.light.sample(window)
    colour = colour * light[..., None].astype(np.float32)
    colour = (1 - season.haze) * colour + np.float32(season.haze) * _SKY
    colour = colour * np.array(season.cast, np.float32)
    colour = softened(colour, share=season.blur)
    colour = np.clip(colour, 0, 1) ** np.float32(season.gamma) * 255
    colour += rng.standard_normal(colour.shape, dtype=np.float32) * np.float32(season.grain)
    return np.asarray(np.clip(colour + 0.5, 0, 255), np.uint8)


def _blend(colour: Plane, over: Plane | NDArray[np.float32], share: Plane) -> None:
    """Lays `over` onto `colour` in place, where `share` is not 0."""
    seen = share > 0
    if not seen.any():
        return
    weight = share[seen][:, None]
    paint = over[seen] if over.ndim == 3 else over
    colour[seen] += weight * (paint - colour[seen])


def _blend_layer(
    colour: Plane, layer: Layer, paint: NDArray[np.float32], window: PixelWindow, share: float
) -> None:
    which = layer.positions(window, all_touched=True)
    cover = layer.coverage(window) * np.float32(share)
    _blend(colour, paint[which], cover * (which >= 0))
