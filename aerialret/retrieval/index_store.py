"""The index artefact: a folder goes in; its model, tiles and searchable vectors come out.

INDEX/
  manifest.json    recipe, dates, grid, hashes of the tile set and the model
  vectors.faiss    the descriptors (FAISS); vectors.safetensors where the recipe's engine is an
                   inverted file
  tiles.parquet    GeoParquet; row i is the tile of vector i: place, col, row, date, geometry; of
                   an index of windows, the window's place and own square, and its scale
  model/           a copy of the model, so that an index works alone
"""

from functools import cached_property
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.config.toml import parse_section
from aerialret.errors import NotAnArtefactError, StaleArtefactError
from aerialret.manifest import Manifest, read_manifest
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import Modality
from aerialret.retrieval.engines import SearchEngine, engine_file_name, read_index_engine
from aerialret.retrieval.index_recipe import Recipe
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.tileset import TileSet

TILES_NAME = "tiles.parquet"
MODEL_FOLDER = "model"

SCALE_COLUMN = "scale"
"""Column of the tiles that indexes of windows have: the window's side, a share of a tile's."""


class Index:
    """Described tiles that can be searched, read only.

    Attributes:
        folder: Where it lies.
        manifest: What made it.
        grid: The grid of its places.
        tiles: A row for each vector: place, col, row, date, geometry; with windows, also scale.
        vectors: The descriptors, in the order of `tiles`.
        device: Where photos are described: auto, cpu or cuda.
    """

    def __init__(self, folder: Path, *, device: str = "auto") -> None:
        self.folder = folder
        self.device = device
        self.manifest: Manifest = read_manifest(folder, kind="index")
        self.grid = Grid(**self.manifest.facts["grid"])
        recipe = parse_section(Recipe, self.manifest.configuration["recipe"], origin=str(folder))
        self.vectors: SearchEngine = read_index_engine(
            folder / engine_file_name(recipe), recipe=recipe, device=device
        )
        self.tiles = _read_tiles(folder / TILES_NAME)
        if len(self.tiles) != len(self.vectors):
            raise NotAnArtefactError(
                f"{folder} is damaged: {len(self.vectors)} vectors, but {len(self.tiles)} tiles; "
                "run 'aerialret index' again"
            )

    def __len__(self) -> int:
        return len(self.tiles)

    @property
    def dates(self) -> list[str]:
        """The dates of its tiles, oldest first."""
        return list(self.manifest.facts["dates"])

    @property
    def modality(self) -> Modality:
        """What its descriptors are made from."""
        modality: Modality = self.manifest.facts["modality"]
        return modality

    @property
    def has_windows(self) -> bool:
        """Whether its vectors are of windows, of which a place may have many."""
        return SCALE_COLUMN in self.tiles.columns

    def square(self, row: int) -> Bounds:
        """What the vector in `row` shows, in the grid's CRS."""
        return Bounds(*self.tiles.geometry.iloc[row].bounds)

    def side_m(self, row: int) -> float:
        """Side of that square in metres."""
        scale = float(self.tiles[SCALE_COLUMN].iat[row]) if self.has_windows else 1.0
        return scale * self.grid.tile_size_m

    @property
    def sides_m(self) -> NDArray[np.float64]:
        """float64 [n]: that side for each row."""
        scales = self.tiles[SCALE_COLUMN] if self.has_windows else np.ones(len(self))
        return np.asarray(scales, np.float64) * self.grid.tile_size_m

    @cached_property
    def place_numbers(self) -> NDArray[np.int64]:
        """int64 [n]: a number for each row; one number is one place at one date."""
        return self._numbered[0]

    def place_number(self, tile: TileId, *, date: str) -> int | None:
        """The number of a place at a date, as in `place_numbers`; None where it has no row."""
        return self._numbered[1].get((tile.col, tile.row, date))

    def count_places(self, selected: NDArray[np.bool_] | None = None) -> int:
        """How many places its rows, or those selected, are of; a place counts at each date."""
        numbers = self.place_numbers if selected is None else self.place_numbers[selected]
        return len(np.unique(numbers))

    @cached_property
    def _numbered(self) -> tuple[NDArray[np.int64], dict[tuple[int, int, str], int]]:
        keys = pd.MultiIndex.from_frame(pd.DataFrame(self.tiles[["col", "row", "date"]]))
        numbers, unique = keys.factorize()
        return numbers.astype(np.int64), {
            (int(col), int(row), str(date)): number
            for number, (col, row, date) in enumerate(unique)
        }

    @cached_property
    def model(self) -> Model:
        """The model that made the descriptors.

        Raises:
            StaleArtefactError: The copy inside the index is of another model.
        """
        folder = self.folder / MODEL_FOLDER
        found = read_manifest(folder, kind="model").content_hash
        wanted = self.manifest.parents["model"]
        if found != wanted:
            raise StaleArtefactError(
                f"{folder} is model {found[:12]}, but the index was built with {wanted[:12]}; "
                "run 'aerialret index' again"
            )
        return load_model(folder, device=self.device)

    @cached_property
    def tileset(self) -> TileSet | None:
        """The tile set it was built from, for its pictures; None where it is no longer there."""
        try:
            tileset = TileSet((self.folder / self.manifest.facts["tile_set"]).resolve())
        except (NotAnArtefactError, OSError):
            return None
        return tileset if tileset.grid == self.grid else None


def load_index(folder: Path, *, device: str = "auto") -> Index:
    """The index in `folder`.

    Raises:
        NotAnArtefactError: The folder is no index, or a file of it is missing or broken.
    """
    return Index(folder, device=device)


def _read_tiles(path: Path) -> gpd.GeoDataFrame:
    try:
        return gpd.read_parquet(path)
    except Exception as error:  # pyarrow and geopandas raise errors that share no base
        raise NotAnArtefactError(
            f"{path} cannot be read ({error}); run 'aerialret index' again"
        ) from error
