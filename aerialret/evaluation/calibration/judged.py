"""Judged searches: what an evaluation found and a calibration go in, their probabilities come out.

Each photo counts twice: as it was searched for, and as if its place were not in the gallery.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.calibration.thresholds import cross_fitted
from aerialret.evaluation.comparer import Measurement
from aerialret.evaluation.photos import Photos
from aerialret.network.checkpoint import Model
from aerialret.retrieval.calibration import Calibration, ModelCalibration, read_calibration
from aerialret.retrieval.evidence import DEPTH, evidence_of, lies_elsewhere
from aerialret.retrieval.vector_index import NO_ROW
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
        rerank: How the results were checked; of checked ones no calibration tells.
    """
    known = read_calibration(model.folder, model=model.content_hash)
    calibration = _fitting(known, measurement, masked=tileset.has_masks(photos.dates.gallery))
    if known is None or calibration is None or rerank != "none":
        return None
    tiles = tileset.tiles(photos.dates.gallery)
    bounds = np.array([tileset.grid.bounds(tile) for tile in tiles], np.float64)
    rows, scores = measurement.nearest.rows[:, :KEPT], measurement.nearest.scores[:, :KEPT]
    fold = _folds(known, photos, same_grid=dict(known.grid) == grid_facts(tileset.grid))

    def first(kept: NDArray[np.bool_], gallery: int) -> NDArray[np.float64]:
        found, left = _moved_up(rows, scores, kept)
        evidence = evidence_of(left, lies_elsewhere(bounds[found]), gallery=gallery)
        probability = cross_fitted(calibration, evidence, fold)
        return np.where(photos.truth >= 0, probability, np.nan)

    there = rows != NO_ROW
    beside = there & (rows != photos.truth[:, None])
    return Judged(
        calibration=calibration,
        seen=fold >= 0,
        probability=first(there, len(tiles)),
        probability_absent=first(beside, len(tiles) - 1),
        right=(rows[:, 0] == photos.truth) & (photos.truth >= 0),
    )


def _fitting(
    known: ModelCalibration | None, measurement: Measurement, *, masked: bool
) -> Calibration | None:
    """The calibration of such photos in such a gallery; without masks, an image is all of it."""
    if known is None:
        return None
    seen = measurement.comparison.gallery
    if seen != known.seen and (masked or {seen, known.seen} != {"image", "image+mask"}):
        return None
    return known.by.get(measurement.comparison.queries)


def _folds(known: ModelCalibration, photos: Photos, *, same_grid: bool) -> NDArray[np.int64]:
    """The fold of each photo's place; -1 where it was not calibrated on."""
    places = known.places if same_grid else {}
    return np.array([places.get(tile.place, -1) for tile in photos.tiles], np.int64)


def _moved_up(
    rows: NDArray[np.int64], scores: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first `DEPTH` of the results that are kept, in their order; scores -inf where fewer."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :DEPTH]
    left = np.where(np.take_along_axis(kept, order, axis=1), 0.0, -np.inf).astype(np.float32)
    found: NDArray[np.int64] = np.take_along_axis(np.where(kept, rows, 0), order, axis=1)
    return found, left + np.take_along_axis(scores, order, axis=1)
