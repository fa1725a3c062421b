"""The tile set: a folder goes in, its grid, catalogue and pixels come out.

TILESET/
  manifest.json            grid, dates, content hash
  catalogue.parquet        GeoParquet, a row for each tile of each date
  dates/LABEL/pixels.zarr  see `aerialret.tiles.pixel_store`
  dates/LABEL/tiles.parquet, date.json   this date's rows and its ingest report
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas as gpd

from aerialret.errors import UnknownDateError
from aerialret.manifest import Manifest, read_manifest
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import PixelStore, TileBatch

CATALOGUE_NAME = "catalogue.parquet"
DATES_FOLDER = "dates"
STORE_NAME = "pixels.zarr"

CATALOGUE_COLUMNS = (
    "place", "col", "row", "date", "first_day", "last_day", "valid_fraction", "covered_fraction",
    "geometry",
)  # fmt: skip
"""`first_day`, `last_day`: when the tile was flown, as far as a source tells, else the first and
last day of the date's label; absent in tile sets of format 1. `valid_fraction`, `covered_fraction`:
shares of the tile's pixels with an image and inside the vector coverage, 0 to 1. `geometry`: the
tile's square in the tile set's CRS. Beyond these, a column `share_NAME` for each class of
`aerialret.tiles.palette` holds its share of the covered pixels."""


class TileSet:
    """All tiles of all dates of a territory, read only.

    Attributes:
        folder: Where it lies.
        manifest: What made it.
        grid: Its grid of places.
        catalogue: A row for each tile, columns as in `CATALOGUE_COLUMNS`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: Manifest = read_manifest(folder, kind="tile_set")
        self.grid = Grid(**self.manifest.facts["grid"])
        self.catalogue: gpd.GeoDataFrame = gpd.read_parquet(folder / CATALOGUE_NAME)
        self._stores: dict[str, PixelStore] = {}

    @property
    def content_hash(self) -> str:
        """SHA-256 of everything the tile set holds."""
        return self.manifest.content_hash

    @property
    def dates(self) -> list[str]:
        """Its date labels, oldest first."""
        return list(self.manifest.facts["dates"])

    def require_date(self, date: str) -> str:
        """`date`, if the tile set holds it.

        Raises:
            UnknownDateError: It does not.
        """
        if date not in self.dates:
            raise UnknownDateError(
                f"date {date} was asked for, but {self.folder} holds {', '.join(self.dates)}; "
                f"add it with 'aerialret ingest {self.folder} --date {date} --ortho ...'"
            )
        return date

    def tiles(self, date: str) -> list[TileId]:
        """The cells with a tile at `date`, by row, then column."""
        rows = self.rows(date)
        return [
            TileId(int(col), int(row)) for col, row in zip(rows["col"], rows["row"], strict=True)
        ]

    def rows(self, date: str) -> gpd.GeoDataFrame:
        """The catalogue's rows of `date`, in the order of `tiles`."""
        self.require_date(date)
        rows = self.catalogue[self.catalogue["date"] == date]
        return rows.sort_values(["row", "col"]).reset_index(drop=True)

    def has_masks(self, date: str) -> bool:
        """Whether any tile of `date` lies inside a vector coverage."""
        return bool((self.rows(date)["covered_fraction"] > 0).any())

    def read(self, date: str, tiles: Sequence[TileId]) -> TileBatch:
        """The pixels of `tiles` at `date`, in their order."""
        self.require_date(date)
        if date not in self._stores:
            self._stores[date] = PixelStore.open(date_folder(self.folder, date) / STORE_NAME)
        return self._stores[date].read(tiles)


def date_folder(tileset: Path, date: str) -> Path:
    """The folder of one date inside a tile set."""
    return tileset / DATES_FOLDER / date


def grid_facts(grid: Grid) -> dict[str, Any]:
    """The grid as the manifest stores it."""
    return asdict(grid)
