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
from aerialret.retrieval.vector_index import (
    NO_ROW,
    Neighbours,
    build_vector_index,
    exact_neighbours,
    read_vector_index,
)
from aerialret.tiles.arrays import Descriptors

_FILE_NAMES = {
    "faiss": "vectors.faiss",
    "inverted-file": "vectors.safetensors",
    "grid": "cells.safetensors",
}
_RECALL_SAMPLE = 256
_RECALL_DEPTH = 5
_TIE = 1e-5  # float32 sums of 256 products in another order differ by less


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


def measure_recall(engine: SearchEngine, vectors: Descriptors) -> float:
    """Share of the exact nearest neighbours that `engine` returns, for a sample of its own vectors.

    A neighbour counts as returned when one of equal similarity is.
    """
    sample = np.linspace(0, len(vectors) - 1, min(_RECALL_SAMPLE, len(vectors))).astype(int)
    top = min(_RECALL_DEPTH, len(vectors))
    exact = exact_neighbours(vectors[sample], vectors, top=top)
    found = engine.search(vectors[sample], top=top).rows
    # Compressed indexes return approximate scores, so those of what was found are computed anew.
    similarity = np.einsum("nr,nkr->nk", vectors[sample], vectors[found])
    return float(((found != NO_ROW) & (similarity >= exact.scores[:, -1:] - _TIE)).mean())
