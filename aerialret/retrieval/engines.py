"""Search engines by recipe: vectors go in, what can be searched comes out.

FAISS for dense vectors, an inverted file for sparse ones; one interface for both.
"""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.inverted_file import build_inverted_file, read_inverted_file
from aerialret.retrieval.vector_index import Neighbours, build_vector_index, read_vector_index
from aerialret.tiles.arrays import Descriptors

_FILE_NAMES = {"faiss": "vectors.faiss", "inverted-file": "vectors.safetensors"}


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


def build_index_engine(vectors: Descriptors, *, recipe: Recipe) -> SearchEngine:
    """What searches `vectors` (float32 [m, R], unit length) as the recipe says.

    Raises:
        ConfigurationError: The recipe does not fit these vectors.
    """
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
    if recipe.engine == "inverted-file":
        return read_inverted_file(path)
    return read_vector_index(path, recipe=recipe, device=device)
