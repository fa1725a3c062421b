"""Measures the peak memory of ingests of territories of different size.

    python benchmarks/ingest_memory.py [FOLDER] [--km 10 40] [--gsd-m 1.0]

Each ingest runs in a process of its own. All orthophotos of a territory are one file under many
names, each with a world file that says where it lies: what is decoded is the same as with as many
files, but for the disk.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyproj
import rasterio
from territory import CRS, FILE_M, LEFT, TOP, Benchmark, orthophotos, vectors

TILE_M, TILE_PX = 1000.0, 256


def main() -> None:
    """Makes the territories, ingests each in a process of its own, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--km", type=int, nargs="+", default=[10, 40])
    parser.add_argument("--gsd-m", type=float, default=1.0)
    parser.add_argument("--one", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        _ingest(*given.one)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch) / "territory"
        folder.mkdir(parents=True, exist_ok=True)
        print(f"{'territory':<12}{'tiles':>7}{'features':>10}{'peak MB':>9}{'seconds':>9}")
        for km in given.km:
            plan = Benchmark(side_km=km, gsd_m=given.gsd_m)
            imagery, features = _repeated(folder, plan), vectors(folder, plan)
            told = _measured(imagery, features)
            print(f"{km} x {km} km".ljust(12) + f"{km**2:>7}{plan.features_per_km2 * km**2:>10}"
                  f"{told['peak_mb']:>9.0f}{told['seconds']:>9.1f}", flush=True)  # fmt: skip


def _measured(imagery: Path, features: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(imagery), str(features)],
            check=True, stdout=subprocess.PIPE, env={**os.environ, "XDG_CACHE_HOME": cache},
        )  # fmt: skip
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _ingest(imagery: Path, features: Path) -> None:
    from aerialret.config import GridConfig, SourceConfig
    from aerialret.ingestion.ingest import ingest

    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        ingest(
            Path(out) / "tiles", date="2019",
            source=SourceConfig(ortho=(str(imagery),), vectors=(str(features),)),
            grid=GridConfig(tile_size_m=TILE_M, tile_px=TILE_PX),
        )  # fmt: skip
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"peak_mb": peak_mb, "seconds": time.perf_counter() - started}))


def _repeated(folder: Path, plan: Benchmark) -> Path:
    """A folder of one file under many names, each with its position in a world file."""
    target = folder / f"repeated_{plan.side_km}km_{plan.gsd_m:g}m"
    target.mkdir(exist_ok=True)
    one = orthophotos(folder, Benchmark(side_km=5, gsd_m=plan.gsd_m), "tif", workers=1)
    plain = folder / f"plain_{plan.gsd_m:g}m.tif"
    if not plain.exists():
        with rasterio.open(one / "00_00.tif") as source:
            profile = {**source.profile, "crs": None, "transform": None}
            with rasterio.open(plain, "w", **profile) as copy:
                copy.write(source.read())
    projection = pyproj.CRS.from_user_input(CRS).to_wkt("WKT1_ESRI")
    for row in range(plan.side_km * 1000 // FILE_M):
        for col in range(plan.side_km * 1000 // FILE_M):
            path = target / f"{col:02d}_{row:02d}.tif"
            if path.exists():
                continue
            os.link(plain, path)
            half, gsd = plan.gsd_m / 2, plan.gsd_m
            left, top = LEFT + col * FILE_M + half, TOP - row * FILE_M - half
            path.with_suffix(".tfw").write_text(f"{gsd}\n0\n0\n{-gsd}\n{left}\n{top}\n")
            path.with_suffix(".prj").write_text(projection)
    return target


if __name__ == "__main__":
    main()
