"""One evaluation: a tile set, a model and two dates go in, what was measured comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.config import QueryConfig
from aerialret.evaluation.calibration.judged import KEPT, is_judged, judged
from aerialret.evaluation.change import Change, change_between
from aerialret.evaluation.comparer import Comparer
from aerialret.evaluation.comparisons import Comparison, Dates, chosen, comparisons_of
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.locating import Located, locate_photos, search_errors
from aerialret.evaluation.measurement import RESULTS_KEPT, Measurement, StagedProgress
from aerialret.evaluation.photo_answers import pixels_of
from aerialret.evaluation.photos import Photos, photos_of
from aerialret.evaluation.pose_errors import PoseErrors
from aerialret.evaluation.query_table import add_errors, add_located, add_measurements, query_table
from aerialret.evaluation.windows import ALIGNED
from aerialret.network.checkpoint import Model, untrained_model
from aerialret.querying.verify import require_locators, verified_answer
from aerialret.retrieval.index_store import Index
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.verification.locator import Locator
from aerialret.verification.reference import ReferenceReader


def run_evaluation(
    tileset: TileSet,
    model: Model,
    *,
    dates: Dates,
    protocol: str = ALIGNED,
    seed: int = 7,
    asking: QueryConfig | None = None,
    tiles: Sequence[TileId] | None = None,
    index: Index | None = None,
    gallery: GalleryCache | None = None,
    only: str | None = None,
    before_training: bool = True,
    verify_top: int = 0,
    progress: StagedProgress | None = None,
) -> Evaluation:
    """Searches photos of one date among the tiles of the other, by everything the model sees.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        dates: Dates of queries and gallery.
        protocol: How the photos are cut out of tiles, see `aerialret.evaluation.protocols`.
        seed: Seed of the cutting.
        asking: Turns that are tried, and how the first results are checked.
        tiles: The photos are of these; None for all of the queries' date.
        index: Its vectors are the gallery; None describes the gallery anew.
        gallery: What is known of the gallery already; several protocols may share it.
        only: Measure this comparison, and neither the change between the dates nor whole tiles;
            `comparisons.HEADLINE` is the first, `comparisons.EVERY` all. None measures everything.
        before_training: Whether the same network is also measured as it was before training.
        verify_top: So many answers of each photo in scope are verified, by the headline.
        progress: Told the stage, the tiles done and the tiles in all.

    Raises:
        NothingToDoError: No query has its place in the gallery.
        ConfigurationError: The model sees masks only, and a date has none; or there is no such
            protocol or comparison.
    """
    asking, kept = asking or QueryConfig(), max(verify_top, RESULTS_KEPT, KEPT)
    locators: tuple[Locator, ...] = ()
    if verify_top:
        locators = require_locators(asking.matcher, model=model, weights=asking.matcher_weights)
    run = _Run(tileset, dates, asking, kept, progress)
    photos = photos_of(tileset, dates=dates, protocol=protocol, seed=seed, tiles=tiles)
    comparisons = chosen(_possible(tileset, model, dates), only=only)
    gallery = gallery or GalleryCache(tileset, model, index=index)
    comparer = run.comparer(model, photos, gallery=gallery)
    headline, *others = comparisons
    trained = {headline.name: comparer.compare(headline, thorough=is_judged(model))}
    trained |= {comparison.name: comparer.compare(comparison) for comparison in others}
    whole = None
    if not only and protocol != ALIGNED:
        aligned = photos_of(tileset, dates=dates, seed=seed, tiles=photos.tiles)
        whole = run.measured(model, aligned, comparisons[:1], gallery=gallery)[next(iter(trained))]
    before = untrained_model(model) if before_training and was_trained(model) else None
    untrained = run.measured(before, photos, comparisons) if before else {}
    change = None if only else change_between(tileset, dates=dates, tiles=photos.tiles)
    table = _table(tileset, model, photos, change, trained, untrained, whole)
    main = next(iter(trained.values()))
    searched = search_errors(main, photos)
    add_errors(table, searched)
    located = None
    if verify_top:
        rows = np.flatnonzero(table["in_scope"].to_numpy(bool))
        located = run.located(
            comparer, main, photos, rows, searched, top=verify_top, locators=locators
        )
        add_located(table, located)
    return Evaluation(
        tileset=tileset, model=model, dates=dates, photos=photos, asking=run.asking,
        trained=trained, untrained=untrained, whole_tiles=whole, searched=searched,
        located=located,
        judged=judged(main, photos, tileset=tileset, model=model, rerank=asking.rerank),
        change_seen_in=change.seen_in if change else "", table=table,
    )  # fmt: skip


def was_trained(model: Model) -> bool:
    """Whether the model is more than its initial weights."""
    return int(model.manifest.facts.get("training", {}).get("epochs", 0)) > 0


@dataclass(frozen=True, slots=True)
class _Run:
    """What all measurements of an evaluation share."""

    tileset: TileSet
    dates: Dates
    asking: QueryConfig
    kept: int
    progress: StagedProgress | None

    def comparer(
        self, model: Model, photos: Photos, *, gallery: GalleryCache | None = None
    ) -> Comparer:
        """Searches for the photos; without a gallery, by the model before training."""
        return Comparer(
            self.tileset, model, photos=photos, asking=self.asking, progress=self.progress,
            gallery=gallery or GalleryCache(self.tileset, model), kept=self.kept,
            label="describing" if gallery else "before training:",
        )  # fmt: skip

    def measured(
        self,
        model: Model,
        photos: Photos,
        comparisons: tuple[Comparison, ...],
        *,
        gallery: GalleryCache | None = None,
    ) -> dict[str, Measurement]:
        """The measurements by name; without a gallery, of the model before training."""
        comparer = self.comparer(model, photos, gallery=gallery)
        return {comparison.name: comparer.compare(comparison) for comparison in comparisons}

    def located(
        self,
        comparer: Comparer,
        measurement: Measurement,
        photos: Photos,
        rows: NDArray[np.int64],
        searched: PoseErrors,
        *,
        top: int,
        locators: Sequence[Locator],
    ) -> Located:
        """The photos `rows` with their answers verified."""
        verify = partial(
            verified_answer, reader=ReferenceReader(self.tileset), top=top,
            locators=locators,
        )  # fmt: skip
        told = self.progress
        return locate_photos(
            lambda row: comparer.answer(measurement, row, top=top),
            lambda answer: verify(answer, pixels_of(answer.photo)),
            photos, rows=rows, ranks=measurement.ranks, top=top, searched=searched,
            progress=(lambda done, total: told("verified", done, total)) if told else None,
        )  # fmt: skip


def _possible(tileset: TileSet, model: Model, dates: Dates) -> tuple[Comparison, ...]:
    return comparisons_of(
        model.config,
        queries_masked=tileset.has_masks(dates.queries),
        gallery_masked=tileset.has_masks(dates.gallery),
    )


def _table(
    tileset: TileSet,
    model: Model,
    photos: Photos,
    change: Change | None,
    trained: dict[str, Measurement],
    untrained: dict[str, Measurement],
    whole: Measurement | None,
) -> pd.DataFrame:
    main, *others = trained
    table = query_table(tileset, model, trained[main], photos=photos, change=change)
    further = {name: trained[name] for name in others}
    if untrained:
        further["untrained"] = untrained[main]
    if whole:
        further[ALIGNED] = whole
    add_measurements(table, further)
    return table
