"""Judged searches: what an evaluation found and a calibration go in, their probabilities come out.

Each photo counts twice: as it was searched for, and as if its place were not in the gallery.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.calibration.searches import searches_of_lists, tile_bounds
from aerialret.evaluation.calibration.thresholds import cross_fitted
from aerialret.evaluation.measurement import Measurement
from aerialret.evaluation.photos import Photos
from aerialret.network.checkpoint import Model
from aerialret.retrieval.calibration import Calibration, ModelCalibration, read_calibration
from aerialret.retrieval.evidence import DEPTH
from aerialret.tiles.tileset import TileSet, grid_facts

KEPT = DEPTH + 1
"""Results of each photo that are looked at, its place among them or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """n photos, each searched for with and without its place; NaN where the gallery lacks it.

    Attributes:
        calibration: Says what the scores mean.
        seen: bool [n], the photos of places that were calibrated on; they are judged by curves that
            did not see them (cross-fitting).
        probability: float64 [n], of the first result.
        probability_absent: float64 [n], of the first result without the place.
        right: bool [n], whether the first result is right.
    """

    calibration: Calibration
    seen: NDArray[np.bool_]
    probability: NDArray[np.float64]
    probability_absent: NDArray[np.float64]
    right: NDArray[np.bool_]


def judged(
    measurement: Measurement, photos: Photos, *, tileset: TileSet, model: Model, rerank: str
) -> Judged | None:
    """The probabilities of the first results; None where no calibration tells.

    Args:
        measurement: With `KEPT` results of each photo.
        photos: That were searched for.
        tileset: Of both dates.
        model: Described them; its folder may hold a calibration.
        rerank: How the first results were checked.
    """
    known = read_calibration(model.folder, model=model.content_hash)
    masked = tileset.has_masks(photos.dates.gallery)
    calibration = _fitting(known, measurement, masked=masked, rerank=rerank)
    if known is None or calibration is None:
        return None
    bounds = tile_bounds(tileset.tiles(photos.dates.gallery), grid=tileset.grid)
    rows, scores = measurement.nearest.rows[:, :KEPT], measurement.nearest.scores[:, :KEPT]
    searches = searches_of_lists(rows, scores, photos.truth, bounds=bounds)
    fold = _folds(known, photos, same_grid=dict(known.grid) == grid_facts(tileset.grid))
    first = cross_fitted(calibration, searches.evidence, np.tile(fold, 2))
    inside, outside = np.split(np.where(np.tile(photos.truth, 2) >= 0, first, np.nan), 2)
    return Judged(
        calibration=calibration,
        seen=fold >= 0,
        probability=inside,
        probability_absent=outside,
        right=searches.right[: len(photos)] & (photos.truth >= 0),
    )


def is_judged(model: Model) -> bool:
    """Whether the model knows what its scores mean."""
    return read_calibration(model.folder, model=model.content_hash) is not None


def _fitting(
    known: ModelCalibration | None, measurement: Measurement, *, masked: bool, rerank: str
) -> Calibration | None:
    """The calibration of such photos in such a gallery; without masks, an image is all of it."""
    if known is None:
        return None
    seen = measurement.comparison.gallery
    if seen != known.seen and (masked or {seen, known.seen} != {"image", "image+mask"}):
        return None
    return known.of(measurement.comparison.queries, rerank=rerank)


def _folds(known: ModelCalibration, photos: Photos, *, same_grid: bool) -> NDArray[np.int64]:
    """The fold of each photo's place; -1 where it was not calibrated on."""
    places = known.places if same_grid else {}
    return np.array([places.get(tile.place, -1) for tile in photos.tiles], np.int64)
