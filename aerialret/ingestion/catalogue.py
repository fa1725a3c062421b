"""The catalogue of a tile set: counts of pixels go in, GeoParquet that QGIS and DuckDB open out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from aerialret import atomic
from aerialret.ingestion.flights.tile_intervals import TileIntervals
from aerialret.tiles.arrays import Mask, Valid
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import CLASSES, NO_COVERAGE
from aerialret.tiles.tileset import CATALOGUE_COLUMNS


@dataclass(frozen=True, slots=True, kw_only=True)
class TileCounts:
    """Pixels of one tile.

    Attributes:
        col: The tile's column.
        row: The tile's row.
        valid: Pixels with an image.
        covered: Pixels inside the vector coverage.
        classes: Pixels of each class, in the order of `palette.CLASSES`.
    """

    col: int
    row: int
    valid: int
    covered: int
    classes: tuple[int, ...]

    @classmethod
    def of(cls, tile: TileId, *, mask: Mask, valid: Valid) -> "TileCounts":
        """The counts of a tile's rasters."""
        counts = np.bincount(mask.ravel(), minlength=256)
        return cls(
            col=tile.col,
            row=tile.row,
            valid=int(valid.sum()),
            covered=int(mask.size - counts[NO_COVERAGE]),
            classes=tuple(int(counts[land_class.code]) for land_class in CLASSES),
        )


def in_order(counts: Iterable[TileCounts]) -> list[TileCounts]:
    """The tiles by row, then column, as the catalogue lists them."""
    return sorted(counts, key=lambda tile: (tile.row, tile.col))


def catalogue_of(
    ordered: Sequence[TileCounts], *, date: str, grid: Grid, days: TileIntervals
) -> gpd.GeoDataFrame:
    """The rows of one date.

    Args:
        ordered: The tiles `in_order`.
        date: The date's label.
        grid: The grid.
        days: When each of them was flown.
    """
    pixels = grid.tile_px**2
    columns: dict[str, Any] = {
        "place": [TileId(tile.col, tile.row).place for tile in ordered],
        "col": np.array([tile.col for tile in ordered], np.int32),
        "row": np.array([tile.row for tile in ordered], np.int32),
        "date": [date] * len(ordered),
        "valid_fraction": np.array([tile.valid / pixels for tile in ordered]),
        "covered_fraction": np.array([tile.covered / pixels for tile in ordered]),
        "first_day": days.first.astype(object),
        "last_day": days.last.astype(object),
    }
    for index, land_class in enumerate(CLASSES):
        columns[f"share_{land_class.name}"] = np.array(
            [tile.classes[index] / max(tile.covered, 1) for tile in ordered]
        )
    squares = [shapely.box(*grid.bounds(TileId(tile.col, tile.row))) for tile in ordered]
    frame = gpd.GeoDataFrame(columns, geometry=squares, crs=grid.crs)
    shares = [f"share_{land_class.name}" for land_class in CLASSES]
    return frame[[*CATALOGUE_COLUMNS, *shares]]


def class_shares(counts: Iterable[TileCounts]) -> dict[str, float]:
    """The share of the covered pixels of all tiles that each class has, without absent classes."""
    covered, classes = 0, np.zeros(len(CLASSES), np.int64)
    for tile in counts:
        covered += tile.covered
        classes += tile.classes
    return {
        land_class.name: int(count) / covered
        for land_class, count in zip(CLASSES, classes, strict=True)
        if count
    }


def write_catalogue(path: Path, frame: gpd.GeoDataFrame) -> None:
    """Writes a catalogue as GeoParquet in one step."""
    with atomic.atomic_file(path) as partial:
        frame.to_parquet(partial, index=False)


def join_catalogues(paths: Mapping[str, Path]) -> gpd.GeoDataFrame:
    """The rows of several dates, in their order.

    Args:
        paths: The catalogue of each date.
    """
    frames = [gpd.read_parquet(path) for path in paths.values()]
    return gpd.GeoDataFrame(pd.concat(frames, ignore_index=True), crs=frames[0].crs)
