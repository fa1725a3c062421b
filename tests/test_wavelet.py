"""Whatever the format, a coarse tile shows the same wavelet band of the picture."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from aerialret.config import SourceConfig
from aerialret.ingestion.imagery import band_strips, decoding, piece_lattice, reduced_file
from aerialret.ingestion.imagery.open_files import OpenFiles
from aerialret.ingestion.imagery.orthophoto import inspect_orthos, read_area
from aerialret.ingestion.imagery.wavelet import kernel, low_pass, low_pass_taps, margin_px
from aerialret.tiles.grid import Bounds
from tests.geodata import CRS, LEFT, TOP, noise, write_raster

SIDE, TARGET_PX = 1536, 197  # 7.8 pixels of the source to one of the target: level 2


def landscape(side: int, seed: int = 0) -> NDArray[np.uint8]:
    """Detail of every size, as a photo has: noise whose amplitude falls with its frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]) + 1e-3
    bands = [
        np.fft.irfft2(np.fft.rfft2(rng.normal(size=(side, side))) / frequency, s=(side, side))
        for _ in range(3)
    ]
    pixels = np.stack([band / band.std() * 35 + 120 for band in bands])
    pixels[:, :200, :70] += 40  # asymmetric
    return pixels.clip(1, 254).astype(np.uint8)


def tile(path: Path, *, px: int = TARGET_PX, side: float = SIDE) -> NDArray[np.float64]:
    bounds = Bounds(LEFT, TOP - side, LEFT + side, TOP)
    image, valid = read_area([path], bounds=bounds, crs=CRS, shape=(px, px), source=SourceConfig())
    assert valid.all()
    return image.astype(float)


def rmse(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    return float(np.sqrt(((one - other) ** 2).mean()))


@pytest.fixture(scope="module")
def formats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same pixels as lossy JPEG2000, and what it decodes to as COG and as tiled TIFF."""
    folder = tmp_path_factory.mktemp("formats")
    lossy = write_raster(
        folder / "a.jp2", landscape(SIDE), QUALITY="15", REVERSIBLE="NO", BLOCKXSIZE="512",
        BLOCKYSIZE="512",
    )  # fmt: skip
    with rasterio.open(lossy) as dataset:
        pixels = dataset.read()
    return {
        "jp2": lossy,
        "cog": write_raster(
            folder / "cog.tif", pixels, driver="COG", overview_resampling="nearest"
        ),
        "averaged": write_raster(
            folder / "averaged.tif", pixels, driver="COG", overview_resampling="average"
        ),
        "tif": write_raster(folder / "a.tif", pixels, tiled=True, blockxsize=256, blockysize=256),
        "striped": write_raster(folder / "s.tif", pixels, blockysize=3),
    }


def test_two_formats_leave_no_signature_in_a_coarse_tile(formats: dict[str, Path]) -> None:
    tiles = {name: tile(path) for name, path in formats.items()}
    with rasterio.open(formats["jp2"]) as jp2, rasterio.open(formats["cog"]) as cog:
        shape = (3, TARGET_PX, TARGET_PX)
        naive = rmse(
            jp2.read(out_shape=shape, resampling=Resampling.average).astype(float),
            cog.read(out_shape=shape, resampling=Resampling.average).astype(float),
        )
    assert naive > 2.5  # what decimated reads would leave
    assert rmse(tiles["jp2"], tiles["tif"]) < 0.6  # rounding twice is 0.4
    assert rmse(tiles["averaged"], tiles["tif"]) < 0.6
    np.testing.assert_array_equal(tiles["cog"], tiles["tif"])
    np.testing.assert_array_equal(tiles["striped"], tiles["tif"])


def test_a_coarse_tile_is_near_the_exact_average(formats: dict[str, Path]) -> None:
    with rasterio.open(formats["tif"]) as dataset:
        pixels = dataset.read().astype(float)
    step = SIDE / TARGET_PX
    edges = np.arange(TARGET_PX + 1) * step
    weights = np.clip(
        np.minimum(edges[1:, None], np.arange(SIDE)[None] + 1)
        - np.maximum(edges[:-1, None], np.arange(SIDE)[None]), 0, None,
    ) / step  # fmt: skip
    exact = np.einsum("ij,bjk,lk->bil", weights, pixels, weights, optimize=True)
    coarse = tile(formats["tif"])
    assert rmse(coarse, exact) < 2.5
    assert abs((coarse - exact).mean()) < 0.05


def test_jpeg2000_is_decoded_no_finer_than_the_tile_needs(
    formats: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "decode", lambda *_, **__: pytest.fail("decoded at full detail"))
    tile(formats["jp2"])
    with pytest.raises(BaseException, match="full detail"):
        tile(formats["tif"])


def test_an_overview_is_taken_only_where_it_holds_averages(formats: dict[str, Path]) -> None:
    needed = {}
    opened = OpenFiles()
    for name, path in formats.items():
        (file,) = inspect_orthos([path], source=SourceConfig())
        needed[name] = decoding.finest_needed(opened, reduced_file.ReducedFile(file=file, level=2))
    opened.close()
    assert needed == {"jp2": 2, "averaged": 1, "cog": 0, "tif": 0, "striped": 0}


@pytest.mark.parametrize("level", [1, 2, 3])
def test_the_band_is_that_of_a_slow_loop(level: int) -> None:
    pixels = noise(bands=2, height=83, width=101).astype(np.float32)
    taps, margin, step = low_pass_taps(level), margin_px(level), 2**level
    band = low_pass(pixels, None, kernel(level))
    for row in range(band.values.shape[1]):
        for col in range(band.values.shape[2]):
            around = pixels[
                :, row * step : row * step + len(taps), col * step : col * step + len(taps)
            ]
            expected = np.einsum("i,bij,j->b", taps, around, taps)
            np.testing.assert_allclose(band.values[:, row, col], expected, rtol=1e-4)
    assert len(taps) == 2 * margin + 1
    assert taps.sum() == pytest.approx(1)


def test_a_flat_picture_stays_flat_and_no_image_does_not_darken_it() -> None:
    pixels = np.full((1, 80, 90), 117, np.uint8)
    valid = np.ones((80, 90), bool)
    valid[:31, 40:] = False
    pixels[:, ~valid] = 0
    band = low_pass(pixels, valid, kernel(2))
    assert band.valid is not None
    assert set(np.unique(band.values[0][band.valid > 0])) == {117}
    assert set(np.unique(band.values[0][band.valid == 0])) <= {0}
    assert 0 < band.valid.mean() < 1


@pytest.mark.parametrize("strip_bytes", [1, 40_000])
@pytest.mark.parametrize("piece_px", [64, 4096])
def test_pieces_and_strips_leave_no_seam(
    formats: dict[str, Path], monkeypatch: pytest.MonkeyPatch, strip_bytes: int, piece_px: int
) -> None:
    whole = tile(formats["tif"])
    monkeypatch.setattr(band_strips, "STRIP_BYTES", strip_bytes)
    monkeypatch.setattr(piece_lattice, "COMPUTED_PIECE_PX", piece_px)
    np.testing.assert_array_equal(tile(formats["tif"]), whole)


def test_the_level_follows_from_the_pixel_sizes_alone(formats: dict[str, Path]) -> None:
    files = inspect_orthos(list(formats.values()), source=SourceConfig())
    for pixel_m, level in ((1.0, 0), (3.7, 0), (3.9, 1), (7.8, 2), (15.6, 3)):
        found = {
            reduced_file.level_for(file, crs=file.crs, pixel_m=(pixel_m, pixel_m)) for file in files
        }
        assert found == {level}


def test_samples_lie_where_the_pixels_are(tmp_path: Path) -> None:
    pixels = np.full((3, 512, 512), 60, np.uint8)
    pixels[:, 96:160, 224:352] = 200  # rows, columns: not square, not in the middle
    for name, options in (("a.tif", {}), ("a.jp2", {"QUALITY": "30", "REVERSIBLE": "NO"})):
        image = tile(write_raster(tmp_path / name, pixels, **options), px=64, side=512)[0] - 60
        rows, cols = np.indices(image.shape)
        assert (rows * image).sum() / image.sum() == pytest.approx(15.5, abs=0.02), name
        assert (cols * image).sum() / image.sum() == pytest.approx(35.5, abs=0.02), name
