"""Image and mask of a tile show the same ground, whatever systems their sources are in."""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import from_origin

from aerialret.config import GridConfig, SourceConfig
from aerialret.ingestion.ingest import ingest
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import CODES
from aerialret.tiles.tileset import TileSet
from tests.geodata import noise, write_raster

TILE_M, TILE_PX = 128.0, 64
PIXEL_M = TILE_M / TILE_PX
COLS, ROWS = 3, 2
GROUND, ROOF = 60, 220

PLACES = {
    "EPSG:2154": (928_000.0, 6_840_000.0),
    "EPSG:2056": (2_600_000.0, 1_200_000.0),
    "EPSG:32632": (400_000.0, 5_400_000.0),
}
"""North-western corners of territories."""


def _letters(left: float, top: float) -> list[shapely.Polygon]:
    """An L in each tile, each of another size and turn, none symmetric."""
    letters = []
    for index in range(COLS * ROWS):
        row, col = divmod(index, COLS)
        long, short, thick = 50 + 5 * index, 30 + 2 * index, 9 + 2.5 * index
        outline = [(0, 0), (0, long), (thick, long), (thick, thick), (short, thick), (short, 0)]
        letter = shapely.affinity.rotate(shapely.Polygon(outline), 11 + 23 * index, origin=(0, 0))
        west, _, _, north = letter.bounds
        at = left + col * TILE_M + 17.3 - west, top - row * TILE_M - 11.9 - north
        letters.append(shapely.affinity.translate(letter, *at))
    return letters


def _painted(letters: list[shapely.Polygon], left: float, top: float) -> NDArray:
    """Bright letters on dark ground, in pixels of a quarter of a metre."""
    shape = (round(ROWS * TILE_M * 4), round(COLS * TILE_M * 4))
    bright = rasterize(letters, out_shape=shape, transform=from_origin(left, top, 0.25, 0.25))
    return np.repeat(np.where(bright, ROOF, GROUND).astype(np.uint8)[None], 3, axis=0)


def _centre(weights: NDArray) -> NDArray:
    rows, cols = np.indices(weights.shape)
    return np.array([(rows * weights).sum(), (cols * weights).sum()]) / weights.sum()


def _misalignments(folder: Path) -> NDArray:
    """[tiles, 2]: rows and columns from the mask's letter to the image's, in pixels."""
    tiles = TileSet(folder)
    batch = tiles.read("2020", tiles.tiles("2020"))
    found = []
    for image, mask in zip(batch.images, batch.masks, strict=True):
        brightness = (image[0].astype(float) - GROUND).clip(0) / (ROOF - GROUND)
        brightness[brightness < 0.05] = 0
        found.append(_centre(brightness) - _centre(mask == CODES["building"]))
    return np.array(found)


def _territory(folder: Path, crs: str, *, vector_crs: str, shift_m: float = 0) -> SourceConfig:
    left, top = PLACES[crs]
    letters = _letters(left, top)
    pixels = _painted(letters, left, top)
    write_raster(folder / "o.tif", pixels, left=left, top=top, resolution=0.25, crs=crs)
    moved = [shapely.affinity.translate(letter, shift_m, 0) for letter in letters]
    # pyproj puts the corners into the other system, not the code under test.
    to_other = pyproj.Transformer.from_crs(crs, vector_crs, always_xy=True)
    shapes = [
        shapely.transform(shapely.segmentize(letter, 5), to_other.transform, interleaved=False)
        for letter in moved
    ]
    gpd.GeoDataFrame(geometry=shapes, crs=vector_crs).to_file(folder / "letters.gpkg")
    return SourceConfig(ortho=("o.tif",), vectors=("letters.gpkg=building",))


def _grid(crs: str) -> GridConfig:
    left, top = PLACES[crs]
    return GridConfig(crs=crs, tile_size_m=TILE_M, tile_px=TILE_PX, origin=f"{left},{top}")


def _ingest(folder: Path, source: SourceConfig, *, grid: GridConfig) -> Path:
    ingest(folder / "tiles", date="2020", source=source, grid=grid, base=folder)
    return folder / "tiles"


@pytest.mark.parametrize(
    ("crs", "vector_crs"),
    [
        ("EPSG:2154", "EPSG:2154"),
        ("EPSG:2154", "EPSG:27572"),
        ("EPSG:2154", "EPSG:4326"),
        ("EPSG:2056", "EPSG:4326"),
        ("EPSG:2056", "EPSG:21781"),
        ("EPSG:2056", "EPSG:3857"),
        ("EPSG:32632", "EPSG:4326"),
        ("EPSG:32632", "EPSG:25832"),
        ("EPSG:32632", "EPSG:3035"),
    ],
)
def test_image_and_mask_agree_to_half_a_pixel(tmp_path, crs, vector_crs):
    source = _territory(tmp_path, crs, vector_crs=vector_crs)
    found = _misalignments(_ingest(tmp_path, source, grid=_grid(crs)))
    assert found.shape == (COLS * ROWS, 2)
    assert np.abs(found).max() < 0.15  # what remains is that masks have whole pixels
    tiles = TileSet(tmp_path / "tiles")
    left, top = PLACES[crs]
    letters = _letters(left, top)
    masks = tiles.read("2020", [TileId(i % COLS, i // COLS) for i in range(len(letters))]).masks
    for index, letter in enumerate(letters):
        west, north = left + index % COLS * TILE_M, top - index // COLS * TILE_M
        expected = rasterize(
            [letter],
            out_shape=(TILE_PX, TILE_PX),
            transform=from_origin(west, north, PIXEL_M, PIXEL_M),
        )
        differing = (masks[index] == CODES["building"]) != expected.astype(bool)
        assert differing.sum() <= 0.02 * expected.sum()


@pytest.mark.parametrize(
    ("crs", "grid_crs"), [("EPSG:2154", "EPSG:32632"), ("EPSG:2056", "EPSG:2154")]
)
def test_a_grid_in_a_third_system_keeps_them_together(tmp_path, crs, grid_crs):
    source = _territory(tmp_path, crs, vector_crs="EPSG:4326")
    grid = GridConfig(crs=grid_crs, tile_size_m=512.0, tile_px=256, origin="auto")
    ingest(
        tmp_path / "tiles",
        date="2020",
        source=SourceConfig(ortho=source.ortho, vectors=source.vectors, min_valid=0.0),
        grid=grid,
        base=tmp_path,
    )
    tiles = TileSet(tmp_path / "tiles")
    batch = tiles.read("2020", tiles.tiles("2020"))
    seen = 0
    for image, mask, valid in zip(batch.images, batch.masks, batch.valid, strict=True):
        bright = (image[0].astype(float) - GROUND).clip(0) / (ROOF - GROUND) * valid
        drawn = (mask == CODES["building"]) & valid
        if drawn.sum() > 500:
            seen += 1
            assert np.abs(_centre(bright) - _centre(drawn)).max() < 0.25
            assert ((bright > 0.5) != drawn).sum() < 0.03 * drawn.sum()
    assert seen


def test_a_shift_of_a_pixel_would_be_seen(tmp_path):
    source = _territory(tmp_path, "EPSG:2154", vector_crs="EPSG:27572", shift_m=PIXEL_M)
    found = _misalignments(_ingest(tmp_path, source, grid=_grid("EPSG:2154")))
    assert found[:, 1].mean() == pytest.approx(-1, abs=0.05)
    assert abs(found[:, 0].mean()) < 0.05


def test_no_system_is_reached_without_its_datum_shift():
    """Lambert II étendu and Lambert-93 differ by some 60 m more than their projections do."""
    at = (600_000.0, 2_200_000.0)
    direct = pyproj.Transformer.from_crs(27572, 2154, always_xy=True).transform(*at)
    shift = pyproj.Transformer.from_pipeline(
        # EPSG 1651, the three published parameters, on cartesian coordinates.
        "+proj=pipeline +step +inv +proj=lcc +lat_1=46.8 +lat_0=46.8 +k_0=0.99987742 +x_0=600000 "
        "+y_0=2200000 +a=6378249.2 +b=6356515 +pm=paris "
        "+step +proj=cart +a=6378249.2 +b=6356515 +step +proj=helmert +x=-168 +y=-60 +z=320 "
        "+step +inv +proj=cart +ellps=GRS80 +step +proj=lcc +lat_0=46.5 +lon_0=3 +lat_1=49 "
        "+lat_2=44 +x_0=700000 +y_0=6600000 +ellps=GRS80"
    ).transform(*at, 0.0)
    # With the national grid installed they differ by a metre or two.
    np.testing.assert_allclose(direct, shift[:2], rtol=0, atol=5)


def _cut(folder: Path, pixels: NDArray, *, overlap_px: int, suffix: str, **options) -> None:
    """A territory of 500 m in five files: three above, two below, cut where no tile ends."""
    left, top = PLACES["EPSG:2154"]
    height, width = pixels.shape[1:]
    rows = [(0, 430), (430, height)]
    cols = [[(0, 333), (333, 671), (671, width)], [(0, 517), (517, width)]]
    for (first, last), columns in zip(rows, cols, strict=True):
        for start, end in columns:
            low, high = max(0, first - overlap_px), min(height, last + overlap_px)
            west, east = max(0, start - overlap_px), min(width, end + overlap_px)
            name = f"57-2015-{start:04}-{first:04}-X{suffix}"
            write_raster(
                folder / name,
                pixels[:, low:high, west:east],
                left=left + west * 0.5,
                top=top - low * 0.5,
                resolution=0.5,
                **options,
            )


@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
@pytest.mark.parametrize("overlap_px", [0, 1])
@pytest.mark.parametrize("tile_px", [100, 64])
def test_a_mosaic_has_no_seam(tmp_path, suffix, overlap_px, tile_px):
    """Tiles of whole pixels come out byte for byte, others to the rounding of sums."""
    pixels = noise(bands=3, height=1000, width=1000)
    left, top = PLACES["EPSG:2154"]
    write_raster(tmp_path / "one" / "o.tif", pixels, left=left, top=top, resolution=0.5)
    _cut(tmp_path / "five", pixels, overlap_px=overlap_px, suffix=suffix)
    grid = GridConfig(crs="EPSG:2154", tile_size_m=100.0, tile_px=tile_px, origin=f"{left},{top}")
    batches = []
    for name in ("one", "five"):
        source = SourceConfig(ortho=(name,))
        ingest(tmp_path / f"{name}-tiles", date="2020", source=source, grid=grid, base=tmp_path)
        tiles = TileSet(tmp_path / f"{name}-tiles")
        batches.append(tiles.read("2020", tiles.tiles("2020")))
    whole, cut = batches
    assert len(whole.images) == len(cut.images) == 25
    assert whole.valid.all()
    assert cut.valid.all()
    same = (whole.images == cut.images).all(axis=1)
    if not overlap_px:
        assert np.abs(whole.images.astype(int) - cut.images).max() <= (0 if tile_px == 100 else 1)
        return
    # A pixel that a border cuts takes a share from each file; where these overlap, the shares do.
    assert same.mean() > 0.99
    low, high = _extremes(pixels, tiles, tile_px=tile_px)
    assert (cut.images >= low).all()
    assert (cut.images <= high).all()


def _extremes(pixels: NDArray, tiles: TileSet, *, tile_px: int) -> tuple[NDArray, NDArray]:
    """The darkest and the brightest source pixel under each tile pixel, by a slow loop."""
    step, count = 200 / tile_px, 5 * tile_px
    edges = [(int(i * step + 1e-6), int(np.ceil((i + 1) * step - 1e-6))) for i in range(count)]
    reduced = []
    for reduce in (np.min, np.max):
        rows = np.stack([reduce(pixels[:, low:high], axis=1) for low, high in edges], axis=1)
        whole = np.stack([reduce(rows[:, :, low:high], axis=2) for low, high in edges], axis=2)
        parts = [
            whole[:, tile.row * tile_px :, tile.col * tile_px :][:, :tile_px, :tile_px]
            for tile in tiles.tiles("2020")
        ]
        reduced.append(np.stack(parts))
    return reduced[0], reduced[1]


def test_departments_with_white_beyond_their_border_join_without_a_line(tmp_path):
    """Two deliveries hold the same tile, each white where the other one has the ground."""
    left, top = PLACES["EPSG:2154"]
    pixels = noise(bands=3, height=1000, width=1000)
    border = np.arange(1000)[None] > 500 + 150 * np.sin(np.arange(1000)[:, None] / 140)
    for name, beyond in (("54", border), ("57", ~border)):
        part = pixels.copy()
        part[:, beyond] = 255
        path = tmp_path / name / f"{name}-2015-0928-6840-LA93-0M50.tif"
        write_raster(path, part, left=left, top=top, resolution=0.5)
    grid = GridConfig(crs="EPSG:2154", tile_size_m=500.0, tile_px=250, origin=f"{left},{top}")
    ingest(
        tmp_path / "tiles",
        date="2015",
        source=SourceConfig(ortho=("54", "57")),
        grid=grid,
        base=tmp_path,
    )
    batch = TileSet(tmp_path / "tiles").read("2015", [TileId(0, 0)])
    assert batch.valid.all()
    means = pixels.reshape(3, 250, 4, 250, 4).mean(axis=(2, 4))
    off = np.abs(batch.images[0] - means).max(axis=0)
    assert np.percentile(off, 98) < 40  # white would be off by 127
    assert (batch.images[0] > 250).all(axis=0).mean() < 0.01  # of a third that is white
