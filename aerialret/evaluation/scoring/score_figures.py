"""Figures of a score: ranks and errors of photos go in, the content of `metrics.json` comes out."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.evaluation.calibration.reliability import (
    brier_score,
    calibration_error,
    reliability_bins,
)
from aerialret.evaluation.pose_errors import PoseErrors, error_figures
from aerialret.evaluation.scores import MAP_KEY
from aerialret.retrieval.metrics import MAP_DEPTH, RECALL_DEPTHS, map_at, recall_at

_DIGITS = 6


def score_figures(
    photos: pd.DataFrame, ranks: NDArray[np.int64], errors: PoseErrors, *, deepest: int
) -> dict[str, Any]:
    """The content of `metrics.json`; None for what cannot be told.

    Args:
        photos: A row for each photo, with `query` and, where answers tell them, `verified` and
            `probability` of the first answer.
        ranks: int [n], of the right answer; `NOT_FOUND` where there is none.
        errors: Of the first answers.
        deepest: Answers of a photo, at most: nothing is known of recall beyond.
    """
    right = ranks == 1
    found: dict[str, Any] = {
        MAP_KEY: _rounded(map_at(ranks)) if deepest >= MAP_DEPTH else None,
        **{
            f"recall@{depth}": _rounded(recall_at(ranks, depth=depth)) if depth <= deepest else None
            for depth in RECALL_DEPTHS
        },
        "photos": len(photos),
        "without_answer": int(photos["query"].isna().sum()),
        "answers": deepest,
        "right": int(right.sum()),
        **error_figures(errors, right),
    }
    if "verified" in photos:
        found["believed"] = _believed(photos, right, errors)
    if "probability" in photos and photos["probability"].notna().any():
        found["calibration"] = _calibration(photos["probability"], right)
    return found


def _believed(photos: pd.DataFrame, right: NDArray[np.bool_], errors: PoseErrors) -> dict[str, Any]:
    believed = photos["verified"].map(lambda value: value is True).to_numpy(bool)
    precision = right[believed].mean() if believed.any() else float("nan")
    return {
        "photos": int(believed.sum()),
        "share": _rounded(believed.mean()),
        "precision": _rounded(precision),
        **error_figures(errors, believed & right),
    }


def _calibration(probability: pd.Series, right: NDArray[np.bool_]) -> dict[str, Any]:
    """How far the probability of the first answer can be trusted."""
    told = probability.notna().to_numpy()
    values, outcome = probability[told].to_numpy(np.float64), right[told]
    bins = reliability_bins(values, outcome)
    return {
        "photos": int(told.sum()),
        "brier_score": _rounded(brier_score(values, outcome)),
        "calibration_error": _rounded(calibration_error(bins)),
        "bins": [
            {"low": b.low, "high": b.high, "photos": b.count,
             "predicted": _rounded(b.predicted), "right": _rounded(b.right)}
            for b in bins
        ],
    }  # fmt: skip


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _DIGITS)
