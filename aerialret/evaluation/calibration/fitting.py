"""Fitting: searches whose outcome is known go in, what evidence means comes out.

Platt (1999) fits a logistic curve to scores; here it has several, all with weights that are not
negative, and a Gaussian prior on them, so that few places do not make it certain.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_softmax

from aerialret.evaluation.calibration.searches import Searches
from aerialret.retrieval.calibration import Calibration, Curve

FOLDS = 5
"""Parts of the places for cross-fitting."""

_PRIOR = 1.0  # one over the variance of the weights of standardised evidence
_COLDEST, _WARMEST = 1e-3, 1.0


def fit_curve(evidence: NDArray[np.float64], right: NDArray[np.bool_], *, most_tiles: int) -> Curve:
    """The logistic curve under which the outcomes are most probable, none of its weights negative.

    Args:
        evidence: float64 [n, k].
        right: bool [n].
        most_tiles: Of the largest gallery among them.
    """
    centre, spread = evidence.mean(axis=0), evidence.std(axis=0)
    spread = np.where(spread > 1e-9, spread, 1.0)
    standard = (evidence - centre) / spread

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = values[0] + standard @ values[1:]
        off = expit(odds) - right
        told = float((np.logaddexp(0, odds) - right * odds).sum())
        slope = np.concatenate([[off.sum()], standard.T @ off + _PRIOR * values[1:]])
        return told + _PRIOR * float(values[1:] @ values[1:]) / 2, slope

    limits = [(None, None), *[(0.0, None)] * evidence.shape[1]]
    start = np.zeros(evidence.shape[1] + 1)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=limits).x
    weights = found[1:] / spread
    bias = float(found[0] - weights @ centre)
    return Curve(bias=bias, weights=tuple(map(float, weights)), most_tiles=most_tiles)


def fit(searches: Searches, *, fold: NDArray[np.int64], most_tiles: int) -> Calibration:
    """The calibration, without thresholds.

    Args:
        searches: Of all photos.
        fold: int [n], of each search's place.
        most_tiles: Of the whole gallery.
    """
    parts = [fold != number for number in range(FOLDS)]
    evidence, right = searches.evidence, searches.right
    absent, later, temperature = _of_wrong_ones(searches.some(searches.whole & ~right))
    return Calibration(
        first=fit_curve(evidence, right, most_tiles=most_tiles),
        folds=tuple(fit_curve(evidence[p], right[p], most_tiles=most_tiles) for p in parts),
        absent_if_wrong=absent, later_if_wrong=later, temperature=temperature,
        found_from=None, refused_from=None,
    )  # fmt: skip


def _of_wrong_ones(wrong: Searches) -> tuple[float, float, float]:
    """Of searches whose first result is wrong: shares of absent ones, of later ones; temperature.

    The shares are by Laplace's rule of succession, so that none is 0 or 1 for lack of an example.
    """
    inside = wrong.some(~wrong.absent)
    among = inside.position >= 0
    absent = (int(wrong.absent.sum()) + 1) / (len(wrong) + 2)
    later = (int(among.sum()) + 1) / (len(inside) + 2)
    return absent, later, _temperature(inside.later[among], inside.position[among])


def _temperature(scores: NDArray[np.float64], position: NDArray[np.int64]) -> float:
    """Under which the right ones among the later results are most probable."""
    if not len(scores):
        return _WARMEST

    def loss(log_temperature: float) -> float:
        told = log_softmax(scores / np.exp(log_temperature), axis=1)
        return -float(told[np.arange(len(told)), position].sum())

    limits = (np.log(_COLDEST), np.log(_WARMEST))
    return float(np.exp(minimize_scalar(loss, bounds=limits, method="bounded").x))
