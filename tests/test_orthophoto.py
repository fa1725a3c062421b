from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.warp import transform as transform_points

from aerialret.config import SourceConfig
from aerialret.errors import (
    ConfigurationError,
    MissingCrsError,
    MissingInputError,
    UnreadableInputError,
)
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.imagery import sampling, source_window
from aerialret.ingestion.imagery.ortho_files import ORTHO_SUFFIXES
from aerialret.ingestion.imagery.orthophoto import inspect_orthos, open_mosaic, read_area
from aerialret.ingestion.source_files import find_files
from aerialret.tiles.grid import Bounds
from tests.geodata import CRS, LEFT, TOP, noise, write_raster

PLAIN = SourceConfig()


def _bounds(*, dx: float = 0, dy: float = 0, width: float, height: float) -> Bounds:
    """A rectangle whose upper-left corner lies dx east and dy south of the territory's."""
    return Bounds(LEFT + dx, TOP - dy - height, LEFT + dx + width, TOP - dy)


def _read(*paths: Path, bounds: Bounds, shape: tuple[int, int], source: SourceConfig = PLAIN):
    return read_area(paths, bounds=bounds, crs=CRS, shape=shape, source=source)


def _overlaps(*, count: int, start: float, step: float, pixels: int) -> NDArray:
    """[pixels, count]: the length that each of `count` unit cells shares with each pixel."""
    shares = np.zeros((pixels, count))
    for pixel in range(pixels):
        for cell in range(count):
            low, high = start + pixel * step, start + (pixel + 1) * step
            shares[pixel, cell] = max(0.0, min(high, cell + 1) - max(low, cell))
    return shares / step


def _linear(*, count: int, start: float, step: float, pixels: int) -> NDArray:
    """[pixels, count]: the weights of bilinear interpolation along one axis."""
    weights = np.zeros((pixels, count))
    for pixel in range(pixels):
        place = start + (pixel + 0.5) * step - 0.5
        cell = int(np.floor(place))
        weights[pixel, cell], weights[pixel, cell + 1] = 1 - (place - cell), place - cell
    return weights


@pytest.mark.parametrize(
    ("step", "dx", "dy"), [(1.7, 0.4, 2.3), (3.71875, 3.0, 1.25), (1.0, 0.5, 0.25)]
)
def test_a_pixel_is_the_exact_average_of_the_area_it_covers(tmp_path, step, dx, dy):
    pixels = noise(bands=3, height=41, width=58)
    path = write_raster(tmp_path / "a.tif", pixels)
    rows, cols = 7, 11
    image, valid = _read(
        path,
        bounds=_bounds(dx=dx, dy=dy, width=cols * step, height=rows * step),
        shape=(rows, cols),
    )
    down = _overlaps(count=41, start=dy, step=step, pixels=rows)
    across = _overlaps(count=58, start=dx, step=step, pixels=cols)
    expected = np.einsum("ij,bjk,lk->bil", down, pixels.astype(float), across)
    assert valid.all()
    assert np.abs(image - expected).max() <= 0.5 + 1e-3


def test_larger_pixels_are_interpolated_bilinearly(tmp_path):
    pixels = noise(bands=3, height=13, width=17)
    path = write_raster(tmp_path / "a.tif", pixels)
    image, valid = _read(
        path, bounds=_bounds(dx=2.1, dy=3.2, width=11 * 0.6, height=9 * 0.6), shape=(9, 11)
    )
    down = _linear(count=13, start=3.2, step=0.6, pixels=9)
    across = _linear(count=17, start=2.1, step=0.6, pixels=11)
    expected = np.einsum("ij,bjk,lk->bil", down, pixels.astype(float), across)
    assert valid.all()
    assert np.abs(image - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_whole_factors_give_what_rasterio_reads_as_average(tmp_path, factor):
    path = write_raster(
        tmp_path / "a.tif", noise(bands=3, height=6 * factor, width=9 * factor), resolution=0.5
    )
    image, _ = _read(
        path,
        bounds=_bounds(width=4.5 * factor, height=3 * factor),
        shape=(6, 9),
    )
    with rasterio.open(path) as dataset:
        expected = dataset.read(out_shape=(3, 6, 9), resampling=Resampling.average)
    np.testing.assert_array_equal(image, expected)


def test_an_orthophoto_on_the_grid_is_read_unchanged(tmp_path):
    pixels = noise(bands=3, height=20, width=30)
    path = write_raster(tmp_path / "a.tif", pixels, resolution=0.25)
    image, valid = _read(path, bounds=_bounds(dx=1, dy=0.5, width=5, height=3), shape=(12, 20))
    np.testing.assert_array_equal(image, pixels[:, 2:14, 4:24])
    assert valid.all()


def test_overviews_and_lossless_wavelet_levels_never_take_part(tmp_path):
    pixels = noise(bands=3, height=1024, width=1280)
    area = {"bounds": _bounds(dx=3.3, dy=7.7, width=1200, height=960), "shape": (60, 75)}
    plain = write_raster(tmp_path / "plain.tif", pixels)
    cog = write_raster(
        tmp_path / "cog.tif", pixels, driver="COG", overview_resampling="nearest", blocksize=128
    )
    wavelets = write_raster(tmp_path / "wavelets.jp2", pixels)
    with rasterio.open(cog) as dataset:
        assert dataset.overviews(1)
    expected, _ = _read(plain, **area)
    np.testing.assert_array_equal(_read(cog, **area)[0], expected)
    np.testing.assert_array_equal(_read(wavelets, **area)[0], expected)


def test_a_large_area_is_read_in_strips_to_the_same_pixels(tmp_path, monkeypatch):
    path = write_raster(tmp_path / "a.tif", noise(bands=3, height=90, width=70))
    area = {"bounds": _bounds(dx=-3, dy=2.5, width=60, height=84), "shape": (41, 29)}
    whole = _read(path, **area)
    monkeypatch.setattr(source_window, "PIXELS_AT_ONCE", 500)
    image, valid = _read(path, **area)
    assert np.abs(image.astype(int) - whole[0]).max() <= 1
    np.testing.assert_array_equal(valid, whole[1])


def test_one_band_is_repeated_and_a_fourth_is_left_out(tmp_path):
    pixels = noise(bands=4, height=8, width=12)
    area = {"bounds": _bounds(width=12, height=8), "shape": (8, 12)}
    grey, _ = _read(write_raster(tmp_path / "1.tif", pixels[:1]), **area)
    four = write_raster(tmp_path / "4.tif", pixels, photometric="RGB", alpha="unspecified")
    np.testing.assert_array_equal(grey, np.repeat(pixels[:1], 3, axis=0))
    np.testing.assert_array_equal(_read(four, **area)[0], pixels[:3])
    infrared, _ = _read(four, **area, source=SourceConfig(bands=(4, 1, 2)))
    np.testing.assert_array_equal(infrared, pixels[[3, 0, 1]])


def test_bands_that_a_file_lacks_are_refused(tmp_path):
    path = write_raster(tmp_path / "a.tif", noise(bands=3, height=8, width=12))
    with pytest.raises(ConfigurationError, match=r"bands 4, 3, 2 .*a\.tif has bands 1 to 3"):
        _read(
            path,
            bounds=_bounds(width=12, height=8),
            shape=(8, 12),
            source=SourceConfig(bands=(4, 3, 2)),
        )


def test_two_colour_bands_or_a_colour_table_are_refused(tmp_path):
    area = {"bounds": _bounds(width=12, height=8), "shape": (8, 12)}
    two = write_raster(
        tmp_path / "two.tif", noise(bands=2, height=8, width=12), alpha="unspecified"
    )
    with pytest.raises(UnreadableInputError, match=r"2 bands.*--bands"):
        _read(two, **area)
    table = write_raster(tmp_path / "table.tif", noise(bands=1, height=8, width=12))
    with rasterio.open(table, "r+") as dataset:
        dataset.write_colormap(1, {value: (value, 0, 0, 255) for value in range(256)})
    with pytest.raises(UnreadableInputError, match="expand rgb"):
        _read(table, **area)


def test_sixteen_bits_are_drawn_by_the_given_range(tmp_path):
    pixels = np.array([[[100, 600, 1100, 2000]]], np.uint16)
    path = write_raster(tmp_path / "a.tif", pixels)
    image, valid = _read(
        path,
        bounds=_bounds(width=4, height=1),
        shape=(1, 4),
        source=SourceConfig(value_range=(100, 1100)),
    )
    assert image[0].tolist() == [[0, 128, 255, 255]]
    assert valid.all()


def test_sixteen_bits_are_stretched_by_percentiles_of_all_files_and_bands_of_a_date(tmp_path):
    dark = noise(bands=3, height=60, width=50, dtype="uint16", seed=1) // 16
    bright = noise(bands=3, height=60, width=50, dtype="uint16", seed=2) // 8 + 900
    paths = [
        write_raster(tmp_path / "dark.tif", dark),
        write_raster(tmp_path / "bright.tif", bright, left=LEFT + 50),
    ]
    files = inspect_orthos(paths, source=PLAIN)
    with open_mosaic(files, crs=parse_crs(CRS, option="crs"), source=PLAIN) as mosaic:
        low, high = mosaic.value_range.low, mosaic.value_range.high
        image = mosaic.read(_bounds(width=100, height=60), shape=(60, 100)).image
    both = np.concatenate([dark, bright], axis=2)
    expected = np.percentile(both, [1, 99])
    np.testing.assert_allclose([low, high], expected, rtol=0.05)
    drawn = np.clip((both - low) * 255 / (high - low), 0, 255)
    assert np.abs(image - drawn).max() <= 0.51


def test_eight_bits_beside_sixteen_stay_as_they_are(tmp_path):
    eight = noise(bands=1, height=8, width=8)
    deep = noise(bands=1, height=8, width=8, dtype="uint16")
    paths = [
        write_raster(tmp_path / "8.tif", eight),
        write_raster(tmp_path / "16.tif", deep, left=LEFT + 8),
    ]
    image, _ = _read(*paths, bounds=_bounds(width=16, height=8), shape=(8, 16))
    np.testing.assert_array_equal(image[0, :, :8], eight[0])
    assert len(np.unique(image[0, :, 8:])) > 40


def test_floating_point_without_number_is_no_image(tmp_path):
    pixels = np.linspace(0, 1, 24, dtype=np.float32).reshape(1, 4, 6)
    pixels[0, 1, 2] = np.nan
    path = write_raster(tmp_path / "a.tif", pixels)
    image, valid = _read(path, bounds=_bounds(width=6, height=4), shape=(4, 6))
    assert np.argwhere(~valid).tolist() == [[1, 2]]
    assert image[:, 1, 2].tolist() == [0, 0, 0]
    assert image[0, 3, 5] == 255


@pytest.mark.parametrize("kind", ["nodata", "alpha", "mask"])
def test_nodata_alpha_and_mask_bands_say_where_there_is_no_image(tmp_path, kind):
    pixels = noise(bands=3, height=10, width=14)
    gone = np.zeros((10, 14), bool)
    gone[:4, :5] = True
    pixels[:, gone] = 7
    area = {"bounds": _bounds(width=14, height=10), "shape": (10, 14)}
    path = tmp_path / "a.tif"
    if kind == "nodata":
        pixels[0, 9, 13] = 7  # one band alone is no nodata
        write_raster(path, pixels, nodata=7)
    elif kind == "alpha":
        alpha = np.where(gone, 0, 255).astype(np.uint8)
        write_raster(path, np.concatenate([pixels, alpha[None]]), photometric="RGB", alpha="yes")
    else:
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
            write_raster(path, pixels)
            with rasterio.open(path, "r+") as dataset:
                dataset.write_mask(~gone)
    image, valid = _read(path, **area)
    np.testing.assert_array_equal(valid, ~gone)
    np.testing.assert_array_equal(image, pixels * ~gone)


def test_no_image_does_not_darken_the_average(tmp_path):
    pixels = np.full((3, 4, 4), 200, np.uint8)
    pixels[:, :, 1] = 0
    pixels[:, :2, :2] = 0
    path = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    image, valid = _read(path, bounds=_bounds(width=4, height=4), shape=(2, 2))
    assert valid.tolist() == [[False, True], [True, True]]
    assert image[0].tolist() == [[0, 200], [200, 200]]


@pytest.mark.parametrize(("resolution", "cut"), [(0.5, 37), (3.0, 7)])
def test_a_rectangle_across_two_files_is_seamless(tmp_path, resolution, cut):
    pixels = noise(bands=3, height=50, width=80)
    area = {
        "bounds": _bounds(dx=7.3, dy=6.1, width=25 * resolution, height=20 * resolution),
        "shape": (23, 31),
    }
    whole = write_raster(tmp_path / "whole.tif", pixels, resolution=resolution)
    west = write_raster(tmp_path / "w.tif", pixels[:, :, :cut], resolution=resolution)
    east = write_raster(
        tmp_path / "e.tif", pixels[:, :, cut:], resolution=resolution, left=LEFT + cut * resolution
    )
    expected, valid = _read(whole, **area)
    image, both = _read(west, east, **area)
    assert valid.all()
    assert both.all()
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_earlier_files_lie_on_top_and_later_ones_fill_their_gaps(tmp_path):
    top, below = np.full((3, 6, 10), 50, np.uint8), np.full((3, 6, 20), 90, np.uint8)
    top[:, 2:4, 3:6] = 0
    paths = [
        write_raster(tmp_path / "z_top.tif", top, nodata=0),
        write_raster(tmp_path / "a_below.tif", below),
    ]
    image, valid = _read(*paths, bounds=_bounds(width=20, height=6), shape=(6, 20))
    expected = np.full((6, 20), 90)
    expected[:, :10] = np.where(top[0] == 0, 90, 50)
    assert valid.all()
    np.testing.assert_array_equal(image[1], expected)


def test_outside_the_imagery_nothing_is_valid(tmp_path):
    path = write_raster(tmp_path / "a.tif", noise(bands=3, height=8, width=12))
    image, valid = _read(path, bounds=_bounds(dx=-6, dy=-4, width=24, height=16), shape=(32, 48))
    expected = np.zeros((32, 48), bool)
    expected[8:24, 12:36] = True
    np.testing.assert_array_equal(valid, expected)
    assert not image[:, ~valid].any()
    far, nothing = _read(path, bounds=_bounds(dx=500, width=24, height=16), shape=(4, 6))
    assert not far.any()
    assert not nothing.any()


def test_an_orthophoto_in_another_crs_lands_where_it_belongs(tmp_path):
    pixels = np.full((1, 300, 400), 10, np.uint8)
    pixels[0, 80:84, 250:254] = 250
    path = write_raster(tmp_path / "utm.tif", pixels, left=500_000, top=5_200_000, crs="EPSG:32631")
    (x,), (y,) = transform_points("EPSG:32631", CRS, [500_252.0], [5_199_918.0])
    bounds = Bounds(x - 60, y - 40, x + 20, y + 20)
    image, valid = _read(path, bounds=bounds, shape=(60, 80))
    rows, cols = np.nonzero(image[0] > 100)
    assert valid.all()
    assert abs(cols.mean() + 0.5 - 60) < 0.5
    assert abs(rows.mean() + 0.5 - 20) < 0.5


def test_the_pixels_of_a_part_are_those_of_the_whole_in_another_crs(tmp_path):
    path = write_raster(
        tmp_path / "utm.tif",
        noise(bands=3, height=200, width=260),
        left=500_000,
        top=5_200_000,
        crs="EPSG:32631",
    )
    (x,), (y,) = transform_points("EPSG:32631", CRS, [500_130.0], [5_199_900.0])
    whole, _ = _read(path, bounds=Bounds(x - 60, y - 60, x + 60, y + 60), shape=(40, 40))
    part, _ = _read(path, bounds=Bounds(x - 60, y, x, y + 60), shape=(20, 20))
    assert np.abs(part.astype(int) - whole[:, :20, :20]).max() <= 1


def test_a_raster_without_crs_needs_the_option(tmp_path):
    pixels = noise(bands=3, height=8, width=12)
    path = write_raster(tmp_path / "bare.tif", pixels, crs=None)
    area = {"bounds": _bounds(width=12, height=8), "shape": (8, 12)}
    with pytest.raises(MissingCrsError, match=r"bare\.tif .*--ortho-crs"):
        _read(path, **area)
    image, _ = _read(path, **area, source=SourceConfig(ortho_crs="EPSG:2154"))
    np.testing.assert_array_equal(image, pixels)
    with pytest.raises(ConfigurationError, match=r"--ortho-crs is 'lambert'"):
        _read(path, **area, source=SourceConfig(ortho_crs="lambert"))


def test_a_raster_without_position_is_refused(tmp_path):
    path = tmp_path / "photo.tif"
    pixels = noise(bands=3, height=8, width=12)
    with (
        pytest.warns(rasterio.errors.NotGeoreferencedWarning),
        rasterio.open(
            path, "w", driver="GTiff", count=3, height=8, width=12, dtype="uint8"
        ) as dataset,
    ):
        dataset.write(pixels)
    with pytest.raises(UnreadableInputError, match="no position"):
        _read(
            path,
            bounds=_bounds(width=12, height=8),
            shape=(8, 12),
            source=SourceConfig(ortho_crs=CRS),
        )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("strips.tif", {}),
        ("tiles.tif", {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}),
        ("cog.tif", {"driver": "COG", "blocksize": 128}),
        ("wavelets.jp2", {}),
    ],
)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.97])
def test_a_truncated_file_is_never_silently_black(tmp_path, name, options, kept, capfd):
    path = write_raster(tmp_path / name, noise(bands=3, height=256, width=300), **options)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(UnreadableInputError, match=rf"{name} cannot be read .*truncated"):
        _read(path, bounds=_bounds(width=300, height=256), shape=(64, 75))
    assert capfd.readouterr().err == ""


def test_blocks_that_were_never_written_are_no_image(tmp_path):
    path = tmp_path / "sparse.tif"
    pixels = noise(bands=3, height=128, width=192)
    options = {"tiled": True, "blockxsize": 64, "blockysize": 64, "sparse_ok": True}
    write_raster(path, np.zeros_like(pixels), **options)
    with rasterio.open(path, "r+") as dataset:
        dataset.write(pixels[:, :, :64], window=rasterio.windows.Window(0, 0, 64, 128))
    image, valid = _read(path, bounds=_bounds(width=192, height=128), shape=(128, 192))
    assert valid[:, :64].all()
    assert not valid[:, 64:].any()
    np.testing.assert_array_equal(image[:, :, :64], pixels[:, :, :64])


def test_garbage_is_named(tmp_path):
    path = tmp_path / "garbage.tif"
    path.write_bytes(b"no picture at all")
    with pytest.raises(UnreadableInputError, match=r"garbage\.tif cannot be read"):
        _read(path, bounds=_bounds(width=12, height=8), shape=(8, 12))


def test_a_vrt_whose_source_is_gone_is_refused(tmp_path):
    path = write_raster(tmp_path / "a.tif", noise(bands=3, height=8, width=12))
    vrt = tmp_path / "a.vrt"
    rasterio.shutil.copy(path, vrt, driver="VRT")
    path.unlink()
    with pytest.raises(UnreadableInputError, match=r"a\.vrt cannot be read"):
        _read(vrt, bounds=_bounds(width=12, height=8), shape=(8, 12))


@pytest.mark.parametrize("white", [False, True])
def test_large_areas_of_pure_black_or_white_are_fill(tmp_path, white):
    pixels = noise(bands=3, height=100, width=200)
    pixels[:, :, 120:] = 255 if white else 0
    pixels[:, 10:13, 10:13] = 255 if white else 0  # a roof, a shadow
    area = {"bounds": _bounds(width=400, height=200), "shape": (100, 200)}
    path = write_raster(tmp_path / "a.tif", pixels, resolution=2)
    image, valid = _read(path, **area)
    assert valid[:, :120].all()
    assert not valid[:, 120:].any()
    beside = write_raster(
        tmp_path / "b.tif", noise(bands=3, height=100, width=100), left=LEFT + 240, resolution=2
    )
    assert _read(path, beside, **area)[1][:, :170].all()
    assert image.any()


def test_small_or_declared_areas_of_black_are_image(tmp_path):
    pixels = noise(bands=3, height=100, width=200)
    pixels[:, :, 180:] = 0
    path = write_raster(tmp_path / "a.tif", pixels, resolution=2)
    assert _read(path, bounds=_bounds(width=400, height=200), shape=(100, 200))[1].all()
    pixels[:, :, 80:] = 0
    path = write_raster(tmp_path / "b.tif", pixels, resolution=2, nodata=255)
    assert _read(path, bounds=_bounds(width=400, height=200), shape=(100, 200))[1].all()


def test_folders_are_searched_to_the_bottom_in_any_letter_case(tmp_path):
    pixels = noise(bands=1, height=4, width=4)
    names = ["b/deep/X.TIF", "a.tif", "c.Jp2", ".hidden/h.tif", "notes.txt"]
    for name in names[:2] + names[3:4]:
        write_raster(tmp_path / name, pixels, driver="GTiff")
    write_raster(tmp_path / names[2], pixels, driver="JP2OpenJPEG")
    (tmp_path / "notes.txt").write_text("no raster")
    found = find_files(["."], base=tmp_path, suffixes=ORTHO_SUFFIXES, option="--ortho")
    assert [path.relative_to(tmp_path).as_posix() for path in found] == [
        "a.tif",
        "b/deep/X.TIF",
        "c.Jp2",
    ]


def test_patterns_and_files_keep_their_order_and_come_once(tmp_path):
    for name in ("n1.tif", "n2.tif", "other.tif"):
        write_raster(tmp_path / name, noise(bands=1, height=4, width=4))
    found = find_files(
        ["other.tif", "n*.tif", str(tmp_path)],
        base=tmp_path,
        suffixes=ORTHO_SUFFIXES,
        option="--ortho",
    )
    assert [path.name for path in found] == ["other.tif", "n1.tif", "n2.tif"]


def test_a_missing_file_pattern_or_empty_folder_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    for entry, message in (
        ("gone.tif", r"--ortho gone\.tif: there is no such file"),
        ("*.tif", "no file fits it as a pattern"),
        ("empty", r"empty: the folder holds no file that ends in .*\.tif"),
    ):
        with pytest.raises(MissingInputError, match=message):
            find_files([entry], base=tmp_path, suffixes=ORTHO_SUFFIXES, option="--ortho")


def test_a_value_range_must_rise(tmp_path):
    path = write_raster(tmp_path / "a.tif", noise(bands=1, height=4, width=4))
    with pytest.raises(ConfigurationError, match="value_range is 9, 9"):
        _read(
            path,
            bounds=_bounds(width=4, height=4),
            shape=(4, 4),
            source=SourceConfig(value_range=(9, 9)),
        )


def test_alpha_beside_grey_is_no_second_colour(tmp_path):
    pixels = noise(bands=2, height=8, width=12)
    pixels[1] = 255
    path = write_raster(tmp_path / "a.tif", pixels, alpha="yes")
    with rasterio.open(path) as dataset:
        assert dataset.colorinterp[1] == ColorInterp.alpha
    image, valid = _read(path, bounds=_bounds(width=12, height=8), shape=(8, 12))
    np.testing.assert_array_equal(image[2], pixels[0])
    assert valid.all()


def test_sampling_threads_are_one_so_that_gdal_stays_silent():
    with sampling.env():
        assert rasterio.env.getenv()["GDAL_NUM_THREADS"] == "1"
