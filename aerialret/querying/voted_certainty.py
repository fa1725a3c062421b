"""Certainty of votes: what a photo's squares found goes in, how probable each answer is comes out.

A calibration is of single squares. An answer's probability is that one of the squares that agree on
it is right, by the search of each alone, the surest left out: it was the surest among all squares,
and pays for having been chosen. Of an answer that has one square, it is that square's, shared among
all squares. What squares see of one another, and a second look, count for nothing, so that
probabilities are rather too low.
"""

import math
from collections.abc import Mapping

from aerialret.network.descriptors import Modality
from aerialret.querying.certainty import Certainty, certainty_of
from aerialret.querying.cuts import Square
from aerialret.querying.whole_photo import Found, Voters
from aerialret.retrieval.calibration import Calibration, ModelCalibration


def certainty_of_votes(
    found: Found,
    calibration: ModelCalibration | None,
    *,
    modality: Modality,
    seen: Modality,
    tiles: int,
) -> Certainty | None:
    """How probable the answers to a photo are whose squares voted; None where nothing tells.

    Nothing tells without a calibration, and of methods whose hits do not say where in its tile a
    square lies: there squares agree too easily.

    Args:
        found: The answers, and what each square found, as many hits as `depth_of`.
        calibration: Of the model; None where there is none.
        modality: What the photo was described by.
        seen: What the tiles were described by.
        tiles: That were searched.
    """
    if found.voted is None or not found.voted.exact or not found.hits:
        return None
    squares = {
        square: certainty_of(hits, calibration, modality=modality, seen=seen, tiles=tiles)
        for square, hits in found.voted.hits.items()
    }
    known = {square: each for square, each in squares.items() if each}
    if len(known) < len(squares):
        return None
    own: dict[str, float] = {}
    for hit in found.hits:
        probability = _agreed(found.voted.voters[hit.place, hit.date], known)
        own[hit.place] = max(own.get(hit.place, 0.0), probability)
    return _shared(own, next(iter(known.values())).calibration, first=found.hits[0].place)


def _agreed(voters: Voters, squares: Mapping[Square, Certainty]) -> float:
    """That one of the squares is right, the surest of them left out."""
    single = sorted(squares[square].of(hit) for square, hit in voters)
    if len(single) < 2:
        return sum(single) / len(squares)
    return 1 - math.prod(1 - each for each in single[:-1])


def _shared(own: Mapping[str, float], calibration: Calibration, *, first: str) -> Certainty:
    """The first answer has its own probability, the others have a part of what that leaves."""
    best = own[first]
    total = sum(value for place, value in own.items() if place != first)
    left = (1 - best) * (1 - calibration.absent_if_wrong) / max(total, 1.0)
    later = {place: value * left for place, value in own.items()}
    return Certainty(
        probabilities=later | {first: best},
        absent=(1 - best) * calibration.absent_if_wrong,
        calibration=calibration,
    )
