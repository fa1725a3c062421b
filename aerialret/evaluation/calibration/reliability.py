"""Reliability: probabilities and outcomes go in, how far they can be trusted comes out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10

PRECISION = 0.95
"""Least share of verdicts that are to be right."""

FEWEST_VERDICTS = 10
"""A precision is told of no fewer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """Answers of about equal probability.

    Attributes:
        low: Least probability.
        high: Probability that is too high for it; 1 belongs to the last bin.
        count: Answers.
        predicted: Mean probability.
        right: Share that is right.
    """

    low: float
    high: float
    count: int
    predicted: float
    right: float


def reliability_bins(
    probability: NDArray[np.float64], right: NDArray[np.bool_], *, bins: int = BINS
) -> list[Bin]:
    """The bins that have any answer, of equal width, by growing probability.

    Args:
        probability: float64 [n], 0 to 1.
        right: bool [n].
        bins: Number of bins.
    """
    number = np.minimum((probability * bins).astype(np.int64), bins - 1)
    return [
        Bin(
            low=at / bins, high=(at + 1) / bins, count=int((number == at).sum()),
            predicted=float(probability[number == at].mean()),
            right=float(right[number == at].mean()),
        )
        for at in np.unique(number).tolist()
    ]  # fmt: skip


def calibration_error(bins: list[Bin]) -> float:
    """Expected calibration error (Naeini et al. 2015): the mean gap of a bin, by its answers.

    NaN for no answer.
    """
    count = sum(each.count for each in bins)
    gaps = sum(each.count * abs(each.predicted - each.right) for each in bins)
    return gaps / count if count else float("nan")


def brier_score(probability: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean squared difference of probability and outcome (Brier 1950); NaN for no answer."""
    return float(np.mean((probability - right) ** 2)) if len(right) else float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionRecall:
    """Precision and recall of a verdict, from the strictest threshold to the loosest.

    Attributes:
        thresholds: float64 [t], falling; the verdict is given to scores from there on.
        precision: float64 [t], share of verdicts that are right.
        recall: float64 [t], share of those that deserve the verdict that get it.
        verdicts: int [t], given.
    """

    thresholds: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    verdicts: NDArray[np.int64]

    def at_recall(self, recall: float) -> float:
        """The precision at the strictest threshold that reaches `recall`; NaN where none does."""
        reaching = np.flatnonzero(self.recall >= recall - 1e-12)
        return float(self.precision[reaching[0]]) if len(reaching) else float("nan")

    def loosest(self, precision: float = PRECISION) -> int | None:
        """The place of the loosest threshold with this precision; None where there is none."""
        fitting = np.flatnonzero(
            (self.precision >= precision - 1e-12) & (self.verdicts >= FEWEST_VERDICTS)
        )
        return int(fitting[-1]) if len(fitting) else None


def precision_recall(scores: NDArray[np.float64], deserved: NDArray[np.bool_]) -> PrecisionRecall:
    """The curve over all thresholds that differ; equal scores get the verdict together.

    Args:
        scores: float64 [n], the larger the more the verdict is deserved.
        deserved: bool [n], whether it is.
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(deserved[order])
    ends = np.flatnonzero(np.append(np.diff(ranked) != 0, True)) if len(ranked) else order
    return PrecisionRecall(
        thresholds=ranked[ends],
        precision=hits[ends] / (ends + 1),
        recall=hits[ends] / max(int(deserved.sum()), 1),
        verdicts=ends + 1,
    )
