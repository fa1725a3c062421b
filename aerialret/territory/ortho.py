"""Orthophotos on disk: in goes a scene, out come map sheets of two kilometres."""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from aerialret.atomic import atomic_file
from aerialret.territory.config import CRS, EARLY, TerritoryConfig
from aerialret.territory.noise import PixelWindow, stream
from aerialret.territory.raster import GDAL_LOCK
from aerialret.territory.render import render
from aerialret.territory.scene import Scene

SHEET_M = 2000.0
_THREADS = 2
_GEOTIFF: dict[str, Any] = {
    "driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256,
    "compress": "deflate", "zlevel": 6, "predictor": 2, "photometric": "RGB",
    "interleave": "pixel",
}  # fmt: skip
_JPEG2000: dict[str, Any] = {
    "driver": "JP2OpenJPEG", "quality": "18", "reversible": "NO", "resolutions": "5",
    "blockxsize": 1024, "blockysize": 1024, "gmljp2": "NO", "geojp2": "YES", "codec": "JP2",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A sheet of the kilometre grid, cut at the territory's edge."""

    east_km: int
    north_km: int
    window: PixelWindow


def sheets(config: TerritoryConfig) -> Iterator[Sheet]:
    """The sheets that cover the territory exactly, row by row from the upper left."""
    left, bottom, right, top = config.bounds
    first_km, top_km = math.floor(left / 1000), math.ceil(top / 1000)
    rows = math.ceil((top_km * 1000 - bottom) / SHEET_M)
    cols = math.ceil((right - first_km * 1000) / SHEET_M)
    for row in range(rows):
        for col in range(cols):
            east_km = first_km + round(col * SHEET_M / 1000)
            north_km = top_km - round(row * SHEET_M / 1000)
            window = _window(config, east_km, north_km)
            if window.width > 0 and window.height > 0:
                yield Sheet(east_km=east_km, north_km=north_km, window=window)


def _window(config: TerritoryConfig, east_km: int, north_km: int) -> PixelWindow:
    left, bottom, right, top = config.bounds
    gsd = config.gsd_m
    cols, rows = round((right - left) / gsd), round((top - bottom) / gsd)
    x0, x1 = (
        min(max(round((edge - left) / gsd), 0), cols)
        for edge in (east_km * 1000, east_km * 1000 + SHEET_M)
    )
    y0, y1 = (
        min(max(round((top - edge) / gsd), 0), rows)
        for edge in (north_km * 1000, north_km * 1000 - SHEET_M)
    )
    return PixelWindow(
        left_m=left + x0 * gsd, top_m=top - y0 * gsd, gsd_m=gsd, width=x1 - x0, height=y1 - y0
    )


def sheet_name(config: TerritoryConfig, sheet: Sheet, *, date: str) -> str:
    """The file's name as a national agency would give it."""
    place = f"57-{date}-{sheet.east_km:04d}-{sheet.north_km:04d}-LA93"
    return f"{place}.tif" if date == EARLY else f"{place}-{gsd_label(config.gsd_m)}-E080.jp2"


def gsd_label(gsd_m: float) -> str:
    """The ground sampling distance as in `0M50`."""
    return f"{int(gsd_m)}M{round(100 * (gsd_m % 1)):02d}"


def ortho_folder(config: TerritoryConfig, *, date: str) -> str:
    """The name of the delivery of `date`."""
    codec = "TIF" if date == EARLY else "JP2-E080"
    return f"BDORTHO_2-0_RVB-{gsd_label(config.gsd_m)}_{codec}_LAMB93_D057_{date}-01-01"


def write_orthophotos(
    config: TerritoryConfig,
    make: Callable[[], Scene],
    folder: Path,
    *,
    date: str,
    progress: Callable[[str], None],
) -> None:
    """Draws and writes the sheets of a date; those that are there already are kept.

    Args:
        config: The territory.
        make: Makes the scene, called only where a sheet is missing.
        folder: Where the sheets go.
        date: The date.
        progress: Told about each sheet.
    """
    wanted = list(sheets(config))
    missing = [one for one in wanted if not (folder / sheet_name(config, one, date=date)).exists()]
    if not missing:
        return
    scene = make()

    def draw(sheet: Sheet) -> None:
        rng = stream(config.seed, "sensor", date, sheet.east_km, sheet.north_km)
        pixels = render(scene, sheet.window, rng=rng)
        _write(folder / sheet_name(config, sheet, date=date), pixels, sheet.window, date=date)

    with ThreadPoolExecutor(max_workers=_THREADS) as pool:
        for number, _ in enumerate(pool.map(draw, missing), start=1):
            progress(f"orthophotos of {date}: sheet {number} of {len(missing)}")


def _write(path: Path, pixels: NDArray[np.uint8], window: PixelWindow, *, date: str) -> None:
    profile = {
        **(_GEOTIFF if date == EARLY else _JPEG2000),
        "width": window.width,
        "height": window.height,
        "count": 3,
        "dtype": "uint8",
        "crs": CRS,
        "transform": from_origin(window.left_m, window.top_m, window.gsd_m, window.gsd_m),
    }
    with GDAL_LOCK, atomic_file(path) as partial:
        with rasterio.open(partial, "w", **profile) as sheet:
            sheet.write(pixels)
        partial.with_name(partial.name + ".aux.xml").unlink(missing_ok=True)
