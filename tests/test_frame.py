from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio

from aerialret.querying.frame import find_content, upright_box
from aerialret.tiles.arrays import Image
from tests.scanned_photos import Scanned, scanned
from tests.textures import textured

DATA = Path(__file__).parents[2] / "shared" / "data"
PICTURE = np.ascontiguousarray(textured(420, seed=3, blur_px=3.0)[:, :, :360])


def check(scan: Scanned, *, kept: float = 0.93) -> None:
    """The frame is found: hardly anything of it is left, and hardly any picture is lost."""
    content = find_content(scan.image)
    assert content is not None
    assert (content & scan.shown).sum() >= kept * scan.shown.sum()
    assert (content & ~scan.shown).sum() <= 0.002 * scan.shown.sum()


@pytest.mark.parametrize("colour", [0, 14, 35, 235, 255])
@pytest.mark.parametrize("width", [6, 30, 110])
def test_frames_of_any_width_are_found(colour: int, width: int) -> None:
    margins = (width, width + 3, width // 2, width)
    check(scanned(PICTURE, margins=margins, colour=colour, jpeg=70), kept=0.95)


@pytest.mark.parametrize("turn_deg", [-3.0, -0.7, 1.5, 4.0])
def test_frames_of_scans_that_lay_askew_are_found(turn_deg: float) -> None:
    check(scanned(PICTURE, margins=(50, 60, 55, 50), turn_deg=turn_deg, jpeg=70))


def test_rounded_corners_belong_to_the_frame() -> None:
    scan = scanned(PICTURE, radius=40)
    check(scan)
    content = find_content(scan.image)
    assert content is not None
    left, top, _, _ = scan.box
    assert not content[top : top + 8, left : left + 8].any()
    assert content[top + 40, left + 40]


@pytest.mark.parametrize("turn_deg", [0.0, 1.2])
def test_marks_and_letters_belong_to_the_frame(turn_deg: float) -> None:
    scan = scanned(
        PICTURE, margins=(40, 40, 40, 80), marks=True, letters=True, turn_deg=turn_deg, radius=20
    )
    check(scan)


def test_a_frame_in_a_frame_is_found() -> None:
    film = scanned(PICTURE, margins=(18, 14, 16, 20), colour=8)
    paper = scanned(film.image, margins=(30, 22, 26, 40), colour=240)
    content = find_content(paper.image)
    assert content is not None
    left, top, right, bottom = (a + b for a, b in zip(film.box, (30, 22, 30, 22), strict=True))
    inside = np.zeros_like(content)
    inside[top:bottom, left:right] = True
    assert not (content & ~inside).any()
    assert content.sum() > 0.93 * inside.sum()


def test_a_black_strip_along_one_side_is_a_frame() -> None:
    scan = scanned(PICTURE, margins=(0, 0, 37, 0), colour=0, grain=0)
    check(scan)


def coast(image: Image, value: float, *, side: int) -> Image:
    """The picture with smooth water along one side, its shore as shores are."""
    height, width = image.shape[1:]
    random = np.random.default_rng(side)
    bends = np.cumsum(random.normal(0, 1.5, width)) + 0.25 * height
    grain = random.normal(0, 1.5, (height, width))
    water = np.arange(height)[:, None] < bends
    wet = np.where(water, value + grain, image).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.rot90(wet, side, (1, 2)))


@pytest.mark.parametrize("value", [4.0, 20.0, 40.0, 230.0, 252.0])
def test_water_and_snow_at_an_edge_are_no_frame(value: float) -> None:
    for side in range(4):
        assert find_content(coast(PICTURE, value, side=side)) is None


@pytest.mark.parametrize("gain", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("lift", [0, 150])
def test_pictures_without_frame_are_left_alone(gain: float, lift: float) -> None:
    image = (PICTURE * gain + lift).clip(0, 255).astype(np.uint8)
    assert find_content(image) is None


@pytest.mark.parametrize("value", [0, 20, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (5, 300), (64, 64), (300, 200)])
def test_a_picture_of_one_colour_has_no_frame(value: int, shape: tuple[int, int]) -> None:
    assert find_content(np.full((3, *shape), value, np.uint8)) is None


def real_pictures() -> list[Path]:
    some = sorted(DATA.glob("clcd/*/*.tif"))[::60]
    return some + [path for path in sorted(DATA.rglob("*.tif")) if "clcd" not in path.parts][::3]


def test_no_real_picture_has_a_frame_in_any_shade() -> None:
    paths = real_pictures()
    if not paths:
        pytest.skip("the real rasters are not there")
    for path in paths:
        for name, image in shades(read(path)).items():
            assert find_content(image) is None, (path, name)


def read(path: Path) -> Image:
    with rasterio.open(path) as raster:
        bands: Any = raster.read([1, 2, 3] if raster.count >= 3 else [1, 1, 1])
    low, high = (0, 255) if bands.dtype == np.uint8 else np.percentile(bands, (1, 99))
    pixels: Image = ((bands - low) / (high - low) * 255).clip(0, 255).astype(np.uint8)
    return pixels[:, :1024, :1024]


def shades(image: Image) -> dict[str, Image]:
    grey = cv2.cvtColor(np.moveaxis(image, 0, -1).copy(), cv2.COLOR_RGB2GRAY).astype(np.float64)
    low, high = np.percentile(grey, (5, 95))
    hard = np.stack([((grey - low) / max(high - low, 1) * 255).clip(0, 255).astype(np.uint8)] * 3)
    return {"as it is": image, "dark": (image * 0.25).astype(np.uint8), "hard": hard}


def test_the_box_of_a_turned_picture_lies_inside_it() -> None:
    scan = scanned(PICTURE, margins=(50, 60, 55, 50), turn_deg=4.0)
    top, left, bottom, right = upright_box(scan.shown)
    assert scan.shown[top:bottom, left:right].mean() > 0.97
    assert (bottom - top) * (right - left) > 0.75 * scan.shown.sum()


def test_the_box_of_nothing_is_empty() -> None:
    assert upright_box(np.zeros((4, 5), bool)) == (0, 0, 0, 0)
