import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image as Picture
from rasterio.errors import NotGeoreferencedWarning

from aerialret.errors import ConfigurationError
from aerialret.querying.ground_resolution import ground_resolution, scanned_dpi, square_side_m


@pytest.fixture(autouse=True)
def _plain_pictures_are_welcome() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def saved(path: Path, **options: Any) -> Path:
    Picture.new("RGB", (7, 5)).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
@pytest.mark.parametrize("dpi", [300, 1200])
def test_dots_per_inch_are_read_from_every_format(suffix: str, dpi: int, tmp_path: Path) -> None:
    assert scanned_dpi(saved(tmp_path / f"p.{suffix}", dpi=(dpi, dpi))) == pytest.approx(dpi, 1e-3)


@pytest.mark.parametrize("suffix", ["tif", "jpg", "png"])
def test_a_file_without_dots_per_inch_tells_none(suffix: str, tmp_path: Path) -> None:
    assert scanned_dpi(saved(tmp_path / f"p.{suffix}")) is None


@pytest.mark.parametrize(("unit", "dpi"), [(1, None), (2, 500.0), (3, 1270.0)])
def test_a_tiff_counts_by_inch_or_centimetre(unit: int, dpi: float | None, tmp_path: Path) -> None:
    with rasterio.open(
        tmp_path / "p.tif", "w", driver="GTiff", count=1, dtype="uint8", width=4, height=3
    ) as raster:
        raster.write(np.ones((1, 3, 4), np.uint8))
        raster.update_tags(
            TIFFTAG_XRESOLUTION=500, TIFFTAG_YRESOLUTION=500, TIFFTAG_RESOLUTIONUNIT=unit
        )
    assert scanned_dpi(tmp_path / "p.tif") == dpi


def test_a_dot_is_as_much_larger_on_the_ground_as_the_scale_says(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.tif", dpi=(1000, 1000))
    found = ground_resolution(path, photo_scale=20_000)
    assert found is not None
    assert found.metres_per_px == pytest.approx(0.0254 / 1000 * 20_000)
    assert found.source == "0.508 m for each pixel, by 1000 dpi and 1:20000"


def test_what_is_given_counts_before_the_scale(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.tif", dpi=(1000, 1000))
    found = ground_resolution(path, gsd_m=0.7, photo_scale=20_000)
    assert found is not None
    assert found.metres_per_px == 0.7


def test_a_scale_without_dots_per_inch_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    path = saved(tmp_path / "p.png")
    with pytest.raises(ConfigurationError, match=r"p\.png does not tell .* with '--gsd METRES'"):
        ground_resolution(path, photo_scale=25_000)
    assert ground_resolution(path) is None


def test_the_dots_of_a_screen_are_doubted(tmp_path: Path) -> None:
    found = ground_resolution(saved(tmp_path / "p.png", dpi=(96, 96)), photo_scale=1000)
    assert found is not None
    assert "programs write that do not know better" in found.source


@pytest.mark.parametrize(
    ("shown_m", "side_m"),
    [(500, 128.0), (128, 128.0), (126, 128.0), (120, 108.0), (107, 108.0), (100, None)],
)
def test_a_square_is_the_size_nearest_to_half_a_tile_that_the_photo_shows(
    shown_m: float, side_m: float | None
) -> None:
    sides = (256.0, 205.0, 146.0, 128.0, 108.0)
    assert square_side_m(shown_m, sides_m=sides, tile_size_m=256.0) == side_m
