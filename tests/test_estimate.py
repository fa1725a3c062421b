"""An estimate counts what an ingest will write, and scales what a sample took."""

from itertools import count
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aerialret.config.sources import SourceConfig
from aerialret.ingestion.estimate import DECODING_SHARE, estimate, touched_cells
from aerialret.ingestion.imagery.ortho_files import OrthoFile, inspect_ortho
from aerialret.tiles.grid import Grid
from tests.geodata import CRS, LEFT, TOP, noise, write_raster

GRID = Grid(crs=CRS, tile_size_m=64.0, tile_px=32)


def inspected(path: Path) -> OrthoFile:
    return inspect_ortho(path, source=SourceConfig())


def ticking(step: float = 1.0):
    """A clock that ticks once each time it is read."""
    ticks = count()
    return lambda: next(ticks) * step


@pytest.fixture
def files(tmp_path: Path) -> list[OrthoFile]:
    """Two files that share a border; 3 and 2 cells of 64 m wide, 2 high."""
    pixels = noise(bands=3, height=128, width=192)
    left = write_raster(tmp_path / "a.tif", pixels, left=LEFT, top=TOP)
    right = write_raster(tmp_path / "b.jp2", pixels[:, :, :128], left=LEFT + 192, top=TOP)
    return [inspected(left), inspected(right)]


def test_cells_are_counted_once_and_as_a_slow_loop_counts_them(files: list[OrthoFile]) -> None:
    made = estimate(files, grid=GRID, workers=1, sample_s=0)
    expected = {
        (int(np.floor((LEFT + x) / 64)), int(np.floor(-(TOP - y) / 64)))
        for x in np.arange(0.5, 320)
        for y in np.arange(0.5, 128)
    }
    assert made.tiles == len(expected)
    assert {(cell.col, cell.row) for cell in touched_cells(files, grid=GRID, crs=files[0].crs)} == (
        expected
    )


def test_the_time_is_what_the_sample_took_for_each_pixel(files: list[OrthoFile]) -> None:
    made = estimate(files, grid=GRID, workers=1, sample_s=0, clock=ticking(0.5))
    assert made.sample_s == 0.5
    assert made.source_pixels == 128 * (192 + 128)
    expected = 0.5 * made.source_pixels / made.sampled_pixels / DECODING_SHARE
    assert made.seconds == pytest.approx(expected)


@given(workers=st.integers(1, 64))
def test_twice_the_workers_take_half_the_time(workers: int, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("one")
    file = inspected(write_raster(folder / "a.tif", noise(bands=1, height=40, width=60)))
    one, two = (
        estimate([file], grid=GRID, workers=n, sample_s=0, clock=ticking())
        for n in (workers, 2 * workers)
    )
    assert two.seconds == pytest.approx(one.seconds / 2)


def test_the_sample_ends_when_its_time_is_over(files: list[OrthoFile]) -> None:
    short, long = (
        estimate(files, grid=GRID, workers=1, sample_s=limit, clock=ticking()) for limit in (1, 6)
    )
    assert (short.sample_s, long.sample_s) == (1, 6)
    assert long.sampled_pixels > short.sampled_pixels


def test_flat_ground_takes_less_room_than_noise(tmp_path: Path) -> None:
    rough = noise(bands=3, height=256, width=256)
    flat = np.full_like(rough, 90)
    sizes = [
        estimate([inspected(write_raster(tmp_path / name, pixels))], grid=GRID, workers=1)
        for name, pixels in (("rough.tif", rough), ("flat.tif", flat))
    ]
    assert sizes[1].bytes_on_disk < 0.1 * sizes[0].bytes_on_disk
    assert sizes[0].bytes_on_disk == pytest.approx(sizes[0].tiles * 32 * 32 * 3, rel=0.1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_kind_of_file_gives_an_estimate(tmp_path: Path, dtype: str) -> None:
    pixels = noise(bands=1, height=300, width=500, dtype=dtype)
    for ending in (".tif", ".jp2"):
        file = inspected(write_raster(tmp_path / f"{dtype}{ending}", pixels, resolution=0.25))
        made = estimate([file], grid=GRID, workers=2)
        assert made.seconds > 0
        assert made.sampled_pixels > 0
        assert made.blocks >= 1


def test_no_imagery_takes_nothing() -> None:
    made = estimate([], grid=GRID, workers=4)
    assert (made.tiles, made.blocks, made.bytes_on_disk, made.seconds) == (0, 0, 0, 0.0)
