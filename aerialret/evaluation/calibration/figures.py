"""Figures of trust: judged searches go in, `calibration` and `absent` of metrics.json come out.

Photos as they are and photos whose place was taken out count in equal parts, as in the calibration.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.calibration.judged import Judged
from aerialret.evaluation.calibration.reliability import (
    PrecisionRecall,
    brier_score,
    calibration_error,
    precision_recall,
    reliability_bins,
)

RECALL = 0.8
"""The recall at which the precision of refusals is told."""

_DIGITS = 6


def calibration_figures(judged: Judged | None, rows: NDArray[np.bool_]) -> dict[str, Any] | None:
    """How far the probabilities of first answers can be trusted; None where there are none.

    Args:
        judged: The searches.
        rows: bool [n], the photos that count.
    """
    if judged is None or not _counted(judged, rows).any():
        return None
    first, right, _ = searches_in(judged, rows)
    inside = len(first) // 2
    bins = reliability_bins(first, right)
    return {
        "cross_fitted": is_cross_fitted(judged, rows),
        "searches": len(first),
        "ece": _rounded(calibration_error(bins)),
        "brier": _rounded(brier_score(first, right)),
        "ece_inside": _rounded(calibration_error(reliability_bins(first[:inside], right[:inside]))),
        "brier_inside": _rounded(brier_score(first[:inside], right[:inside])),
        "bins": [{k: _rounded(v) for k, v in asdict(each).items()} for each in bins],
        "found": _verdicts(precision_recall(first, right), judged.calibration.found_from),
    }


def absent_figures(judged: Judged | None, rows: NDArray[np.bool_]) -> dict[str, Any] | None:
    """How well photos from outside are refused; None where nothing tells.

    `precision` is the share of the refused that are from outside, `without_right_answer` the share
    of the refused that are, or whose first answer is wrong anyway.

    Args:
        judged: The searches.
        rows: bool [n], the photos that count.
    """
    if judged is None or not _counted(judged, rows).any():
        return None
    curve, lenient = refusal_curves(judged, rows)
    threshold = judged.calibration.refused_from
    at = _verdicts(curve, threshold)
    at["without_right_answer"] = _verdicts(lenient, threshold)["precision"]
    return {
        "cross_fitted": is_cross_fitted(judged, rows),
        "photos": int(_counted(judged, rows).sum()),
        f"precision@recall{RECALL:g}": _rounded(curve.at_recall(RECALL)),
        f"without_right_answer@recall{RECALL:g}": _rounded(_lenient_at(curve, lenient)),
        "refused": at,
    }


def refusal_curves(
    judged: Judged, rows: NDArray[np.bool_]
) -> tuple[PrecisionRecall, PrecisionRecall]:
    """Refusals of photos from outside, and of all whose first answer is wrong; one threshold each.

    Both curves have the same thresholds, so that the second tells the precision of the same
    refusals in another sense.
    """
    first, right, absent = searches_in(judged, rows)
    scores = judged.calibration.absent(first)
    return precision_recall(scores, absent), precision_recall(scores, ~right)


def searches_in(
    judged: Judged, rows: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Of both searches of the photos that count, those with their places before the others.

    Probability of the first result, whether it is right, whether the place was taken out.
    """
    counted = _counted(judged, rows)
    nothing = np.zeros(int(counted.sum()), bool)
    first = np.concatenate([judged.probability[counted], judged.probability_absent[counted]])
    right = np.concatenate([judged.right[counted], nothing])
    return first, right, np.concatenate([nothing, ~nothing])


def is_cross_fitted(judged: Judged, rows: NDArray[np.bool_]) -> bool:
    """Whether any of the photos that count is of a place that was calibrated on."""
    return bool((judged.seen & _counted(judged, rows)).any())


def _counted(judged: Judged, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    counted: NDArray[np.bool_] = rows & np.isfinite(judged.probability)
    return counted


def _lenient_at(curve: PrecisionRecall, lenient: PrecisionRecall) -> float:
    reaching = np.flatnonzero(curve.recall >= RECALL - 1e-12)
    return float(lenient.precision[reaching[0]])


def _verdicts(curve: PrecisionRecall, threshold: float | None) -> dict[str, Any]:
    """What a verdict that is given from `threshold` on reaches."""
    given = 0 if threshold is None else int((curve.thresholds >= threshold).sum())
    if not given:
        return {"verdicts": 0, "precision": None, "recall": 0.0}
    return {
        "verdicts": int(curve.verdicts[given - 1]),
        "precision": _rounded(float(curve.precision[given - 1])),
        "recall": _rounded(float(curve.recall[given - 1])),
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, _DIGITS)
