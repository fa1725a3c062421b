"""Tiles as Cloud-Optimised GeoTIFFs: arrays and their cell go in, the bytes of a file come out.

Deflate, because every GIS reads it; overviews exist where a tile is larger than one block.
"""

from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.shutil import copy
from rasterio.transform import Affine

from aerialret.export.mask_style import colour_entries
from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import NO_COVERAGE

_COMMON = {"driver": "COG", "COMPRESS": "DEFLATE", "BLOCKSIZE": "256", "NUM_THREADS": "1"}


def image_cog(image: Image, valid: Valid, *, grid: Grid, tile: TileId) -> bytes:
    """The tile's image; an internal mask band tells the pixels without an image apart."""
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile() as memory:
        with _new(memory, image, grid, tile, photometric="RGB") as dataset:
            dataset.write(image)
            dataset.write_mask(valid)
        return _encoded(memory, PREDICTOR="YES", OVERVIEW_RESAMPLING="AVERAGE")


def mask_cog(mask: Mask, *, grid: Grid, tile: TileId) -> bytes:
    """The tile's mask with its colour table; 255, outside the vector coverage, is nodata."""
    with rasterio.Env(), MemoryFile() as memory:
        with _new(memory, mask[None], grid, tile, nodata=NO_COVERAGE) as dataset:
            dataset.write(mask, 1)
            dataset.write_colormap(1, colour_entries())
        return _encoded(memory, PREDICTOR="NO", OVERVIEW_RESAMPLING="NEAREST")


def tile_transform(grid: Grid, tile: TileId) -> Affine:
    """From column and row of a tile's pixels to the grid's CRS."""
    bounds, side = grid.bounds(tile), grid.resolution_m
    return Affine(side, 0.0, bounds.left, 0.0, -side, bounds.top)


def _new(
    memory: MemoryFile, pixels: NDArray[np.uint8], grid: Grid, tile: TileId, **options: Any
) -> Any:
    count, height, width = pixels.shape
    return memory.open(
        driver="GTiff", count=count, height=height, width=width, dtype="uint8", crs=grid.crs,
        transform=tile_transform(grid, tile), **options,
    )  # fmt: skip


def _encoded(memory: MemoryFile, **options: str) -> bytes:
    with memory.open() as source, MemoryFile(ext=".tif") as target:
        copy(source, target.name, **_COMMON, **options)
        content: bytes = target.read()
        return content
