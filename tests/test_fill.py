from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from aerialret.ingestion.imagery.fill import LOSSY_TOLERANCE, fill_pixels
from aerialret.ingestion.imagery.sampling import Sample
from tests.geodata import write_raster

SIDE = 1024
"""Pixels of half a metre: a quarter of a square kilometre."""

FACTOR = 4
AREA_M2 = (0.5 * FACTOR) ** 2
CODECS = {
    "jp2_10": ("a.jp2", {"QUALITY": "10", "REVERSIBLE": "NO"}),
    "jp2_4": ("a.jp2", {"QUALITY": "4", "REVERSIBLE": "NO"}),
    "jpeg_75": ("a.tif", {"compress": "jpeg", "photometric": "ycbcr"}),
}


def _land(*, seed: int = 0) -> NDArray:
    """Fields and noise, from 20 to 235."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:SIDE, :SIDE]
    fields = 120 + 60 * np.sin(rows / 37) * np.cos(cols / 23)
    pixels = fields + rng.normal(0, 8, (3, SIDE, SIDE))
    return pixels.clip(20, 235).astype(np.uint8)


def _beyond() -> NDArray:
    """Beyond a winding border that crosses the picture."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    outside: NDArray = cols + 0.3 * rows + 40 * np.sin(rows / 60) > 0.75 * SIDE
    return outside


def _compressed(pixels: NDArray, folder: Path, codec: str) -> NDArray:
    name, options = CODECS[codec]
    path = write_raster(folder / name, pixels, resolution=0.5, **options)
    with rasterio.open(path) as dataset:
        decoded: NDArray = dataset.read()
    return decoded


def _averaged(pixels: NDArray, factor: int = FACTOR) -> NDArray:
    side = pixels.shape[-1] // factor
    blocks = pixels.reshape(-1, side, factor, side, factor).astype(np.float32)
    means: NDArray = blocks.mean(axis=(2, 4), dtype=np.float32)
    return means


def _sample(pixels: NDArray, factor: int = FACTOR) -> Sample:
    means = _averaged(pixels, factor)
    return Sample(means, np.ones(means.shape[1:], np.float32))


def _near(mask: NDArray, pixels: int) -> NDArray:
    """`mask` grown by some pixels, by a slow and plain shift."""
    grown = mask.copy()
    for row in range(-pixels, pixels + 1):
        for col in range(-pixels, pixels + 1):
            grown |= np.roll(mask, (row, col), axis=(0, 1))
    return grown


@pytest.mark.parametrize("level", [0, 255])
@pytest.mark.parametrize("codec", list(CODECS))
def test_fill_of_a_lossy_file_is_taken_out_to_its_border_and_no_further(tmp_path, codec, level):
    pixels, outside = _land(), _beyond()
    pixels[:, outside] = level
    part = _sample(_compressed(pixels, tmp_path, codec))
    share = _averaged(outside[None])[0]
    beyond, inside = share == 1, share == 0
    fill = fill_pixels(part, pixel_area_m2=AREA_M2, tolerance=LOSSY_TOLERANCE)
    assert fill[beyond].mean() > 0.999
    assert not fill[inside & ~_near(~inside, 1)].any()
    strict = fill_pixels(part, pixel_area_m2=AREA_M2)
    assert (beyond & ~strict).sum() > 10 * (beyond & ~fill).sum()


def test_areas_a_level_from_black_or_white_are_image():
    """A codec makes dark water that flat."""
    pixels, outside = _land(), _beyond()
    for level in (1, 254):
        pixels[:, outside] = level
        part = _sample(pixels)
        assert not fill_pixels(part, pixel_area_m2=AREA_M2, tolerance=LOSSY_TOLERANCE).any()


def _snow(rng: np.random.Generator) -> NDArray:
    return rng.normal(251, 3, (3, SIDE, SIDE)).round().clip(0, 255)


def _dark_water(rng: np.random.Generator) -> NDArray:
    return rng.integers(0, 4, (3, SIDE, SIDE))


def _bright_water(rng: np.random.Generator) -> NDArray:
    """Sun glint: three quarters of the pixels saturate."""
    return rng.choice([252, 255, 255, 255], (3, SIDE, SIDE))


@pytest.mark.parametrize("scene", [_snow, _dark_water, _bright_water])
@pytest.mark.parametrize("codec", ["none", *CODECS])
def test_snow_and_dark_water_are_never_taken_for_fill(tmp_path, scene, codec):
    pixels = scene(np.random.default_rng(4)).astype(np.uint8)
    pixels[:, :, : SIDE // 3] = _land()[:, :, : SIDE // 3]
    if codec != "none":
        pixels = _compressed(pixels, tmp_path, codec)
    for factor in (2, 4, 16):
        part, area = _sample(pixels, factor), (0.5 * factor) ** 2
        assert not fill_pixels(part, pixel_area_m2=area, tolerance=LOSSY_TOLERANCE).any()
        assert not fill_pixels(part, pixel_area_m2=area).any()


@pytest.mark.parametrize("codec", list(CODECS))
def test_white_roofs_are_never_taken_for_fill(tmp_path, codec):
    """Saturated halls of 60 m by 80 m, as many as a third of the ground."""
    pixels = _land()
    for row in range(20, SIDE - 200, 230):
        for col in range(20, SIDE - 170, 200):
            pixels[:, row : row + 160, col : col + 120] = 255
    part = _sample(_compressed(pixels, tmp_path, codec))
    assert (part.values > 250).all(axis=0).mean() > 0.25
    assert not fill_pixels(part, pixel_area_m2=AREA_M2, tolerance=LOSSY_TOLERANCE).any()


def test_dark_water_beside_fill_keeps_all_but_a_rim():
    pixels = _land()
    pixels[:, 400:] = _dark_water(np.random.default_rng(1))[:, 400:]
    pixels[:, :, 600:] = 0
    fill = fill_pixels(_sample(pixels), pixel_area_m2=AREA_M2, tolerance=LOSSY_TOLERANCE)
    assert fill[:, 150:].all()
    assert not fill[:, : 150 - 11].any()  # the rim is 20 m wide, 10 pixels


def test_pixels_that_only_partly_lie_in_the_file_are_fill_too():
    """Two files that meet inside a pixel leave no white line between them."""
    values = np.full((3, 100, 100), 255, np.float32)
    values[:, :, :40] = 90
    weights = np.ones((100, 100), np.float32)
    weights[:, -1] = 0.37
    part = Sample(values * weights, weights)
    fill = fill_pixels(part, pixel_area_m2=16.0)
    assert fill[:, 40:].all()
    assert not fill[:, :40].any()


def test_a_lower_share_finds_small_corners_of_fill():
    pixels = _land()
    pixels[:, :250, :250] = 255
    part = _sample(pixels)
    assert not fill_pixels(part, pixel_area_m2=AREA_M2).any()
    fill = fill_pixels(part, pixel_area_m2=AREA_M2, least_share=0)
    assert fill.sum() == 62 * 62


@pytest.mark.parametrize("codec", list(CODECS))
def test_with_a_rim_no_pixel_is_left_that_mixes_image_and_fill(tmp_path, codec):
    pixels, outside = _land(), _beyond()
    pixels[:, outside] = 255
    part = _sample(_compressed(pixels, tmp_path, codec))
    fill = fill_pixels(part, pixel_area_m2=AREA_M2, tolerance=LOSSY_TOLERANCE, rim_px=1)
    beyond = _averaged(outside[None])[0] > 0
    assert fill[beyond].mean() > 0.999
    assert not fill[~_near(beyond, 2)].any()


def test_outside_the_file_nothing_is_fill():
    nothing = Sample(np.zeros((3, 9, 7), np.float32), np.zeros((9, 7), np.float32))
    assert not fill_pixels(nothing, pixel_area_m2=1e4, least_share=0).any()
    assert not fill_pixels(nothing, pixel_area_m2=1e4, tolerance=3, least_share=0).any()
