"""Small orthophotos and vector layers, made by code; asymmetric, so that swapped axes show."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

CRS = "EPSG:2154"
LEFT, TOP = 900_000.0, 6_800_000.0
"""The corner of the territory that all tests share."""

SHARED = Path(__file__).parents[2] / "shared" / "data"
"""Real imagery; tests that use it skip where it is missing."""

_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG", ".vrt": "VRT"}


def noise(*, bands: int, height: int, width: int, dtype: str = "uint8", seed: int = 0) -> NDArray:
    """Random pixels, never black or white."""
    high = np.iinfo(dtype).max - 1
    return np.random.default_rng(seed).integers(1, high, (bands, height, width), dtype=dtype)


def write_raster(
    path: Path,
    pixels: NDArray,
    *,
    left: float = LEFT,
    top: float = TOP,
    resolution: float = 1.0,
    crs: str | None = CRS,
    **options: Any,
) -> Path:
    """A georeferenced raster; lossless where the format can be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = options.pop("driver", None) or _DRIVERS[path.suffix.lower()]
    if driver == "JP2OpenJPEG":
        options = {"QUALITY": "100", "REVERSIBLE": "YES", **options}
    with rasterio.open(
        path,
        "w",
        driver=driver,
        count=pixels.shape[0],
        height=pixels.shape[1],
        width=pixels.shape[2],
        dtype=pixels.dtype,
        crs=crs,
        transform=from_origin(left, top, resolution, resolution),
        **options,
    ) as dataset:
        dataset.write(pixels)
    return path


def write_layer(
    path: Path,
    geometries: Sequence[Any],
    *,
    crs: str | None = CRS,
    layer: str | None = None,
    encoding: str | None = None,
    **fields: Sequence[Any],
) -> Path:
    """A vector layer; the ending tells the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = gpd.GeoDataFrame(dict(fields), geometry=list(geometries), crs=crs)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
        return path
    options = {key: value for key, value in (("layer", layer), ("encoding", encoding)) if value}
    frame.to_file(path, **options)
    return path
