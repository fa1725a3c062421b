"""Classes that differ between dates as no landscape does: totals go in, warnings come out.

RFIAP 2020, table 1, counts ten times more buildings in 2019 than in 2004. Towns do not grow so in
fifteen years: what had grown is what the agency had digitised, and a network that sees the masks
learns the agency's progress.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from aerialret.tiles.palette import CODES

COUNT_RATIO = 3.0
"""Features per square kilometre that differ by more are annotation."""

LEAST_FEATURES = 50
"""Below this on the richer date, a count says nothing: one new airfield is a landscape's change."""

SHARE_RATIO = 2.5
"""Shares of the ground that differ by more are annotation."""

LEAST_SHARE = 0.002
"""Below this on the richer date, a share says nothing: 2000 square metres of a square kilometre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTotals:
    """How much of each class a date has, on the ground that is compared.

    Attributes:
        date: The date.
        ground_km2: The covered ground, in square kilometres.
        features: Features drawn, by class name; absent: none.
        share: Share of the covered ground, from 0 to 1, by class name; absent: none.
    """

    date: str
    ground_km2: float
    features: Mapping[str, int]
    share: Mapping[str, float]

    def per_km2(self, name: str) -> float:
        """Features of a class on a square kilometre."""
        return self.features.get(name, 0) / self.ground_km2 if self.ground_km2 > 0 else 0.0


def drift_warnings(early: ClassTotals, late: ClassTotals) -> tuple[str, ...]:
    """One warning for each class that is likely drawn by other rules on one date than the other.

    A class warns when its features per square kilometre differ by more than `COUNT_RATIO` (and one
    date has `LEAST_FEATURES`), or its shares of the ground by more than `SHARE_RATIO` (and one date
    has `LEAST_SHARE`). Nothing on one date counts as an endless ratio.

    Args:
        early: The totals of one date.
        late: The totals of the other, on the same ground.
    """
    if early.ground_km2 <= 0 or late.ground_km2 <= 0:
        return ()
    found = (_warning(name, early, late) for name in CODES)
    return tuple(warning for warning in found if warning)


def _warning(name: str, early: ClassTotals, late: ClassTotals) -> str:
    reasons = [
        reason for reason in (_counts(name, early, late), _shares(name, early, late)) if reason
    ]
    if not reasons:
        return ""
    return (
        f"{name}: {' and '.join(reasons)}; no landscape changes so: likely the annotation differs, "
        "not the ground"
    )


def _counts(name: str, early: ClassTotals, late: ClassTotals) -> str:
    enough = max(early.features.get(name, 0), late.features.get(name, 0)) >= LEAST_FEATURES
    one, other = early.per_km2(name), late.per_km2(name)
    if not enough or _ratio(one, other) <= COUNT_RATIO:
        return ""
    return f"{one:.3g} features per km2 in {early.date}, {other:.3g} in {late.date}"


def _shares(name: str, early: ClassTotals, late: ClassTotals) -> str:
    one, other = early.share.get(name, 0.0), late.share.get(name, 0.0)
    if max(one, other) < LEAST_SHARE or _ratio(one, other) <= SHARE_RATIO:
        return ""
    return f"{one:.2%} of the ground in {early.date}, {other:.2%} in {late.date}"


def _ratio(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return high / low if low > 0 else float("inf")
