"""The script that an expert writes in an afternoon: decimated windows, an index, rasterize.

One process; image and mask of each tile as a GeoTIFF. It stands for what a user would do without
aerialret, and is what ingests are timed against.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from rasterio.enums import Resampling
from rasterio.features import rasterize
from rasterio.transform import from_bounds
from rasterio.windows import from_bounds as window_from_bounds


def cut_tiles(ortho: Path, vectors: Path, out: Path, *, tile_m: float, tile_px: int) -> int:
    """Writes the tiles of a folder of orthophotos; how many there are comes back."""
    files = [rasterio.open(path) for path in sorted(ortho.iterdir())]
    lefts, tops = [file.bounds.left for file in files], [file.bounds.top for file in files]
    right, bottom = max(f.bounds.right for f in files), min(f.bounds.bottom for f in files)
    shapes, codes = _features(vectors)
    tree = shapely.STRtree(shapes)
    out.mkdir(parents=True)
    count = 0
    for top in np.arange(max(tops), bottom, -tile_m):
        for left in np.arange(min(lefts), right, tile_m):
            box = (left, top - tile_m, left + tile_m, top)
            image = np.zeros((3, tile_px, tile_px), np.uint8)
            for file in files:
                at = file.bounds
                across = box[0] < at.right and box[2] > at.left
                if across and box[1] < at.top and box[3] > at.bottom:
                    window = window_from_bounds(*box, transform=file.transform)
                    part = file.read(
                        window=window, out_shape=image.shape, boundless=False,
                        resampling=Resampling.average,
                    )  # fmt: skip
                    image = np.maximum(image, part)
            transform = from_bounds(*box, tile_px, tile_px)
            chosen = np.sort(tree.query(shapely.box(*box)))
            mask = rasterize(
                [(shapes[i], codes[i]) for i in chosen], out_shape=(tile_px, tile_px),
                transform=transform, dtype="uint8",
            )  # fmt: skip
            profile = {
                "driver": "GTiff", "height": tile_px, "width": tile_px, "dtype": "uint8",
                "crs": files[0].crs, "transform": transform, "compress": "deflate",
            }  # fmt: skip
            with rasterio.open(out / f"{count}_image.tif", "w", count=3, **profile) as raster:
                raster.write(image)
            with rasterio.open(out / f"{count}_mask.tif", "w", count=1, **profile) as raster:
                raster.write(mask, 1)
            count += 1
    return count


def _features(vectors: Path) -> tuple[np.ndarray, list[int]]:
    woods = gpd.read_file(vectors, layer="zone_de_vegetation")
    roads = gpd.read_file(vectors, layer="troncon_de_route")
    houses = gpd.read_file(vectors, layer="batiment")
    widths = roads["largeur_de_chaussee"].fillna(4.5)
    shapes = [
        woods.geometry, roads.geometry.buffer(widths / 2, cap_style="flat"), houses.geometry,
    ]  # fmt: skip
    church = houses["nature"] == "Eglise"
    codes = [10] * len(woods) + [1] * len(roads) + np.where(church, 2, 6).tolist()
    return np.concatenate([part.to_numpy() for part in shapes]), codes
