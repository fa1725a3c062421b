"""The demo: a folder goes in, a made territory, its model, index, report and a query come out."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import rasterio
from rasterio.transform import from_bounds

from aerialret.atomic import atomic_file, write_text
from aerialret.cli import building, ingesting, measuring, searching
from aerialret.cli.telling import current_work, tell
from aerialret.config import (
    PathsConfig,
    Pipeline,
    SourceConfig,
    override,
    read_pipeline,
)
from aerialret.config.explain import explained
from aerialret.ingestion.imagery.ortho_files import ORTHO_SUFFIXES
from aerialret.ingestion.imagery.orthophoto import read_area
from aerialret.ingestion.source_files import find_files
from aerialret.recipes import find_recipe
from aerialret.territory import Delivery, TerritoryConfig, make_territory
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.tileset import TileSet
from aerialret.workspace import WORKSPACE_FILE, open_workspace

FIRST, SECOND = "2004", "2019"


def run_demo(folder: Path, *, seed: int, size: int, assignments: list[str]) -> None:
    """Runs every step on a territory of `size` x `size` tiles made from `seed`."""
    tell(f"making {size} x {size} tiles of a territory, at two dates, in {folder / 'delivery'}")
    config = TerritoryConfig(cols=size, rows=size, seed=seed)
    with current_work() as progress:
        delivery = make_territory(folder / "delivery", config, progress=progress)
    write_text(folder / WORKSPACE_FILE, explained(_pipeline(folder, delivery, assignments)))
    pipeline = open_workspace(start=folder).pipeline
    paths = {name: Path(getattr(pipeline.paths, name)) for name in ("tileset", "model", "index")}
    for date in (FIRST, SECOND):
        _announce(f"ingest --date {date}")
        ingesting.ingest_date(paths["tileset"], date, pipeline.sources[date], pipeline.grid)
    _announce("train")
    building.train_model(paths["tileset"], paths["model"], pipeline)
    _announce(f"index --date {FIRST}")
    building.build(paths["tileset"], paths["model"], paths["index"], pipeline.index)
    _announce(f"evaluate --queries {SECOND} --gallery {FIRST}")
    report = Path(pipeline.paths.report)
    metrics = measuring.measure(
        paths["tileset"], paths["model"], report, pipeline.evaluate, asking=pipeline.query,
        index=paths["index"],
    )  # fmt: skip
    photo = _photo(folder, delivery, report, TileSet(paths["tileset"]).grid)
    sheet = folder / "query.png"
    vectors = pipeline.sources[SECOND].vectors
    _announce(f"query {photo} --vectors {vectors[0]} --sheet {sheet}")
    searching.answer([photo], paths["index"], vectors=vectors, sheet=sheet)
    _tell_outcome(metrics, report, sheet)


def _announce(command: str) -> None:
    tell(f"\n$ aerialret {command}")


def _pipeline(folder: Path, delivery: Delivery, assignments: list[str]) -> Pipeline:
    """The demo's recipe with the territory's files as sources, relative to `folder`."""
    recipe = override(read_pipeline(find_recipe("pipelines", "demo")), assignments)
    sources = {
        date: SourceConfig(
            ortho=(_below(delivery.ortho[date], folder),),
            vectors=(_below(delivery.vectors[date], folder),),
        )
        for date in (FIRST, SECOND)
    }
    return replace(
        recipe,
        paths=PathsConfig(),
        sources=sources,
        grid=replace(recipe.grid, crs="EPSG:2154"),
        index=replace(recipe.index, dates=(FIRST,)),
        evaluate=replace(recipe.evaluate, queries=SECOND, gallery=FIRST),
    )


def _below(path: Path, folder: Path) -> str:
    return path.resolve().relative_to(folder.resolve()).as_posix()


def _photo(folder: Path, delivery: Delivery, report: Path, grid: Grid) -> Path:
    """A photo of the held-out place in the middle of the list, cut from the later orthophotos."""
    queries = pd.read_parquet(report / "queries.parquet")
    held_out = queries[queries["in_scope"]].sort_values("place")
    place = TileId.from_place(str(held_out["place"].iloc[len(held_out) // 2]))
    bounds, side = grid.bounds(place), round(grid.tile_size_m / delivery.config.gsd_m)
    image, _ = read_area(
        find_files(
            (str(delivery.ortho[SECOND]),), base=Path(), suffixes=ORTHO_SUFFIXES, option="--ortho"
        ),
        bounds=bounds, crs=grid.crs, shape=(side, side), source=SourceConfig(),
    )  # fmt: skip
    path = folder / "photo.tif"
    with atomic_file(path) as partial, rasterio.open(
        partial, "w", driver="GTiff", width=side, height=side, count=3, dtype="uint8",
        crs=grid.crs, transform=from_bounds(*bounds, side, side), photometric="RGB",
    ) as raster:  # fmt: skip
        raster.write(image)
    return path


def _tell_outcome(metrics: Mapping[str, Any], report: Path, sheet: Path) -> None:
    """The figures, and the doors to what was made."""
    tell(f"\nmap@5 on {metrics['queries']} held-out places, gallery of {metrics['gallery']} tiles:")
    untrained = metrics.get("untrained", {})
    for modality, scores in metrics["modalities"].items():
        before = untrained.get(modality, {}).get("map@5")
        was = f"   untrained {before:.3f}" if before is not None else ""
        tell(f"  {modality:<26}{scores['map@5']:.3f}{was}")
    tell(f"\nthe report:  {(report / 'report.html').resolve().as_uri()}")
    tell(f"the answer:  {sheet.resolve().as_uri()}")
