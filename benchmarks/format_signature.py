"""Measures what the format of an orthophoto leaves in a coarse tile.

    python benchmarks/format_signature.py [PHOTO...]

The same pixels are written as lossy JPEG2000 and, as that decodes to, as GeoTIFF and as COG with
averaged overviews. All are sampled at 7.8 pixels to one, by a decimated read and as an ingest does,
and compared with the GeoTIFF: root mean square and largest difference in grey levels. Without
photos the pixels are those of the other benchmarks; photos are laid side by side.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.shutil import copy as raster_copy
from rasterio.transform import from_origin
from territory import CRS, LEFT, TOP, Benchmark, _pixels

from aerialret.config import SourceConfig
from aerialret.ingestion.imagery.orthophoto import read_area
from aerialret.tiles.grid import Bounds

SIDE_PX, TILE_PX = 4000, 512


def main(photos: list[Path]) -> None:
    """Writes the files, samples them, prints a table."""
    pixels = _mosaic(photos) if photos else _pixels(Benchmark(gsd_m=1.0), seed=0)[:, :4000, :4000]
    with tempfile.TemporaryDirectory() as scratch:
        files = _written(pixels, Path(scratch))
        print(
            f"{'format':<22}{'read':<14}{'rms':>7}{'largest':>9}   (grey levels from the GeoTIFF)"
        )
        for name, path in files.items():
            for how, read in (("decimated", _decimated), ("as ingested", _ingested)):
                away = read(path) - read(files["GeoTIFF"])
                rms = float(np.sqrt((away**2).mean()))
                print(f"{name:<22}{how:<14}{rms:>7.2f}{np.abs(away).max():>9.0f}")


def _mosaic(photos: list[Path]) -> NDArray[np.uint8]:
    whole = np.zeros((3, SIDE_PX, SIDE_PX), np.uint8)
    row = col = 0
    for photo in photos:
        with rasterio.open(photo) as raster:
            part = raster.read([1, 2, 3])[:, : SIDE_PX - row, : SIDE_PX - col]
        whole[:, row : row + part.shape[1], col : col + part.shape[2]] = part
        col += part.shape[2]
        if col >= SIDE_PX:
            row, col = row + part.shape[1], 0
    return whole[:, : max(row, 512) // 512 * 512]


def _written(pixels: NDArray[np.uint8], folder: Path) -> dict[str, Path]:
    profile = {
        "count": 3, "height": pixels.shape[1], "width": pixels.shape[2], "dtype": "uint8",
        "crs": CRS, "transform": from_origin(LEFT, TOP, 0.5, 0.5),
    }  # fmt: skip
    lossy = folder / "a.jp2"
    with rasterio.open(
        lossy, "w", driver="JP2OpenJPEG", QUALITY="8", REVERSIBLE="NO", **profile
    ) as raster:
        raster.write(pixels)
    with rasterio.open(lossy) as raster:
        decoded = raster.read()
    plain = folder / "a.tif"
    with rasterio.open(plain, "w", driver="GTiff", tiled=True, **profile) as raster:
        raster.write(decoded)
    averaged, nearest = folder / "averaged.tif", folder / "nearest.tif"
    raster_copy(plain, averaged, driver="COG", compress="ZSTD", overview_resampling="average")
    raster_copy(plain, nearest, driver="COG", compress="ZSTD", overview_resampling="nearest")
    return {
        "GeoTIFF": plain, "JPEG2000 (9/7)": lossy, "COG, averaged": averaged,
        "COG, nearest": nearest,
    }  # fmt: skip


def _shape(path: Path) -> tuple[int, int]:
    with rasterio.open(path) as raster:
        return round(raster.height / 7.8125), round(raster.width / 7.8125)


def _decimated(path: Path) -> NDArray[np.float64]:
    with rasterio.open(path) as raster:
        image = raster.read(out_shape=(3, *_shape(path)), resampling=Resampling.average)
    return np.asarray(image, np.float64)


def _ingested(path: Path) -> NDArray[np.float64]:
    with rasterio.open(path) as raster:
        bounds = Bounds(*raster.bounds)
    image, _ = read_area([path], bounds=bounds, crs=CRS, shape=_shape(path), source=SourceConfig())
    return image.astype(np.float64)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
