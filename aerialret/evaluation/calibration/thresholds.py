"""Thresholds of verdicts: cross-fitted probabilities and outcomes go in, a calibration comes out.

A photo is refused from the loosest threshold on at which `PRECISION` of the refused are from
outside. Photos from inside whose first answer is wrong look just like those from outside; where
there are so many that this would refuse hardly anything, a refusal counts as right, too, if it
withholds no right answer, and the calibration says so.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.calibration.reliability import (
    PrecisionRecall,
    brier_score,
    calibration_error,
    precision_recall,
    reliability_bins,
)
from aerialret.evaluation.calibration.searches import Searches
from aerialret.retrieval.calibration import Calibration

STRICT, LENIENT = "from outside", "from outside or wrongly answered"

LEAST_RECALL = 0.5
"""The strict rule is dropped where it refuses fewer of the photos from outside."""

_DIGITS = 6


def cross_fitted(
    calibration: Calibration, evidence: NDArray[np.float64], fold: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The probability of each first result, by a curve that did not see its place.

    Args:
        calibration: Has a curve for each fold.
        evidence: float64 [n, k].
        fold: int [n], of each search's place; -1 for places that no curve saw.
    """
    probability = calibration.first.probability(evidence)
    for number, curve in enumerate(calibration.folds):
        mine = fold == number
        probability[mine] = curve.probability(evidence[mine])
    return probability


def with_thresholds(
    calibration: Calibration, searches: Searches, *, fold: NDArray[np.int64]
) -> Calibration:
    """The calibration with its thresholds and with what they reach on searches of whole galleries.

    Args:
        calibration: Without thresholds.
        searches: What it was fitted to.
        fold: int [n], of each search's place.
    """
    whole = searches.some(searches.whole)
    first = cross_fitted(calibration, whole.evidence, fold[searches.whole])
    absent = calibration.absent(first)
    found = precision_recall(first, whole.right)
    refused, rule = _refusals(absent, whole)
    measured = {
        **_counts(whole),
        **_trust(first, whole.right),
        "found": _reached(found, found.loosest(), first, whole.right),
        "refused": {
            "rule": rule,
            **_reached(refused, refused.loosest(), absent, whole.absent),
            "withheld": _withheld(refused, absent, whole.right),
        },
    }
    return replace(
        calibration,
        found_from=_threshold(found),
        refused_from=_threshold(refused),
        measured=measured,
    )


def _refusals(absent: NDArray[np.float64], whole: Searches) -> tuple[PrecisionRecall, str]:
    """The refusals by the strict rule, or by the lenient one, and its name."""
    strict = precision_recall(absent, whole.absent)
    at = strict.loosest()
    if at is not None and strict.recall[at] >= LEAST_RECALL:
        return strict, STRICT
    return precision_recall(absent, ~whole.right), LENIENT


def _threshold(curve: PrecisionRecall) -> float | None:
    at = curve.loosest()
    return None if at is None else float(curve.thresholds[at])


def _reached(
    curve: PrecisionRecall,
    at: int | None,
    scores: NDArray[np.float64],
    deserved: NDArray[np.bool_],
) -> dict[str, Any]:
    """Precision and recall of a verdict at the chosen threshold, against what is really so."""
    given = np.zeros(len(scores), bool) if at is None else scores >= curve.thresholds[at]
    right = int((given & deserved).sum())
    return {
        "verdicts": int(given.sum()),
        "precision": round(right / int(given.sum()), _DIGITS) if given.any() else None,
        "recall": round(right / int(deserved.sum()), _DIGITS) if deserved.any() else None,
    }


def _withheld(
    curve: PrecisionRecall, absent: NDArray[np.float64], right: NDArray[np.bool_]
) -> float | None:
    """Share of the right first answers whose photo is refused at the chosen threshold."""
    threshold = _threshold(curve)
    if threshold is None or not right.any():
        return None
    return round(float((absent[right] >= threshold).mean()), _DIGITS)


def _counts(whole: Searches) -> dict[str, Any]:
    inside = ~whole.absent
    return {
        "photos": int(inside.sum()),
        "recall@1": round(float(whole.right[inside].mean()), _DIGITS),
    }


def _trust(first: NDArray[np.float64], right: NDArray[np.bool_]) -> dict[str, Any]:
    error = calibration_error(reliability_bins(first, right))
    return {"ece": round(error, _DIGITS), "brier": round(brier_score(first, right), _DIGITS)}
