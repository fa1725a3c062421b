"""Errors of poses: where answers put photos and where they lie go in, how far off comes out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.protocols import Photographed

_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseErrors:
    """How far off n photos are put; NaN where that is not told.

    Attributes:
        centre_m: float64 [n], distance of the photo's centre from the truth.
        corner_m: float64 [n], root mean square of the distances of its four corners.
        turn_deg: float64 [n], 0 to 180.
        scale: float64 [n], as a share: 0.01 is 1 % too large or too small.
    """

    centre_m: NDArray[np.float64]
    corner_m: NDArray[np.float64]
    turn_deg: NDArray[np.float64]
    scale: NDArray[np.float64]


def pose_errors(
    centres_m: NDArray[np.float64], corners_m: NDArray[np.float64], truth: Photographed
) -> PoseErrors:
    """The errors of n photos.

    Turn and scale are those of the similarity that brings the true corners nearest to the answer's
    (Umeyama, PAMI 1991, in the complex plane): a = sum conj(t) e / sum |t|^2, both centred.

    Args:
        centres_m: float64 [n, 2], x and y of the photos' centres by the answers.
        corners_m: float64 [n, 4, 2], of their corners, from the photo's upper left on.
        truth: Where they lie.
    """
    off = np.linalg.norm(corners_m - truth.corners_m, axis=2)
    found, true = _centred(corners_m), _centred(truth.corners_m)
    with np.errstate(invalid="ignore"):  # NaN where there are no corners
        between = (true.conj() * found).sum(axis=1) / (np.abs(true) ** 2).sum(axis=1)
    return PoseErrors(
        centre_m=np.linalg.norm(centres_m - truth.centres_m, axis=1),
        corner_m=np.sqrt((off**2).mean(axis=1)),
        turn_deg=np.abs(np.degrees(np.angle(between))),
        scale=np.abs(np.abs(between) - 1),
    )


def error_figures(errors: PoseErrors, among: NDArray[np.bool_]) -> dict[str, Any]:
    """Median and 90th percentile of each error over some photos; None where none has it.

    Args:
        errors: Of n photos.
        among: bool [n], those that count.
    """
    return {
        "centre_error_m": _spread(errors.centre_m[among]),
        "corner_error_m": _spread(errors.corner_m[among]),
        "turn_error_deg": _spread(errors.turn_deg[among]),
        "scale_error": _spread(errors.scale[among]),
    }


def _centred(corners_m: NDArray[np.float64]) -> NDArray[np.complex128]:
    """complex128 [n, 4]: the corners from their mean."""
    from_mean = corners_m - corners_m.mean(axis=1, keepdims=True)
    result: NDArray[np.complex128] = from_mean[..., 0] + 1j * from_mean[..., 1]
    return result


def _spread(values: NDArray[np.float64]) -> dict[str, float | None]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"median": None, "p90": None}
    median, high = np.quantile(known, [0.5, 0.9])
    return {"median": round(float(median), _DIGITS), "p90": round(float(high), _DIGITS)}
