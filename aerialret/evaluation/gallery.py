"""The gallery of an evaluation: a model and a date go in, what is known of its tiles comes out.

Whatever was computed once is kept, so that several protocols share one description of the gallery.
"""

from collections.abc import Callable

import numpy as np

from aerialret.evaluation.window_gallery import WindowGallery
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, describe_tiles
from aerialret.retrieval.finite import require_finite
from aerialret.retrieval.index_store import Index
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.rerank import SIFT

_FEATURES_KEPT = 4096  # about half a megabyte each


class GalleryCache:
    """The vectors of a tile set's gallery tiles by one model, and their local features.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        index: Its vectors, or windows, are taken where it holds them.
        batch_size: Tiles described at once.
    """

    def __init__(
        self, tileset: TileSet, model: Model, *, index: Index | None = None, batch_size: int = 32
    ) -> None:
        self._tileset, self._model, self._batch_size = tileset, model, batch_size
        self._vectors: dict[tuple[str, Modality], Descriptors] = {}
        self._windows: dict[tuple[str, Modality], WindowGallery] = {}
        self._features: dict[tuple[str, TileId], LocalFeatures] = {}
        if index is not None:
            self._take(index)

    def vectors(
        self,
        date: str,
        modality: Modality,
        *,
        progress: Callable[[int, int], None] | None = None,
    ) -> Descriptors:
        """The vectors of all tiles at `date`, in their order: float32 [m, R].

        Raises:
            NotFiniteError: The model's weights are damaged.
        """
        if (date, modality) not in self._vectors:
            vectors = describe_tiles(
                self._model, self._tileset, date=date, tiles=self._tileset.tiles(date),
                modality=modality, batch_size=self._batch_size, progress=progress,
            )  # fmt: skip
            self._vectors[date, modality] = require_finite(vectors, model=self._model)
        return self._vectors[date, modality]

    def windows(self, date: str, modality: Modality) -> WindowGallery | None:
        """The windows at `date`, where the index holds windows; they stand for the vectors."""
        return self._windows.get((date, modality))

    def features(self, date: str, tile: TileId) -> LocalFeatures:
        """The local features of a tile; those of the last few thousand tiles are kept."""
        if (date, tile) not in self._features:
            if len(self._features) >= _FEATURES_KEPT:
                del self._features[next(iter(self._features))]
            batch = self._tileset.read(date, [tile])
            self._features[date, tile] = SIFT.features(batch.images[0], batch.valid[0])
        return self._features[date, tile]

    def _take(self, index: Index) -> None:
        if index.has_windows:
            for date in index.dates:
                tiles = self._tileset.tiles(date)
                found = WindowGallery.of(index, date=date, tiles=tiles)
                self._windows[date, index.modality] = found
            return
        vectors = require_finite(index.vectors.vectors(), model=index.model)
        dates = index.tiles["date"].to_numpy()
        for date in np.unique(dates):
            self._vectors[str(date), index.modality] = vectors[dates == date]
