"""Certainty: the hits of a photo and a calibration go in, how probable each is comes out.

Probabilities are of places: hits of one place at several dates share one. Those of different places
and that of a photo from outside the index sum to 1 at most.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aerialret.network.descriptors import Modality
from aerialret.retrieval.calibration import Calibration, ModelCalibration
from aerialret.retrieval.evidence import DEPTH, OTHERS, evidence_of, lies_elsewhere
from aerialret.retrieval.search import Hit
from aerialret.verification.doubt import LEAST_BELIEVABLE
from aerialret.verification.location import Location

BELIEVED_RATIO = 40.0
"""How much oftener a right answer is believed than a wrong one, after verification: of 240 photos
laid on their own place two years earlier 20 were believed, of 480 laid on another one none, which
counts as 1 of 482 by Laplace's rule of succession (docs/verify.md)."""

PAIR_RATIO = 2.0
"""By how much each control point beyond the fewest raises that. By chance alone it would be about a
thousand (`verification.chance`), but repeated things agree more often; in the measurement above at
most 3 points agreed on a wrong place."""

_MOST_PAIRS = 10  # beyond the fewest, that count


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """How probable the answers to a photo are.

    Attributes:
        probabilities: Of each place among the hits.
        absent: Of the photo being from outside the index.
        calibration: By which.
    """

    probabilities: Mapping[str, float]
    absent: float
    calibration: Calibration

    def of(self, hit: Hit) -> float:
        """The probability that the photo shows the place of `hit`."""
        return self.probabilities.get(hit.place, 0.0)

    @property
    def verdict(self) -> str:
        """found, uncertain, or not in this index."""
        best = max(self.probabilities.values(), default=0.0)
        return self.calibration.verdict(best=best, absent=self.absent)

    def after(self, hits: Sequence[Hit], locations: Sequence[Location | None]) -> "Certainty":
        """The certainty once the photo was laid on its hits: Bayes' rule for those believed.

        Tiles around the right one are believed, too, as the photo is looked for around each: the
        first of them, which holds its centre, gets the probability of all that agree with it.

        Args:
            hits: The answers after verification, the best first.
            locations: The photo on the map, for each; None where nothing agreed.
        """
        laid = _believed(hits, locations)
        if not laid:
            return self
        odds, least = dict(self.probabilities), min(self.probabilities.values())
        for place, (_, location) in laid.items():
            odds[place] = odds.get(place, least) * _ratio(location)
        first, *others = laid
        for place in others:
            if _agree(laid[first], laid[place]):
                odds[first], odds[place] = odds[first] + odds[place], 0.0
        left = max(1.0 - sum(self.probabilities.values()), 0.0)  # outside, or a place not listed
        total = sum(odds.values()) + left
        found = {place: value / total for place, value in odds.items()}
        return replace(self, probabilities=found, absent=self.absent / total)


def depth_of(dates: int) -> int:
    """Hits that `certainty_of` looks at in an index of so many dates."""
    return DEPTH * max(dates, 1)


def certainty_of(
    hits: Sequence[Hit],
    calibration: ModelCalibration | None,
    *,
    modality: Modality,
    seen: Modality,
    tiles: int,
) -> Certainty | None:
    """How probable the hits are; None where no calibration tells.

    Args:
        hits: Of one photo, the best first, as many as `depth_of`.
        calibration: Of the model; None where there is none.
        modality: What the photo was described by.
        seen: What the tiles were described by.
        tiles: That were searched.
    """
    known = calibration.by.get(modality) if calibration and calibration.seen == seen else None
    if known is None or not hits:
        return None
    bounds = np.array([hit.bounds for hit in hits], np.float64)[None]
    scores = np.array([hit.score for hit in hits], np.float32)[None]
    evidence = evidence_of(scores, lies_elsewhere(bounds), gallery=tiles)
    first = float(known.first.probability(evidence)[0])
    later: dict[str, float] = {}
    for hit in hits:
        if hit.place != hits[0].place and len(later) < OTHERS:
            later.setdefault(hit.place, hit.score)
    shares = known.later(first, np.array(list(later.values()), np.float64)).tolist()
    return Certainty(
        probabilities={hits[0].place: first} | dict(zip(later, shares, strict=True)),
        absent=float(known.absent(np.array([first]))[0]),
        calibration=known,
    )


def _believed(
    hits: Sequence[Hit], locations: Sequence[Location | None]
) -> dict[str, tuple[Hit, Location]]:
    """The believed hits by their places, the best first."""
    found: dict[str, tuple[Hit, Location]] = {}
    for hit, location in zip(hits, locations, strict=True):
        if location is not None and location.believable:
            found.setdefault(hit.place, (hit, location))
    return found


def _ratio(location: Location) -> float:
    """How much oftener a right answer is believed like this than a wrong one."""
    pairs = min(max(location.inliers - LEAST_BELIEVABLE, 0), _MOST_PAIRS)
    return BELIEVED_RATIO * PAIR_RATIO**pairs


def _agree(one: tuple[Hit, Location], other: tuple[Hit, Location]) -> bool:
    """Whether two hits put the photo's centre within half a tile of each other."""
    left, _, right, _ = one[0].bounds
    a, b = one[1].pose, other[1].pose
    return math.hypot(a.x - b.x, a.y - b.y) < (right - left) / 2
