"""Maps in tests: pixels go in, a map's raster and its tile set come out, by the command line."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import from_origin

from aerialret.cli.entry import main

LEFT, TOP = 700_000.0, 6_600_000.0
"""Upper-left corner of the map and of cell (0, 0)."""

RESOLUTION, TILE_PX = 0.5, 128


def run(*words: object) -> int:
    """The exit status of `aerialret` with these words."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["aerialret", *map(str, words)])
        try:
            main()
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


def ingest_map(chart: NDArray[np.uint8], tileset: Path, *, date: str) -> None:
    """Adds a map (uint8 [3, height, width]) to the tile set; its raster lies beside it."""
    raster = tileset.with_name(f"{date}.tif")
    with rasterio.open(
        raster, "w", driver="GTiff", count=3, dtype="uint8", width=chart.shape[2],
        height=chart.shape[1], crs="EPSG:2154",
        transform=from_origin(LEFT, TOP, RESOLUTION, RESOLUTION),
    ) as stream:  # fmt: skip
        stream.write(chart)
    assert not run(
        "ingest", tileset, "--date", date, "--ortho", raster, "--tile-size-m",
        RESOLUTION * TILE_PX, "--tile-px", TILE_PX, "--origin", f"{LEFT:.0f},{TOP:.0f}",
    )  # fmt: skip
