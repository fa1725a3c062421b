"""Times the drawing of masks against rasterio's, on the benchmarks' features; the pixels are equal.

python benchmarks/mask_speed.py
"""

import tempfile
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from territory import LEFT, TOP, Benchmark, vectors

from aerialret.ingestion.vectors.areas import Areas
from aerialret.ingestion.vectors.polygon_fill import draw_areas
from aerialret.tiles.grid import Bounds

SHAPE, TILES = (256, 256), 25


def main() -> None:
    """Draws 25 tiles of 1 km both ways, prints milliseconds for each."""
    with tempfile.TemporaryDirectory() as scratch:
        path = vectors(Path(scratch), Benchmark(side_km=5))
        roads = gpd.read_file(path, layer="troncon_de_route").geometry.buffer(2, cap_style="flat")
        parts = [gpd.read_file(path, layer="zone_de_vegetation").geometry, roads,
                 gpd.read_file(path, layer="batiment").geometry]  # fmt: skip
    shapes = np.concatenate([part.to_numpy() for part in parts])
    codes = np.repeat(np.array([10, 1, 6], np.uint8), [len(part) for part in parts])
    areas, tree = Areas.of(shapes, codes), shapely.STRtree(shapes)
    seconds = {"ours": 0.0, "rasterio": 0.0}
    for warm in (True, False):
        for tile in range(TILES):
            left, top = LEFT + tile % 5 * 1000, TOP - tile // 5 * 1000
            bounds = Bounds(left, top - 1000, left + 1000, top)
            chosen = np.sort(tree.query(shapely.box(*bounds)))
            mask = np.zeros(SHAPE, np.uint8)
            started = time.perf_counter()
            draw_areas(mask, areas, chosen, bounds=bounds)
            drawn = time.perf_counter()
            pairs = zip(shapes[chosen], codes[chosen].tolist(), strict=True)
            expected = rasterize(
                pairs, out_shape=SHAPE, transform=from_bounds(*bounds, 256, 256), dtype="uint8"
            )
            if not warm:
                seconds["ours"] += drawn - started
                seconds["rasterio"] += time.perf_counter() - drawn
            assert np.array_equal(mask, expected), "the masks differ"
    for name, total in seconds.items():
        print(f"{name:<10}{total / TILES * 1e3:>8.2f} ms a tile")
    print(f"ratio     {seconds['rasterio'] / seconds['ours']:>8.1f}")


if __name__ == "__main__":
    main()
