"""The gallery of an index: a tile set, a model and a request go in, vectors and their table out.

The vectors are of whole tiles or, where windows overlap or come in several scales, of windows.
"""

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aerialret.config import IndexConfig
from aerialret.errors import NothingToDoError
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, describe, describe_tiles
from aerialret.retrieval.descriptor_chunks import Describe, Progress, describe_in_chunks
from aerialret.retrieval.finite import require_finite
from aerialret.retrieval.gallery_windows import (
    GalleryWindows,
    gallery_windows,
    has_whole_tiles_only,
)
from aerialret.retrieval.index_store import SCALE_COLUMN
from aerialret.retrieval.window_pixels import WindowCutter
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet

_TILE_COLUMNS = ["place", "col", "row", "date", "geometry"]


def described_gallery(
    tileset: TileSet,
    model: Model,
    *,
    config: IndexConfig,
    folder: Path,
    progress: Progress | None = None,
) -> tuple[Descriptors, gpd.GeoDataFrame]:
    """The vectors of a gallery, float32 [n, R], and the table that says what each one shows.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        config: Dates, modality, stride and scales, all spelled out.
        folder: Keeps what is done, see `descriptor_chunks`.
        progress: Told the tiles or windows done and those in all.

    Raises:
        NothingToDoError: No window shows enough.
        ConfigurationError: A scale is too small.
        NotFiniteError: The model's weights are damaged.
    """
    whole = has_whole_tiles_only(config)
    if whole:
        tiles = {date: tileset.tiles(date) for date in config.dates}
        vectors, _ = describe_in_chunks(
            _of_tiles(tileset, model, config), folder=folder, by_date=tiles, length=model.length,
            batch_size=config.batch_size, progress=progress,
        )  # fmt: skip
        return vectors, _tile_table(tileset, config.dates)
    windows = {date: _windows(tileset, config, date) for date in config.dates}
    vectors, kept = describe_in_chunks(
        _of_windows(tileset, model, config), folder=folder, by_date=windows, length=model.length,
        batch_size=config.batch_size, progress=progress,
    )  # fmt: skip
    if not len(vectors):
        raise NothingToDoError(
            f"no window of the scales {', '.join(f'{scale:g}' for scale in config.scales)} shows "
            f"enough of tile set {tileset.folder}; add scale 1, which keeps every tile"
        )
    return vectors, _window_table(tileset, {date: windows[date][kept[date]] for date in windows})


def _of_tiles(tileset: TileSet, model: Model, config: IndexConfig) -> Describe:
    def of_tiles(date: str, tiles: list[TileId]) -> tuple[Descriptors, NDArray[np.bool_]]:
        vectors = describe_tiles(
            model, tileset, date=date, tiles=tiles, modality=_modality(config),
            batch_size=config.batch_size,
        )  # fmt: skip
        return require_finite(vectors, model=model), np.ones(len(tiles), bool)

    return of_tiles


def _of_windows(tileset: TileSet, model: Model, config: IndexConfig) -> Describe:
    cutters = {date: WindowCutter(tileset, date=date) for date in config.dates}

    def of_windows(date: str, windows: GalleryWindows) -> tuple[Descriptors, NDArray[np.bool_]]:
        vectors, kept = [np.empty((0, model.length), np.float32)], []
        for start in range(0, len(windows), config.batch_size):
            batch, some = cutters[date].cut(windows[start : start + config.batch_size])
            vectors.append(
                describe(model, batch, modality=_modality(config), batch_size=config.batch_size)
            )
            kept.append(some)
        return require_finite(np.concatenate(vectors), model=model), np.concatenate(kept)

    return of_windows


def _modality(config: IndexConfig) -> Modality:
    modality: Modality = config.modalities  # type: ignore[assignment]  # spelled out before
    return modality


def _windows(tileset: TileSet, config: IndexConfig, date: str) -> GalleryWindows:
    return gallery_windows(
        tileset.tiles(date), tile_px=tileset.grid.tile_px, stride=config.stride,
        scales=config.scales,
    )  # fmt: skip


def _tile_table(tileset: TileSet, dates: tuple[str, ...]) -> gpd.GeoDataFrame:
    tables = [tileset.rows(date)[_TILE_COLUMNS] for date in dates]
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)


def _window_table(tileset: TileSet, windows: dict[str, GalleryWindows]) -> gpd.GeoDataFrame:
    """The same columns with the windows' own squares, and their sides as shares of a tile's."""
    tables = []
    for date, some in windows.items():
        places = [f"c{col}_r{row}" for col, row in zip(some.cols, some.rows, strict=True)]
        columns = {"place": places, "col": some.cols, "row": some.rows, "date": date}
        columns[SCALE_COLUMN] = some.side_px / tileset.grid.tile_px
        squares = shapely.box(*some.bounds(tileset.grid).T)
        tables.append(gpd.GeoDataFrame(columns, geometry=squares, crs=tileset.catalogue.crs))
    return gpd.GeoDataFrame(pd.concat(tables, ignore_index=True), crs=tables[0].crs)
