"""Times ingests against the bare decoding of the same pixels and against an expert's script.

    python benchmarks/ingest_speed.py [FOLDER] [--km 10] [--formats jp2 tif cog] [--rounds 3]

FOLDER keeps the generated territory (about 1.2 GB at 10 km), so that a second run only times. All
is timed in one run on the same cores, in turns; the median of the rounds counts. What starting
Python takes is in none of the times.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import rasterio
from expert import cut_tiles
from rasterio.windows import Window
from territory import Benchmark, orthophotos, vectors

from aerialret.config import GridConfig, SourceConfig
from aerialret.ingestion.imagery.decoding import finest_needed
from aerialret.ingestion.imagery.open_files import OpenFiles
from aerialret.ingestion.imagery.ortho_files import inspect_ortho
from aerialret.ingestion.imagery.reduced_file import reduced
from aerialret.ingestion.imagery.sampling import env
from aerialret.ingestion.ingest import ingest
from aerialret.ingestion.workers import worker_count

TILE_M, TILE_PX = 1000.0, 256
DECODED_ROWS = 512


def main() -> None:
    """Makes the territory, times everything, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=None)
    parser.add_argument("--km", type=int, default=10)
    parser.add_argument("--formats", nargs="+", default=["jp2", "tif", "cog"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=worker_count(0))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch  # nothing known of the files from a round before
        folder = given.folder or Path(scratch) / "territory"
        folder.mkdir(parents=True, exist_ok=True)
        plan = Benchmark(side_km=given.km)
        features = vectors(folder, plan)
        tiles = given.km**2
        print(f"{given.km} x {given.km} km, {tiles} tiles, {given.workers} workers, "
              f"{plan.features_per_km2} features a tile, {given.rounds} rounds")  # fmt: skip
        print(f"{'format':<8}{'level':>6}{'floor':>9}{'ingest':>9}{'expert':>9}"
              f"{'of floor':>10}{'of expert':>11}   (tiles a second)")  # fmt: skip
        for kind in given.formats:
            imagery = orthophotos(folder, plan, kind, workers=given.workers)
            _compare(kind, imagery, features, Path(scratch), given)


def _compare(
    kind: str, imagery: Path, features: Path, scratch: Path, given: argparse.Namespace
) -> None:
    level = _overview(imagery)
    runs: dict[str, Callable[[], None]] = {
        "floor": lambda: decode_all(imagery, level=level, workers=given.workers),
        "ingest": lambda: _ingest(imagery, features, scratch / "tiles", workers=given.workers),
        "expert": lambda: _expert(imagery, features, scratch / "expert"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    _ingest(imagery, features, scratch / "tiles", workers=given.workers)  # compiles, fills caches
    for _ in range(given.rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    rate = {name: given.km**2 / statistics.median(times) for name, times in seconds.items()}
    print(f"{kind:<8}{level:>6}{rate['floor']:>9.1f}{rate['ingest']:>9.1f}{rate['expert']:>9.1f}"
          f"{rate['ingest'] / rate['floor']:>9.0%} {rate['ingest'] / rate['expert']:>9.1f} x",
          flush=True)  # fmt: skip


def _overview(imagery: Path) -> int:
    """The overview of the files that an ingest decodes; 0: every pixel."""
    file = inspect_ortho(sorted(imagery.iterdir())[0], source=SourceConfig())
    step = TILE_M / TILE_PX
    opened = OpenFiles()
    found = finest_needed(opened, reduced(file, crs=file.crs, pixel_m=(step, step)))
    opened.close()
    return found


def decode_all(imagery: Path, *, level: int, workers: int) -> None:
    """Decodes every pixel of every file at a codec level, and does nothing with them."""
    paths = sorted(imagery.iterdir())
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(_decode, paths, [level] * len(paths)))


def _decode(path: Path, level: int) -> None:
    options = {"overview_level": level - 1} if level else {}
    with env(), rasterio.open(path, **options) as dataset:
        for row in range(0, dataset.height, DECODED_ROWS):
            height = min(DECODED_ROWS, dataset.height - row)
            dataset.read(window=Window(0, row, dataset.width, height))


def _ingest(imagery: Path, features: Path, out: Path, *, workers: int) -> None:
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(Path(os.environ["XDG_CACHE_HOME"]) / "aerialret", ignore_errors=True)
    ingest(
        out, date="2019", source=SourceConfig(ortho=(str(imagery),), vectors=(str(features),)),
        grid=GridConfig(tile_size_m=TILE_M, tile_px=TILE_PX), workers=workers,
    )  # fmt: skip


def _expert(imagery: Path, features: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    cut_tiles(imagery, features, out, tile_m=TILE_M, tile_px=TILE_PX)


if __name__ == "__main__":
    main()
