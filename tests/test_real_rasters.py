"""Real imagery goes in with its vectors; skipped where it is missing."""

from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_bounds

from aerialret.config import GridConfig, SourceConfig
from aerialret.ingestion.ingest import IngestReport, ingest
from aerialret.tiles.palette import CODES, NO_COVERAGE
from aerialret.tiles.tileset import TileSet
from tests.geodata import SHARED

VECTORS = SHARED / "georef_vectors"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="the real imagery is not there")


def _ingest(folder: Path, *, date: str, grid: GridConfig, **source) -> IngestReport:
    source = {key: tuple(map(str, paths)) for key, paths in source.items()}
    return ingest(folder, date=date, source=SourceConfig(**source), grid=grid)


def _grey(images: NDArray) -> NDArray:
    return images.astype(float).mean(axis=1)


def _shift(one: NDArray, other: NDArray, *, reach: int = 4) -> tuple[int, int]:
    """The rows and columns by which `other` fits `one` best, by gradients, tried one by one."""

    def edges(picture: NDArray) -> NDArray:
        size = np.hypot(*np.gradient(picture))
        return size - size.mean()

    a, b = edges(one), edges(other)
    inner = (slice(reach, -reach), slice(reach, -reach))
    scores = {
        (row, col): float((a[inner] * np.roll(b, (row, col), axis=(0, 1))[inner]).sum())
        for row in range(-reach, reach + 1)
        for col in range(-reach, reach + 1)
    }
    return max(scores, key=lambda key: scores[key])


def _rasterised(path: Path, tiles: TileSet, *, date: str) -> NDArray:
    """The masks that rasterio draws of a layer, tile by tile."""
    crs, grid = tiles.grid.crs, tiles.grid
    shapes = gpd.read_file(path).to_crs(crs).geometry
    shapes = [shape for shape in shapes if shape is not None and shape.area > 0]
    return np.stack(
        [
            rasterize(
                shapes,
                out_shape=(grid.tile_px, grid.tile_px),
                transform=from_bounds(*grid.bounds(tile), grid.tile_px, grid.tile_px),
            )
            for tile in tiles.tiles(date)
        ]
    ).astype(bool)


def test_ten_dates_of_naip_have_the_same_places_and_do_not_shift(tmp_path):
    """Their extents differ by 2 to 4 m, of pixels of 5 m."""
    folder = tmp_path / "tiles"
    grid = GridConfig(crs="EPSG:26914", tile_size_m=1280.0, tile_px=256)
    dates = []
    for path in sorted((SHARED / "naip_5m_10dates").glob("*.tif")):
        stamp = path.stem.rsplit("_", 1)[1]
        dates.append(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}")
        report = _ingest(folder, date=dates[-1], grid=grid, ortho=[path])
        assert report.warnings == ()
    tiles = TileSet(folder)
    assert tiles.dates == dates
    assert len(dates) == 10
    places = tiles.tiles(dates[0])
    assert len(places) == 9
    assert all(tiles.tiles(date) == places for date in dates)
    pictures = [tiles.read(date, places) for date in dates]
    for one, other in pairwise(pictures):
        greys = zip(_grey(one.images), _grey(other.images), strict=True)
        # Where water and harvests move, single tiles may fit elsewhere; most do not.
        assert sum(_shift(a, b) == (0, 0) for a, b in greys) >= 5


def test_pairs_near_delhi_meet_on_one_grid(tmp_path):
    """The two dates differ in pixel size (1.1 and 1.1007 m) and corner."""
    grid = GridConfig(crs="EPSG:32643", tile_size_m=256.0, tile_px=256, origin="auto")
    for date, name in (("2018", "A"), ("2021", "B")):
        _ingest(tmp_path / "tiles", date=date, grid=grid, ortho=[SHARED / "india_1m_pairs" / name])
    tiles = TileSet(tmp_path / "tiles")
    both = [tile for tile in tiles.tiles("2018") if tile in set(tiles.tiles("2021"))]
    assert len(both) >= 17
    one, other = (_grey(tiles.read(date, both).images) for date in ("2018", "2021"))
    shifts = np.array([_shift(a, b, reach=6) for a, b in zip(one, other, strict=True)])
    assert np.abs(np.median(shifts, axis=0)).max() <= 3  # the pairs themselves are shifted a little


def test_a_pair_before_and_after_a_hurricane_keeps_every_pixel(tmp_path):
    source = SHARED / "puerto_rico_pair"
    with rasterio.open(source / "A" / "tile_0_107.tif") as dataset:
        left, top = dataset.bounds.left, dataset.bounds.top
        side = dataset.bounds.right - left
    grid = GridConfig(crs="EPSG:32619", tile_size_m=side, tile_px=512, origin=f"{left},{top}")
    for date, name in (("2017-08", "A"), ("2017-10", "B")):
        report = _ingest(tmp_path / "tiles", date=date, grid=grid, ortho=[source / name])
        assert report.tiles_written == 1
    tiles = TileSet(tmp_path / "tiles")
    for date, name in zip(tiles.dates, ("A", "B"), strict=True):
        with rasterio.open(source / name / "tile_0_107.tif") as dataset:
            np.testing.assert_array_equal(
                tiles.read(date, tiles.tiles(date)).images[0], dataset.read()
            )


def test_atlanta_in_16_bits_is_stretched_and_its_masks_are_rasterios(tmp_path):
    source = VECTORS / "spacenet_atlanta"
    layer = source / "buildings.geojson"
    grid = GridConfig(crs="EPSG:32616", tile_size_m=128.0, tile_px=256, origin="auto")
    report = _ingest(
        tmp_path / "tiles",
        date="2009",
        grid=grid,
        ortho=[source / "ortho_pan_0.5m.tif"],
        vectors=[f"{layer}=building"],
    )
    tiles = TileSet(tmp_path / "tiles")
    batch = tiles.read("2009", tiles.tiles("2009"))
    assert report.tiles_written + report.tiles_too_empty == 16
    assert report.tiles_written == len(batch) == 15
    low, high = report.value_range
    assert 0 < low < high < 2**14
    seen = batch.images[:, 0][batch.valid]
    assert 0.002 < (seen == 0).mean() < 0.02
    assert 0.002 < (seen == 255).mean() < 0.02
    assert 60 < np.median(seen) < 190
    assert (batch.images == batch.images[:, :1]).all()
    expected = _rasterised(layer, tiles, date="2009") & (batch.masks != NO_COVERAGE)
    np.testing.assert_array_equal(batch.masks == CODES["building"], expected)
    assert expected.any(axis=(1, 2)).sum() >= 8


def test_tanzania_draws_the_buildings_near_its_imagery_out_of_4440(tmp_path):
    source = VECTORS / "tanzania_drone"
    layer = source / "buildings.geojson"
    grid = GridConfig(crs="EPSG:32737", tile_size_m=25.6, tile_px=256, origin="auto")
    report = _ingest(
        tmp_path / "tiles",
        date="2017",
        grid=grid,
        ortho=[source / "ortho_rgb_0.077m.tif"],
        vectors=[f"{layer}=building"],
    )
    assert report.layers[0].features == 4440
    assert 0 < report.layers[0].read < 400
    tiles = TileSet(tmp_path / "tiles")
    batch = tiles.read("2017", tiles.tiles("2017"))
    assert report.tiles_written == len(batch) >= 9
    np.testing.assert_array_equal(
        batch.masks == CODES["building"], _rasterised(layer, tiles, date="2017")
    )
    assert (batch.masks == CODES["building"]).any()


def test_austin_shows_its_pixels_and_its_building_raster_agrees_in_place(tmp_path):
    source = VECTORS / "inria_austin"
    with rasterio.open(source / "ortho_rgb_0.3m.tif") as dataset:
        own = dataset.read()
        left, top = dataset.bounds.left, dataset.bounds.top
    with rasterio.open(source / "buildings_mask.tif") as dataset:
        buildings = gpd.GeoDataFrame.from_features(
            [
                {"geometry": shape, "properties": {}}
                for shape, value in rasterio.features.shapes(
                    dataset.read(1), transform=dataset.transform
                )
                if value
            ],
            crs=dataset.crs,
        )
    buildings.to_crs("EPSG:4326").to_file(tmp_path / "buildings.gpkg")
    grid = GridConfig(crs="EPSG:26914", tile_size_m=75.0, tile_px=250, origin=f"{left},{top}")
    report = _ingest(
        tmp_path / "tiles",
        date="2012",
        grid=grid,
        ortho=[source / "ortho_rgb_0.3m.tif"],
        vectors=[f"{tmp_path / 'buildings.gpkg'}=building"],
    )
    assert report.tiles_written == 16
    tiles = TileSet(tmp_path / "tiles")
    places = tiles.tiles("2012")
    batch = tiles.read("2012", places)
    for tile, image, mask in zip(places, batch.images, batch.masks, strict=True):
        rows, cols = (slice(at * 250, at * 250 + 250) for at in (tile.row, tile.col))
        np.testing.assert_array_equal(image, own[:, rows, cols])
        with rasterio.open(source / "buildings_mask.tif") as dataset:
            drawn = dataset.read(1)[rows, cols] > 0
        inside = mask != NO_COVERAGE
        assert ((mask == CODES["building"]) != drawn)[inside].mean() < 0.001
