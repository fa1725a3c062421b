"""Comparisons: a model and two dates go in, the ranks of the right places come out."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, describe_tiles, modalities_of
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.metrics import ranks_of_truth
from aerialret.retrieval.vector_index import Neighbours, exact_neighbours
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.tileset import TileSet

RESULTS_KEPT = 10

StagedProgress: TypeAlias = Callable[[str, int, int], None]
"""Told the stage, the tiles done and the tiles in all."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What queries and gallery are described by."""

    queries: Modality
    gallery: Modality

    @property
    def name(self) -> str:
        """As in `image+mask`, or `image against image+mask`."""
        if self.queries == self.gallery:
            return self.queries
        return f"{self.queries} against {self.gallery}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The date of the queries and the date of the gallery."""

    queries: str
    gallery: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How well each query found its place.

    Attributes:
        ranks: int [n], the rank of the right place; `metrics.NOT_FOUND` where the gallery lacks it.
        nearest: The first `RESULTS_KEPT` results of each query, rows of the gallery.
        own_scores: float32 [n], similarity of each query and its right place; NaN where none.
    """

    ranks: NDArray[np.int64]
    nearest: Neighbours
    own_scores: NDArray[np.float32]


def comparisons_of(
    config: ModelConfig, *, queries_masked: bool, gallery_masked: bool
) -> tuple[Comparison, ...]:
    """What can be compared, the richest first; the first is the headline.

    Args:
        config: What the network sees.
        queries_masked: Whether any query has a mask.
        gallery_masked: Whether any tile of the gallery has one.

    Raises:
        ConfigurationError: The network sees masks only, and a date has none.
    """
    if config.input == "image":
        return (Comparison("image", "image"),)
    if config.input == "mask":
        if not (queries_masked and gallery_masked):
            raise ConfigurationError(
                "the model sees masks only, but one of the two dates has no vectors; "
                "ingest it again with '--vectors'"
            )
        return (Comparison("mask", "mask"),)
    both, image, mask = (Comparison(name, name) for name in modalities_of(config))
    crossed = Comparison("image", "image+mask")
    if queries_masked and gallery_masked:
        return (both, image, mask, crossed)
    return (crossed, image) if gallery_masked else (image,)


class Comparer:
    """Describes the two dates, each modality once, and compares them.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        dates: The dates to compare.
        index: Its vectors are taken for the gallery where it holds them.
        batch_size: Tiles described at once.
        label: Put before the stages that `progress` is told.
        progress: Told the stage, the tiles done and the tiles in all.
    """

    def __init__(
        self,
        tileset: TileSet,
        model: Model,
        *,
        dates: Dates,
        index: Index | None = None,
        batch_size: int = 32,
        label: str = "describing",
        progress: StagedProgress | None = None,
    ) -> None:
        self._tileset, self._model, self._dates = tileset, model, dates
        self._batch_size, self._label, self._progress = batch_size, label, progress
        self._known: dict[tuple[str, Modality], Descriptors] = {}
        if index is not None:
            rows = (index.tiles["date"] == dates.gallery).to_numpy()
            self._known[dates.gallery, index.modality] = index.vectors.vectors()[rows]

    def compare(self, comparison: Comparison, *, truth: NDArray[np.int64]) -> Measurement:
        """Searches every query exactly.

        Args:
            comparison: What to describe the tiles by.
            truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        """
        queries = self._described(self._dates.queries, comparison.queries)
        gallery = self._described(self._dates.gallery, comparison.gallery)
        own = np.einsum("nr,nr->n", queries, gallery[truth])
        return Measurement(
            ranks=ranks_of_truth(queries, gallery, truth),
            nearest=exact_neighbours(queries, gallery, top=RESULTS_KEPT),
            own_scores=np.where(truth >= 0, own, np.float32(np.nan)),
        )

    def _described(self, date: str, modality: Modality) -> Descriptors:
        if (date, modality) not in self._known:
            stage = f"{self._label} {date} by {modality}"
            progress = self._progress
            self._known[date, modality] = describe_tiles(
                self._model, self._tileset, date=date, tiles=self._tileset.tiles(date),
                modality=modality, batch_size=self._batch_size,
                progress=(lambda done, total: progress(stage, done, total)) if progress else None,
            )  # fmt: skip
        return self._known[date, modality]


def truth_rows(tileset: TileSet, *, dates: Dates) -> NDArray[np.int64]:
    """The row of each query's place in the gallery: int [n]; -1 where it has none."""
    rows = {tile: row for row, tile in enumerate(tileset.tiles(dates.gallery))}
    return np.array([rows.get(tile, -1) for tile in tileset.tiles(dates.queries)], np.int64)
