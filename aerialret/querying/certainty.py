"""Certainty: the hits of a photo and a calibration go in, how probable each is comes out.

Probabilities are of places: hits of one place at several dates share one. Those of different places
and that of a photo from outside the index sum to 1 at most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from aerialret.network.descriptors import Modality
from aerialret.retrieval.calibration import FOUND, Calibration, ModelCalibration
from aerialret.retrieval.evidence import DEPTH, OTHERS, evidence_of, lies_elsewhere
from aerialret.retrieval.search import Hit
from aerialret.verification.location import Location

BELIEVED_RIGHT = 21 / 22
"""Least probability of a verified answer that is believed: of photos laid on their own place and on
two others at another date, 20 were believed, and all of these were right (docs/verify.md), which
makes 21 of 22 by Laplace's rule of succession."""

_MOST_DATES = 4  # that the hits looked at make room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """How probable the answers to a photo are.

    Attributes:
        probabilities: Of each place among the hits.
        absent: Of the photo being from outside the index.
        calibration: By which.
        believed: Whether the photo was laid on the first answer, and that is believed.
    """

    probabilities: Mapping[str, float]
    absent: float
    calibration: Calibration
    believed: bool = False

    def of(self, hit: Hit) -> float:
        """The probability that the photo shows the place of `hit`."""
        return self.probabilities.get(hit.place, 0.0)

    @property
    def verdict(self) -> str:
        """found, uncertain, or not in this index."""
        if self.believed:
            return FOUND
        best = max(self.probabilities.values(), default=0.0)
        return self.calibration.verdict(best=best, absent=self.absent)

    def after(self, hits: Sequence[Hit], locations: Sequence[Location | None]) -> "Certainty":
        """The certainty once the photo was laid on its hits.

        The first answer, if it is believed, gets `BELIEVED_RIGHT` or what it had, if that is more,
        and the others share what is left. Tiles around the right one are believed, too, as the
        photo is looked for around each; the first is the one that holds its centre.

        Args:
            hits: The answers after verification, the best first.
            locations: The photo on the map, for each; None where nothing agreed.
        """
        first = locations[0] if locations else None
        if first is None or not first.believable:
            return self
        place, before = hits[0].place, self.of(hits[0])
        now = max(before, BELIEVED_RIGHT)
        left = (1 - now) / (1 - before) if before < 1 else 0.0
        found = {name: value * left for name, value in self.probabilities.items()} | {place: now}
        return replace(self, probabilities=found, absent=self.absent * left, believed=True)


def depth_of(dates: int) -> int:
    """Hits that `certainty_of` looks at in an index of so many dates."""
    return DEPTH * min(max(dates, 1), _MOST_DATES)


def certainty_of(
    hits: Sequence[Hit],
    calibration: ModelCalibration | None,
    *,
    modality: Modality,
    seen: Modality,
    tiles: int,
    rerank: str = "none",
) -> Certainty | None:
    """How probable the hits are; None where no calibration tells.

    Args:
        hits: Of one photo, the best first, as many as `depth_of`.
        calibration: Of the model; None where there is none.
        modality: What the photo was described by.
        seen: What the tiles were described by.
        tiles: That were searched.
        rerank: How the first hits were checked.
    """
    known = None
    if calibration and calibration.seen == seen:
        known = calibration.of(modality, rerank=rerank)
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
