"""Calibrating: a tile set and a model go in, `calibration.json` in the model's folder comes out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.asked import asked_modalities
from aerialret.evaluation.calibration.fitting import fit
from aerialret.evaluation.calibration.judged import KEPT
from aerialret.evaluation.calibration.places import folds_of, held_out_places
from aerialret.evaluation.calibration.searches import (
    Searches,
    joined,
    searches_of,
    searches_of_lists,
    tile_bounds,
)
from aerialret.evaluation.calibration.thresholds import with_thresholds
from aerialret.evaluation.comparer import Comparer
from aerialret.evaluation.comparisons import Comparison, Dates
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.measurement import StagedProgress, of_stage
from aerialret.evaluation.photos import Photos, photos_of
from aerialret.evaluation.ranking import Similarity
from aerialret.network.checkpoint import Model
from aerialret.network.dense import dense_similarities
from aerialret.network.descriptors import Modality, describe_queries, modalities_of
from aerialret.retrieval.calibration import (
    Calibration,
    ModelCalibration,
    asked_by,
    write_calibration,
)
from aerialret.retrieval.metrics import similarities
from aerialret.retrieval.parents import require_tile_size
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet, grid_facts

PROTOCOLS = ("aligned", "mild", "hard", "grey")
"""How the photos are cut, in equal parts."""

MOST_PLACES = 200
"""Places that are asked about at most; each under every protocol."""

MOST_CHECKED = 60
"""Places at most whose first results are checked, which takes much longer than the search."""

_PHOTOS_AT_ONCE = 32


def calibrate(
    tileset: TileSet,
    model: Model,
    *,
    dates: Dates,
    seed: int,
    progress: StagedProgress | None = None,
) -> ModelCalibration:
    """Asks for places whose answer is known, and writes what the model's scores mean.

    Args:
        tileset: Holds the tiles of both dates.
        model: Describes them; `calibration.json` goes into its folder.
        dates: Dates of the photos and of the gallery.
        seed: Seed of all that is drawn.
        progress: Told the stage, the photos done and the photos in all.

    Raises:
        NothingToDoError: Too few places were kept from training.
        ConfigurationError: Model and tile set do not fit together.
    """
    require_tile_size(model, tileset=tileset)
    places = held_out_places(tileset, model, dates=dates, seed=seed, most=MOST_PLACES)
    folds = folds_of(places, seed=seed)
    known = GalleryCache(tileset, model)
    asking = _Asking(tileset, model, known, places, dates, seed, progress)
    found: dict[str, Calibration] = {}
    for name in asking.modalities:
        found[name] = asking.calibration(asking.searches(name), folds)
        rerank = model.asking.rerank
        if rerank == "cells" and name != "mask":  # `query` knows no other check
            again = asking.checked_searches(name)
            found[asked_by(name, rerank=rerank)] = asking.calibration(again, folds)
    calibration = ModelCalibration(
        model=model.content_hash, tile_set=tileset.content_hash, grid=grid_facts(tileset.grid),
        queries=dates.queries, gallery=dates.gallery, seed=seed, rotations=model.asking.rotations,
        protocols=PROTOCOLS, seen=asking.seen, tiles=len(tileset.tiles(dates.gallery)),
        absent_share=0.5, by=found,
        places={tile.place: fold for tile, fold in zip(places, folds, strict=True)},
    )  # fmt: skip
    write_calibration(calibration, model.folder)
    return calibration


@dataclass(frozen=True, slots=True)
class _Asking:
    """What all searches of a calibration share."""

    tileset: TileSet
    model: Model
    known: GalleryCache
    places: Sequence[TileId]
    dates: Dates
    seed: int
    progress: StagedProgress | None

    @property
    def seen(self) -> Modality:
        """What the gallery is described by: all that the model sees, as an index is by default."""
        return modalities_of(self.model.config)[0]

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What photos are described by: all that the model sees, and the image alone."""
        return asked_modalities(self.tileset, self.model, date=self.dates.queries)

    def calibration(self, found: Iterator[Searches], folds: Sequence[int]) -> Calibration:
        """By searches of all places under all protocols; `folds` are those of the places."""
        searches = joined(list(found))
        fold = np.tile(folds, len(PROTOCOLS))[searches.photo]
        tiles = len(self.tileset.tiles(self.dates.gallery))
        return with_thresholds(fit(searches, fold=fold, most_tiles=tiles), searches, fold=fold)

    def searches(self, modality: Modality) -> Iterator[Searches]:
        """Protocol by protocol; photo i of protocol p has the number p * places + i."""
        date, count = self.dates.gallery, len(self.places)
        gallery = self.known.vectors(
            date, self.seen, progress=of_stage(self.progress, f"{date} by {self.seen}")
        )
        bounds = tile_bounds(self.tileset.tiles(date), grid=self.tileset.grid)
        for number, protocol in enumerate(PROTOCOLS):
            photos = self._photos(protocol, self.places)
            told = of_stage(self.progress, f"{self.dates.queries} ({protocol}) by {modality}")
            for start in range(0, count, _PHOTOS_AT_ONCE):
                rows = range(start, min(start + _PHOTOS_AT_ONCE, count))
                vectors = self._vectors(photos, slice(rows.start, rows.stop), modality)
                yield searches_of(
                    self._similarity()(vectors, gallery), photos.truth[rows.start : rows.stop],
                    bounds=bounds, neutral=[photos.neutral.get(row) for row in rows],
                    first_photo=number * count + start, seed=self.seed,
                )  # fmt: skip
                if told:
                    told(rows.stop, count)

    def checked_searches(self, modality: Modality) -> Iterator[Searches]:
        """As `searches`, in the whole gallery, with the first results checked as recipes say."""
        bounds = tile_bounds(self.tileset.tiles(self.dates.gallery), grid=self.tileset.grid)
        count = len(self.places)
        chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_CHECKED)).round().astype(int))
        for number, protocol in enumerate(PROTOCOLS):
            photos = self._photos(protocol, [self.places[each] for each in chosen])
            comparer = Comparer(
                self.tileset, self.model, photos=photos, gallery=self.known,
                asking=self.model.asking, kept=KEPT, progress=self.progress,
            )  # fmt: skip
            nearest = comparer.compare(Comparison(modality, self.seen), thorough=True).nearest
            found = searches_of_lists(
                nearest.rows[:, :KEPT], nearest.scores[:, :KEPT], photos.truth, bounds=bounds
            )
            yield replace(found, photo=number * count + chosen[found.photo])

    def _photos(self, protocol: str, places: Sequence[TileId]) -> Photos:
        return photos_of(
            self.tileset, dates=self.dates, protocol=protocol, seed=self.seed, tiles=places
        )

    def _vectors(self, photos: Photos, rows: slice, modality: Modality) -> NDArray[np.float32]:
        batch = photos.cut(self.tileset, rows).batch
        turns = self.model.asking.rotations
        return describe_queries(self.model, batch, modality=modality, rotations=turns)

    def _similarity(self) -> Similarity:
        """How the method scores photos and gallery."""
        if not self.model.config.is_grid:
            return similarities
        return partial(dense_similarities, layout=self.model.layout, device=self.model.device)
