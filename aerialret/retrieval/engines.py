"""Search engines by recipe: vectors go in, what can be searched comes out.

FAISS for dense vectors, an inverted file for sparse ones, grids of cells for models that make
them; one interface for all.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aerialret.network.dense import GridLayout
from aerialret.retrieval.grid_maps import GridMaps, read_grid_maps
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.inverted_file import build_inverted_file, read_inverted_file
from aerialret.retrieval.vector_index import Neighbours, build_vector_index, read_vector_index
from aerialret.tiles.arrays import Descriptors

_FILE_NAMES = {
    "faiss": "vectors.faiss",
    "inverted-file": "vectors.safetensors",
    "grid": "cells.safetensors",
}


class SearchEngine(Protocol):
    """Vectors that can be searched."""

    def __len__(self) -> int:
        """How many vectors there are."""

    @property
    def dimensions(self) -> int:
        """R, the length of the vectors."""

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """The `top` nearest vectors of each query (float32 [n, R]), of those `selected`."""

    def vectors(self) -> Descriptors:
        """The vectors as the engine holds them: float32 [m, R]."""

    def write(self, path: Path) -> None:
        """Writes a file; the same vectors and recipe give the same bytes."""


def engine_file_name(recipe: Recipe) -> str:
    """The name of the file that holds the vectors inside an index folder."""
    return _FILE_NAMES[recipe.engine]


def build_index_engine(
    vectors: Descriptors, *, recipe: Recipe, layout: GridLayout | None = None
) -> SearchEngine:
    """What searches `vectors` (float32 [m, R]) as the recipe says.

    Args:
        vectors: One for each tile.
        recipe: Which engine, and how.
        layout: Of the cells in `vectors`, for the engine `grid`.

    Raises:
        ConfigurationError: The recipe does not fit these vectors.
    """
    if layout is not None:
        return GridMaps(vectors.astype(np.float16), layout)
    if recipe.engine == "inverted-file":
        return build_inverted_file(vectors)
    return build_vector_index(vectors, recipe=recipe)


def read_index_engine(path: Path, *, recipe: Recipe, device: str = "auto") -> SearchEngine:
    """The engine in the file `path`, which `SearchEngine.write` wrote.

    Args:
        path: The file.
        recipe: What it was built from.
        device: auto and cuda let FAISS search on GPUs; an inverted file stays on the CPU.

    Raises:
        NotAnArtefactError: It cannot be read.
    """
    if recipe.engine == "grid":
        return read_grid_maps(path, device=device)
    if recipe.engine == "inverted-file":
        return read_inverted_file(path)
    return read_vector_index(path, recipe=recipe, device=device)
