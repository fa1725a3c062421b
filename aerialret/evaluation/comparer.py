"""Comparers: photos and a gallery go in, measurements of how well each photo is found come out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aerialret.config import QueryConfig
from aerialret.evaluation.comparisons import Comparison
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.measurement import RESULTS_KEPT, Measurement, StagedProgress, of_stage
from aerialret.evaluation.photo_answers import answer_of, photo_of, windows_of
from aerialret.evaluation.photos import Photos
from aerialret.evaluation.placing import distances_m, placed_corners_m, tile_centres_m
from aerialret.evaluation.ranking import Ranking, Similarity, rank_gallery
from aerialret.evaluation.reranking import reranked
from aerialret.evaluation.second_looks import Looking, Seen, looked_again
from aerialret.evaluation.windows import ALIGNED, Window, on_the_ground
from aerialret.network.checkpoint import Model
from aerialret.network.dense import dense_similarities
from aerialret.network.descriptors import Modality, describe_queries
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.candidates import Candidates
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.metrics import similarities
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from aerialret.verification.local_features import LocalFeatures
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.rerank import SIFT
from aerialret.verification.second_look import SecondLook


class Comparer:
    """Describes the photos, each modality once, and searches the gallery for them.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        photos: Are searched for.
        gallery: Is searched.
        asking: How: turns that are tried, and how the first results are checked.
        kept: Results of each photo that are kept.
        batch_size: Photos described at once.
        label: Put before the stages that `progress` is told.
        progress: Told the stage, the tiles done and the tiles in all.
    """

    def __init__(
        self,
        tileset: TileSet,
        model: Model,
        *,
        photos: Photos,
        gallery: GalleryCache,
        asking: QueryConfig,
        kept: int = RESULTS_KEPT,
        batch_size: int = 32,
        label: str = "describing",
        progress: StagedProgress | None = None,
    ) -> None:
        self._tileset, self._model, self._photos, self._gallery = tileset, model, photos, gallery
        self._asking, self._kept, self._batch_size = asking, kept, batch_size
        self._label, self._progress = label, progress
        self._known: dict[Modality, NDArray[np.float32]] = {}
        self._reader = ReferenceReader(tileset)

    def compare(self, comparison: Comparison, *, thorough: bool = False) -> Measurement:
        """Searches every photo exactly.

        Args:
            comparison: What queries and gallery are described by.
            thorough: Whether a second look is taken at all candidates, however sure of one: what
                would be first without the right place is known only then.
        """
        checks = self._asking.rerank != "none" and comparison.sees_images
        top = max(self._kept, self._asking.rerank_top) if checks else self._kept
        found = self._searched(comparison, top=top)
        if checks and self._asking.rerank == "cells":
            found, shown = self._looked_again(comparison, found, thorough=thorough)
            placed = self._placed_again(found.nearest.rows[:, 0], shown)
            return self._measurement(comparison, found, placed, shown=shown)
        found = self._checked(found) if checks else found
        return self._measurement(comparison, found, self._placed(comparison, found))

    def _searched(self, comparison: Comparison, *, top: int) -> Ranking:
        """The gallery's order for each photo."""
        date = self._photos.dates.gallery
        queries = self._asked(comparison.queries)
        windows = self._gallery.windows(date, comparison.gallery)
        if windows is not None:
            return windows.ranked(
                queries, photos=self._photos, similarity=self._similarity(), top=top
            )
        gallery = self._gallery.vectors(
            date, comparison.gallery, progress=self._stage(f"{date} by {comparison.gallery}")
        )
        return rank_gallery(
            queries, gallery, self._photos.truth, neutral=self._photos.neutral,
            similarity=self._similarity(), top=top,
        )  # fmt: skip

    def _looked_again(
        self, comparison: Comparison, found: Ranking, *, thorough: bool
    ) -> tuple[Ranking, tuple[Mapping[int, Window], ...]]:
        """The ranking after a second look at the first results, and what each photo shows there."""
        photos, date, grid = self._photos, self._photos.dates.gallery, self._tileset.grid
        looking = Looking(
            look=SecondLook(self._model, tile_px=grid.tile_px, modality=comparison.queries),
            reader=self._reader, grid=grid, tiles=self._tileset.tiles(date), date=date,
            thorough=thorough,
        )  # fmt: skip
        return looked_again(
            found,
            looking,
            truth=photos.truth,
            photo=self._photo,
            candidates=self._candidates(comparison, found),
            progress=self._stage(f"{photos.dates.queries} again by {comparison.queries}"),
        )

    def _candidates(
        self, comparison: Comparison, found: Ranking
    ) -> Callable[[int], Iterable[Seen]]:
        """What of the gallery deserves a second look, for each photo."""
        date, photos, asking = self._photos.dates.gallery, self._photos, self._asking
        if self._gallery.windows(date, comparison.gallery) is not None:
            return partial(self._first_windows, comparison, found)
        vectors = self._gallery.vectors(date, comparison.gallery)
        maps = GridMaps(vectors, self._model.layout, device=self._model.device.type)
        candidates = Candidates(
            model=self._model, modality=comparison.queries, rotations=asking.rotations,
            top=asking.rerank_top,
        )  # fmt: skip

        def of(row: int) -> Iterator[Seen]:
            views = self._asked(comparison.queries)[row]
            selected = np.ones(len(vectors), bool)
            selected[photos.neutral.get(row, [])] = False
            first = candidates.of(self._photo(row), views, maps, selected=selected)
            return map(Seen.of, first)

        return of

    def _first_windows(self, comparison: Comparison, found: Ranking, row: int) -> list[Seen]:
        """The first results in a gallery of windows that overlap."""
        nearest = found.nearest
        rows = nearest.rows[row][: self._asking.rerank_top]
        rows = rows[rows != NO_ROW]
        windows = self._shown(comparison, row, rows)
        return [
            Seen(row=int(at), searched=float(score), window=window or Window())
            for at, score, window in zip(rows, nearest.scores[row], windows, strict=False)
        ]

    def _photo(self, row: int) -> TileBatch:
        """A photo, alone in a batch."""
        return self._photos.cut(self._tileset, slice(row, row + 1)).batch

    def _placed_again(
        self, first: NDArray[np.int64], shown: tuple[Mapping[int, Window], ...]
    ) -> NDArray[np.float64]:
        """Corners of what each photo shows by its first result: float64 [n, 4, 2]."""
        tiles, grid = self._tileset.tiles(self._photos.dates.gallery), self._tileset.grid
        corners = np.full((len(first), 4, 2), np.nan)
        for query, row in enumerate(map(int, first)):
            if row in shown[query]:
                outline = shown[query][row].corners()
                corners[query] = on_the_ground(outline, tile=tiles[row], grid=grid)
        return corners

    def answer(self, measurement: Measurement, row: int, *, top: int) -> PhotoAnswer:
        """What `measurement` found for one photo, as an answer to a query: `top` hits at most."""
        photos, date, batch = self._photos, self._photos.dates.gallery, self._photo(row)
        nearest = measurement.nearest
        found = nearest.rows[row, :top][nearest.rows[row, :top] != NO_ROW]
        tiles = self._tileset.tiles(date)
        windows = self._shown(measurement.comparison, row, found)
        if measurement.shown is not None:
            better = measurement.shown[row]
            windows = [better.get(int(at), old) for at, old in zip(found, windows, strict=True)]
        return answer_of(
            photo_of(photos.tiles[row].place, batch),
            modality=measurement.comparison.queries, tiles=[tiles[each] for each in found],
            scores=nearest.scores[row, : len(found)], windows=windows, date=date,
            grid=self._tileset.grid,
        )  # fmt: skip

    def _shown(
        self, comparison: Comparison, row: int, found: NDArray[np.int64]
    ) -> list[Window | None]:
        """What of each tile in the rows `found` a photo shows, as far as it is told."""
        date, query = self._photos.dates.gallery, self._asked(comparison.queries)[row]
        windows = self._gallery.windows(date, comparison.gallery)
        if windows is not None:
            return list(
                windows.shown(
                    query, found, model=self._model, rotations=self._asking.rotations,
                    similarity=self._similarity(),
                )
            )  # fmt: skip
        return windows_of(
            query, self._gallery.vectors(date, comparison.gallery), found, model=self._model,
            rotations=self._asking.rotations,
        )  # fmt: skip

    def _similarity(self) -> Similarity:
        """How this method scores queries and gallery."""
        if not self._model.config.is_grid:
            return similarities
        return partial(dense_similarities, layout=self._model.layout, device=self._model.device)

    def _placed(self, comparison: Comparison, found: Ranking) -> NDArray[np.float64] | None:
        """Where in its first result each photo lies; None for methods that do not tell."""
        date, queries = self._photos.dates.gallery, self._asked(comparison.queries)
        first, rotations = found.nearest.rows[:, 0], self._asking.rotations
        windows = self._gallery.windows(date, comparison.gallery)
        if windows is not None:
            return windows.placed_corners_m(
                queries, first, model=self._model, rotations=rotations,
                similarity=self._similarity(),
            )  # fmt: skip
        if not self._model.config.is_grid:
            return None
        return placed_corners_m(
            queries, self._gallery.vectors(date, comparison.gallery), first, model=self._model,
            grid=self._tileset.grid, tiles=tuple(self._tileset.tiles(date)), rotations=rotations,
        )  # fmt: skip

    def _checked(self, found: Ranking) -> Ranking:
        """The ranking after a check of the first results by local features."""
        photos, tiles = self._photos, self._tileset.tiles(self._photos.dates.gallery)

        def photo(row: int) -> LocalFeatures:
            batch = self._photo(row)
            return SIFT.features(batch.images[0], batch.valid[0])

        return reranked(
            found,
            truth=photos.truth,
            photo=photo,
            candidate=lambda row: self._gallery.features(photos.dates.gallery, tiles[row]),
            top=self._asking.rerank_top,
            progress=self._stage(f"{photos.dates.queries} by {self._asking.rerank}"),
        )

    def _measurement(
        self,
        comparison: Comparison,
        found: Ranking,
        placed: NDArray[np.float64] | None,
        *,
        shown: tuple[Mapping[int, Window], ...] | None = None,
    ) -> Measurement:
        nearest, photos = found.nearest, self._photos
        first = nearest.rows[:, 0]
        tiles, grid = self._tileset.tiles(photos.dates.gallery), self._tileset.grid
        centres = tile_centres_m(tiles, grid=grid)[first] if placed is None else placed.mean(axis=1)
        kept = Neighbours(nearest.rows[:, : self._kept], nearest.scores[:, : self._kept])
        return Measurement(
            comparison=comparison,
            ranks=found.ranks,
            nearest=kept,
            own_scores=found.own_scores,
            distance_m=distances_m(centres, photos.shown.centres_m, first=first),
            placed_m=placed,
            shown=shown,
        )

    def _asked(self, modality: Modality) -> NDArray[np.float32]:
        """The vectors of the photos: float32 [n, V, R]."""
        if modality not in self._known:
            photos = self._photos
            name = photos.dates.queries
            if photos.protocol != ALIGNED:
                name = f"{name} ({photos.protocol})"
            progress = self._stage(f"{name} by {modality}")
            parts = []
            for start in range(0, len(photos), self._batch_size):
                rows = slice(start, min(start + self._batch_size, len(photos)))
                batch = photos.cut(self._tileset, rows).batch
                parts.append(
                    describe_queries(
                        self._model, batch, modality=modality, rotations=self._asking.rotations
                    )
                )
                if progress:
                    progress(rows.stop, len(photos))
            self._known[modality] = np.concatenate(parts)
        return self._known[modality]

    def _stage(self, what: str) -> Callable[[int, int], None] | None:
        return of_stage(self._progress, f"{self._label} {what}")
