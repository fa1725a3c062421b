"""Nearest neighbours by FAISS: unit vectors go in, rows and cosine similarities come out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss as typed_faiss
import numpy as np
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError, NotAnArtefactError
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.metrics import similarities
from aerialret.tiles.arrays import Descriptors

faiss: Any = typed_faiss  # its stubs lack the wrappers that its Python package adds

MOST_ON_GPU = 2048
"""Neighbours of a query that FAISS finds on a GPU; more are found on the CPU."""

NO_ROW = -1
"""In `Neighbours.rows`: the search found fewer vectors than were asked for."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest vectors of n queries, the nearest first.

    Attributes:
        rows: int [n, k], rows of the vectors; `NO_ROW` where there are fewer than k.
        scores: float32 [n, k], 1 at best; cosine similarities are -1 at worst.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


class VectorIndex:
    """Vectors that can be searched, on the CPU or on every GPU that FAISS sees.

    Args:
        index: The FAISS index.
        recipe: Its recipe.
        gpu: Whether searches without a filter run on the GPUs; filtered ones, and those for very
            many neighbours, run on the CPU.
    """

    def __init__(self, index: Any, *, recipe: Recipe, gpu: bool = False) -> None:
        self._owner = index  # the downcast view does not keep it alive
        self._index = faiss.downcast_index(index)
        self._recipe = recipe
        self._on_gpu = faiss.index_cpu_to_all_gpus(index) if gpu else None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dimensions(self) -> int:
        """R, the length of the vectors."""
        return int(self._index.d)

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """The `top` nearest vectors of each query.

        Args:
            queries: float32 [n, R], unit vectors.
            top: Neighbours for each query.
            selected: bool [m], the vectors that may be found; None for all.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        if selected is None and self._on_gpu is not None and top <= MOST_ON_GPU:
            scores, rows = self._on_gpu.search(queries, top)
        else:
            scores, rows = self._index.search(queries, top, params=self._parameters(selected))
        return Neighbours(rows, np.minimum(scores, 1.0))

    def vectors(self) -> Descriptors:
        """The vectors as the index holds them: float32 [m, R]."""
        if isinstance(self._index, faiss.IndexIVF):
            self._index.make_direct_map()
        result: Descriptors = self._index.reconstruct_n(0, len(self))
        return result

    def write(self, path: Path) -> None:
        """Writes the index to `path`; the same vectors and recipe give the same bytes."""
        faiss.write_index(self._index, str(path))

    def _parameters(self, selected: NDArray[np.bool_] | None) -> Any:
        values: dict[str, Any] = {}
        if selected is not None:
            bitmap = np.packbits(selected, bitorder="little")
            values["sel"] = faiss.IDSelectorBitmap(bitmap)
        if isinstance(self._index, faiss.IndexIVF):
            nprobe = self._recipe.nprobe or self._index.nprobe
            return faiss.SearchParametersIVF(nprobe=nprobe, **values)
        if isinstance(self._index, faiss.IndexHNSW):
            ef_search = self._recipe.ef_search or self._index.hnsw.efSearch
            return faiss.SearchParametersHNSW(efSearch=ef_search, **values)
        return faiss.SearchParameters(**values) if values else None


def build_vector_index(vectors: Descriptors, *, recipe: Recipe) -> VectorIndex:
    """An index of `vectors` (float32 [m, R], unit length) as the recipe says.

    Raises:
        ConfigurationError: FAISS cannot build or search this factory string with these vectors.
    """
    try:
        index = faiss.index_factory(vectors.shape[1], recipe.factory, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        built = VectorIndex(index, recipe=recipe)
        built.search(vectors[:1], top=1)
    except RuntimeError as error:
        reason = str(error).rsplit("failed: ", maxsplit=1)[-1].strip().splitlines()[0]
        raise ConfigurationError(
            f"the recipe's factory {recipe.factory!r} does not fit {len(vectors)} vectors of "
            f"{vectors.shape[1]} dimensions ({reason}); use 'Flat' or another factory string"
        ) from error
    return built


def read_vector_index(path: Path, *, recipe: Recipe, device: str = "auto") -> VectorIndex:
    """The index in the file `path`.

    Args:
        path: What `VectorIndex.write` wrote.
        recipe: What it was built from.
        device: auto and cuda search on the GPUs that FAISS sees, cpu never does.

    Raises:
        NotAnArtefactError: It cannot be read.
    """
    try:
        index = faiss.read_index(str(path))
    except RuntimeError as error:
        raise NotAnArtefactError(
            f"{path} is no readable FAISS index; run 'aerialret index' again"
        ) from error
    return VectorIndex(index, recipe=recipe, gpu=device != "cpu" and faiss.get_num_gpus() > 0)


def exact_neighbours(
    queries: Descriptors, gallery: Descriptors, *, top: int, block: int = 1024
) -> Neighbours:
    """The `top` nearest rows of `gallery` by comparing every pair; equal scores in row order.

    Args:
        queries: float32 [n, R], or [n, V, R] of which the best of V counts.
        gallery: float32 [m, R].
        top: Neighbours for each query.
        block: Queries compared at once.
    """
    top = min(top, len(gallery))
    rows = np.empty((len(queries), top), np.int64)
    scores = np.empty((len(queries), top), np.float32)
    for start in range(0, len(queries), block):
        part = slice(start, start + block)
        similarity = similarities(queries[part], gallery)
        rows[part] = np.argsort(-similarity, axis=1, kind="stable")[:, :top]
        scores[part] = np.take_along_axis(similarity, rows[part], axis=1)
    return Neighbours(rows, np.minimum(scores, 1.0))
