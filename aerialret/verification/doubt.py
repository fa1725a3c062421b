"""Doubts: a photo's place and the pairs behind it go in, why it cannot be comes out, in words."""

import math

import numpy as np

from aerialret.verification.chance import log10_false_alarms
from aerialret.verification.location import Location
from aerialret.verification.pairs import Found
from aerialret.verification.transform import is_sound

LEAST_BELIEVABLE = 8
"""Pairs that must agree, however unlikely it is: repeated things (rows of trees, of roofs) agree
more often than scattered points do. See docs/verify.md for what was measured."""

LEAST_OF_NETWORKS = 16
"""The same for points that a network found: neighbours are paired with neighbours, so that more
agree by accident. At one in five wrong places 8 to 13 of ALIKED's points did."""

LEAST_OF_CELLS = 12
"""The same for cells of the model: the most that agreed 40 m beside the right place were 9."""

MOST_FALSE_ALARMS = 1e-6
"""Agreements as large that random matches would give, at most."""

LEAST_LEAD = 0.05
"""By how much the mean cosine of a photo's cells must exceed that of any other shift."""

LEAST_PARTS = 5
"""Of a photo that must each fit best where all of it does."""

LEAST_SHARE = 1 / 3
"""And which share of its parts."""

LEAST_SPREAD = 0.06
"""How far the control points must spread (their standard deviation along the shorter axis), as a
share of the photo's shorter side: pairs in one corner tell little of the others."""


def doubt(location: Location, *, least_inliers: int = LEAST_BELIEVABLE) -> str:
    """Why what `location` shows cannot be, in words; nothing where it can."""
    width, height = location.width, location.height
    upright = np.diag([1.0, -1.0, 1.0]) @ location.matrix  # northings grow upwards, rows downwards
    if not is_sound(upright, width=width, height=height):
        return "the photo would be folded or stretched"
    if location.inliers < least_inliers:
        return f"only {location.inliers} of {location.matches} matches agree"
    spread = float(np.sqrt(max(np.linalg.eigvalsh(np.cov(location.points.photo.T))[0], 0)))
    if spread < LEAST_SPREAD * min(width, height):
        return f"its {location.inliers} control points lie on one line or spot"
    return ""


def chance_doubt(found: Found, *, tolerance_px: float) -> str:
    """Why what was found may be an accident, in words; nothing where it hardly can be."""
    agreeing, matches = found.fit.count, len(found.photo)
    alarms = log10_false_alarms(
        agreeing=agreeing, matches=matches, kind=found.fit.kind, tolerance_px=tolerance_px,
        area_px=found.area_px,
    )  # fmt: skip
    likely = alarms > math.log10(MOST_FALSE_ALARMS)
    return f"that {agreeing} of {matches} matches agree may be chance" if likely else ""


def cells_doubt(location: Location, *, score: float, rival: float) -> str:
    """Why a place that was found cell by cell cannot be, in words; nothing where it can.

    Args:
        location: The place.
        score: Mean cosine of photo and map there.
        rival: And the best of those beside it.
    """
    if score - rival < LEAST_LEAD:
        return f"it agrees there ({score:.2f}) hardly better than beside it ({rival:.2f})"
    if location.inliers < max(LEAST_PARTS, LEAST_SHARE * location.matches):
        return f"only {location.inliers} of {location.matches} parts of the photo agree"
    return doubt(location, least_inliers=LEAST_PARTS)
