"""An inverted file: sparse vectors go in, the rows that share words with a query come out.

Sivic and Zisserman, ICCV 2003, section 5: for every word the tiles that have it, so that a search
looks only into the lists of the query's words. It is exact; it pays for vectors that are mostly
zeros, such as bags of visual words, and for others is right but slow.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from scipy import sparse

from aerialret.errors import ArtefactVersionError, NotAnArtefactError
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.arrays import Descriptors

FORMAT_VERSION = 1

_FORMAT_KEY = "inverted_file"  # in the file's metadata
_SCORES_AT_ONCE = 1 << 25  # 128 MB of float32
_NOTHING = np.finfo(np.float32).min  # the score of no row, as FAISS gives it


class InvertedFile:
    """Sparse vectors that can be searched, on the CPU; a `SearchEngine`, see `engines`.

    Args:
        by_word: SciPy's CSC matrix, float32 [m, R]: column i is the list of word i, the rows that
            have it and their weights.
    """

    def __init__(self, by_word: Any) -> None:
        self._by_word = by_word

    def __len__(self) -> int:
        return int(self._by_word.shape[0])

    @property
    def dimensions(self) -> int:
        """R, the length of the vectors."""
        return int(self._by_word.shape[1])

    def search(
        self, queries: Descriptors, *, top: int, selected: NDArray[np.bool_] | None = None
    ) -> Neighbours:
        """The `top` nearest vectors of each query; equal scores in row order.

        Args:
            queries: float32 [n, R], unit vectors.
            top: Neighbours for each query.
            selected: bool [m], the vectors that may be found; None for all.
        """
        rows = np.full((len(queries), top), NO_ROW, np.int64)
        scores = np.full((len(queries), top), _NOTHING, np.float32)
        allowed = np.arange(len(self)) if selected is None else np.flatnonzero(selected)
        block = max(_SCORES_AT_ONCE // max(len(self), 1), 1)
        for start in range(0, len(queries), block):
            some = sparse.csr_matrix(queries[start : start + block])
            similarity = (some @ self._by_word.T).toarray()[:, allowed]
            for number, row in enumerate(similarity, start=start):
                best = _best(row, top=top)
                rows[number, : len(best)] = allowed[best]
                scores[number, : len(best)] = row[best]
        return Neighbours(rows, np.minimum(scores, 1.0))

    def vectors(self) -> Descriptors:
        """The vectors as they were given: float32 [m, R]."""
        result: Descriptors = self._by_word.toarray()
        return result

    def write(self, path: Path) -> None:
        """Writes the lists to `path` (safetensors); the same vectors give the same bytes."""
        tensors = {
            "shape": np.array(self._by_word.shape, np.int64),
            "starts": self._by_word.indptr.astype(np.int64),
            "rows": self._by_word.indices.astype(np.int32),
            "weights": self._by_word.data.astype(np.float32),
        }
        save_file(tensors, path, metadata={_FORMAT_KEY: str(FORMAT_VERSION)})


def build_inverted_file(vectors: Descriptors) -> InvertedFile:
    """The inverted file of `vectors` (float32 [m, R])."""
    return InvertedFile(sparse.csc_matrix(vectors))


def read_inverted_file(path: Path) -> InvertedFile:
    """The inverted file in the file `path`.

    Raises:
        NotAnArtefactError: It cannot be read.
        ArtefactVersionError: A newer version of aerialret wrote it.
    """
    try:
        with safe_open(path, framework="numpy") as stored:
            version = (stored.metadata() or {}).get(_FORMAT_KEY, "")
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        if version.isdigit() and int(version) > FORMAT_VERSION:
            raise ArtefactVersionError(
                f"{path} has format {version}, but this version of aerialret reads formats up to "
                f"{FORMAT_VERSION}; upgrade aerialret"
            )
        lists = tensors["weights"], tensors["rows"], tensors["starts"]
        by_word = sparse.csc_matrix(lists, shape=tuple(tensors["shape"]))
        by_word.check_format(full_check=True)
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise NotAnArtefactError(
            f"{path} is no readable inverted file; run 'aerialret index' again"
        ) from error
    return InvertedFile(by_word)


def _best(scores: NDArray[np.float32], *, top: int) -> NDArray[np.int64]:
    """Positions of the `top` highest scores, the highest first; equal ones in their order."""
    top = min(top, len(scores))
    if top == 0:
        return np.empty(0, np.int64)
    least = np.partition(scores, -top)[-top]
    candidates = np.flatnonzero(scores >= least)
    order = np.argsort(-scores[candidates], kind="stable")
    return candidates[order[:top]]
