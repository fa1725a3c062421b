"""Recorded road widths: in go true widths, out come rounded ones, and gaps."""

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.digitise import Operator
from aerialret.territory.features import Features


def recorded_widths(
    roads: Features, operator: Operator, *, unknown: dict[str, float], unknown_value: float
) -> NDArray[np.float64]:
    """Widths [n] in steps of half a metre, `unknown_value` where nobody measured.

    Args:
        roads: Roads with `kind` and `width_m`.
        operator: Who measures.
        unknown: Chance by kind that a width is missing; "" is for all other kinds.
        unknown_value: What stands for a missing width.
    """
    rng = operator.stream("widths")
    measured = np.round(2 * (roads["width_m"] + rng.normal(0, 0.2, len(roads)))) / 2
    chance = np.array([unknown.get(kind, unknown[""]) for kind in roads["kind"]])
    missing = rng.random(len(roads)) < chance
    return np.asarray(np.where(missing, unknown_value, np.maximum(measured, 1.5)), np.float64)
