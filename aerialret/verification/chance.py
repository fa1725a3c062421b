"""Chance: how many pairs agree out of how many goes in, how often that happens by accident comes.

An a-contrario count (Moisan and Stival, IJCV 2004, section 3.2): were all matches scattered over
the reference at random, how many transforms would be expected that as many of them agree with?
"""

import math

from aerialret.verification.transform import Kind

FEWEST_POINTS: dict[Kind, int] = {"similarity": 2, "affine": 3, "homography": 4}
"""Pairs that determine a transform; only those beyond them say anything."""


def log10_false_alarms(
    *, agreeing: int, matches: int, kind: Kind, tolerance_px: float, area_px: float
) -> float:
    """The decimal logarithm of the expected number of such agreements among random matches.

    Args:
        agreeing: Pairs that agree.
        matches: Pairs in all.
        kind: What they agree on.
        tolerance_px: How far off a pair may lie to agree.
        area_px: Area over which counterparts may lie, in square pixels of the same size.
    """
    needed = FEWEST_POINTS[kind]
    if agreeing <= needed:
        return math.inf
    hit = min(math.pi * tolerance_px**2 / max(area_px, 1.0), 1.0)
    tests = math.log10(matches - needed)
    tests += _log10_choices(matches, agreeing) + _log10_choices(agreeing, needed)
    return tests + (agreeing - needed) * math.log10(hit)


def _log10_choices(of: int, many: int) -> float:
    """The logarithm of the binomial coefficient."""
    return (math.lgamma(of + 1) - math.lgamma(many + 1) - math.lgamma(of - many + 1)) / math.log(10)
