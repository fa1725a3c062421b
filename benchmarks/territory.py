"""A territory to time ingests on: a size goes in, orthophotos in several formats and vectors out.

The imagery is noise with detail of every size, as photos have; what it shows does not matter.
"""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.shutil import copy as raster_copy
from rasterio.transform import from_origin

CRS = "EPSG:2154"
LEFT, TOP = 900_000.0, 6_800_000.0
FILE_M = 5_000
FORMATS = ("jp2", "tif", "cog")
"""Lossy JPEG2000, tiled GeoTIFF with deflate, Cloud-Optimised GeoTIFF with zstd."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What is generated.

    Attributes:
        side_km: Side of the territory; a multiple of 5.
        gsd_m: Side of a pixel.
        features_per_km2: Vector features.
        seed: Seed of everything.
    """

    side_km: int = 10
    gsd_m: float = 0.5
    features_per_km2: int = 300
    seed: int = 0


def orthophotos(folder: Path, plan: Benchmark, kind: str, *, workers: int) -> Path:
    """The folder of the orthophotos in one format, made if it is not there."""
    target = folder / f"{kind}_{plan.side_km}km_{plan.gsd_m:g}m"
    count = plan.side_km * 1000 // FILE_M
    jobs = [
        (target, plan, kind, col, row)
        for row in range(count)
        for col in range(count)
        if not _file(target, kind, col, row).exists()
    ]
    target.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_write_file, *zip(*jobs, strict=True))) if jobs else None
    return target


def vectors(folder: Path, plan: Benchmark) -> Path:
    """A GeoPackage in the manner of BD TOPO v3, made if it is not there."""
    path = folder / f"vectors_{plan.side_km}km_{plan.features_per_km2}.gpkg"
    if path.exists():
        return path
    rng = np.random.default_rng(plan.seed)
    total = plan.features_per_km2 * plan.side_km**2
    partial = path.with_suffix(".partial.gpkg")
    partial.unlink(missing_ok=True)
    layers = (
        ("batiment", int(total * 0.7), _houses), ("troncon_de_route", int(total * 0.2), _roads),
        ("zone_de_vegetation", total - int(total * 0.7) - int(total * 0.2), _woods),
    )  # fmt: skip
    for name, count, shapes in layers:
        for start in range(0, count, 100_000):
            part = shapes(rng, min(100_000, count - start), plan.side_km * 1000)
            frame = gpd.GeoDataFrame(part, crs=CRS)
            frame.to_file(partial, layer=name, mode="a" if partial.exists() else "w")
    partial.rename(path)
    return path


def _file(folder: Path, kind: str, col: int, row: int) -> Path:
    return folder / f"{col:02d}_{row:02d}.{'jp2' if kind == 'jp2' else 'tif'}"


def _write_file(folder: Path, plan: Benchmark, kind: str, col: int, row: int) -> None:
    path = _file(folder, kind, col, row)
    partial = path.with_name(f".{path.name}")
    pixels = _pixels(plan, seed=plan.seed + 1000 * row + col)
    profile = {
        "count": 3, "height": pixels.shape[1], "width": pixels.shape[2], "dtype": "uint8",
        "crs": CRS, "photometric": "RGB",
        "transform": from_origin(LEFT + col * FILE_M, TOP - row * FILE_M, plan.gsd_m, plan.gsd_m),
    }  # fmt: skip
    tiled = {"tiled": True, "blockxsize": 512, "blockysize": 512}
    if kind == "jp2":
        del profile["photometric"]
        options = {"driver": "JP2OpenJPEG", "QUALITY": "8", "REVERSIBLE": "NO"}
    elif kind == "tif":
        options = {"driver": "GTiff", "compress": "deflate", "predictor": 2, **tiled}
    else:
        options = {"driver": "GTiff", "compress": "none", **tiled}
    with rasterio.open(partial, "w", **profile, **options) as raster:
        raster.write(pixels)
    if kind == "cog":
        plain = partial.rename(path.with_name(f".{path.stem}.plain.tif"))
        raster_copy(
            plain, partial, driver="COG", compress="ZSTD", predictor="YES",
            overview_resampling="average",
        )  # fmt: skip
        plain.unlink()
    partial.rename(path)


def _pixels(plan: Benchmark, *, seed: int) -> NDArray[np.uint8]:
    """uint8 [3, side, side]: a patch of noise that falls with frequency, turned and repeated."""
    rng = np.random.default_rng(seed)
    side, patch = round(FILE_M / plan.gsd_m), 1250
    frequency = np.hypot(np.fft.fftfreq(patch)[:, None], np.fft.rfftfreq(patch)[None]) + 2e-3
    spectrum = np.fft.rfft2(rng.normal(size=(patch, patch))) / frequency**1.2
    grey = np.fft.irfft2(spectrum, s=(patch, patch))
    grey = grey / grey.std() * 38 + 118
    tints = rng.normal(0, 4, (3, patch, patch))
    colour = np.clip(grey[None] + tints + np.array([-8, 4, -2])[:, None, None], 1, 254)
    flat = colour.astype(np.uint8)
    whole = np.empty((3, side, side), np.uint8)
    for row in range(0, side, patch):
        for col in range(0, side, patch):
            turned = np.rot90(flat, rng.integers(4), axes=(1, 2))
            height, width = min(patch, side - row), min(patch, side - col)
            whole[:, row : row + height, col : col + width] = turned[:, :height, :width]
    return whole


def _points(rng: np.random.Generator, count: int, side_m: float) -> NDArray[np.float64]:
    return rng.uniform(0, side_m, (count, 2)) * (1, -1) + (LEFT, TOP)


def _houses(rng: np.random.Generator, count: int, side_m: float) -> dict[str, object]:
    centre, angle = _points(rng, count, side_m), rng.uniform(0, np.pi, count)
    half = rng.uniform(3, 9, (count, 2))
    corners = np.array([(-1, -1), (1, -1), (1, 0.2), (0.3, 0.2), (0.3, 1), (-1, 1)])
    local = corners[None] * half[:, None]
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1)
    placed = np.einsum("nij,npj->npi", turn.reshape(-1, 2, 2), local) + centre[:, None]
    nature = np.where(rng.random(count) < 0.02, "Eglise", "Indifférenciée")
    return {"nature": nature.astype(object), "geometry": shapely.polygons(placed)}


def _roads(rng: np.random.Generator, count: int, side_m: float) -> dict[str, object]:
    steps = rng.normal(0, 25, (count, 8, 2)).cumsum(axis=1) + _points(rng, count, side_m)[:, None]
    width = np.where(rng.random(count) < 0.3, np.nan, rng.choice([3.5, 5.0, 7.0], count))
    return {
        "nature": np.full(count, "Route à 1 chaussée", object), "largeur_de_chaussee": width,
        "geometry": shapely.linestrings(steps),
    }  # fmt: skip


def _woods(rng: np.random.Generator, count: int, side_m: float) -> dict[str, object]:
    angle = np.sort(rng.uniform(0, 2 * np.pi, (count, 24)), axis=1)
    reach = rng.uniform(15, 70, (count, 1)) * rng.uniform(0.6, 1, (count, 24))
    ring = np.stack([np.cos(angle) * reach, np.sin(angle) * reach], 2)
    placed = ring + _points(rng, count, side_m)[:, None]
    return {"nature": np.full(count, "Bois", object), "geometry": shapely.polygons(placed)}
