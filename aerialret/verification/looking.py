"""Looking at candidates: they go in, the best first; those there was need to look at come out."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from aerialret.verification.pose import Pose
from aerialret.verification.second_look import Fit, SecondLook

AT_ONCE = 8
"""Places that are looked at before it is asked whether there is need for more."""

SURE, SURE_RERANKED = 0.1, 0.25
"""By how much a place must be better than any other, that no further candidates are looked at.

By mean cosines, and by a reranker, whose scores are farther apart.
"""

_FURTHER_LOOKS = 2

Candidate = TypeVar("Candidate")


def sure_of(look: SecondLook) -> float:
    """By how much a place must be better than any other, see `SURE`."""
    return SURE_RERANKED if look.is_reranked else SURE


def until_sure(
    candidates: Iterable[Candidate],
    look: Callable[[Sequence[Candidate]], Sequence[Fit]],
    *,
    place: Callable[[Candidate], Hashable],
    sure: float,
) -> list[tuple[Candidate, Fit]]:
    """Candidates and how the photo fits them, as far as there was need to look.

    They are looked at a few at a time, until one place is better than any other by `sure`. Those
    of one place that follow each other are looked at together: the best of them tells the pose.

    Args:
        candidates: The best first; they are taken as they are needed.
        look: Looks at some of them.
        place: Where a candidate is; the same place may be a candidate several times.
        sure: By how much; infinite to look at all.
    """
    looked: list[tuple[Candidate, Fit]] = []
    best: dict[Hashable, float] = {}
    for some in _portions(candidates, place):
        looked += zip(some, look(some), strict=True)
        for candidate, fit in looked[-len(some) :]:
            best[place(candidate)] = max(best.get(place(candidate), -1.0), fit.score)
        first, *others = sorted(best.values(), reverse=True)
        if others and first - others[0] >= sure:
            break
    return looked


def _portions(
    candidates: Iterable[Candidate], place: Callable[[Candidate], Hashable]
) -> Iterator[list[Candidate]]:
    """Those of `AT_ONCE` places after each other."""
    groups = (list(group) for _, group in groupby(candidates, key=place))
    while some := list(islice(groups, AT_ONCE)):
        yield [candidate for group in some for candidate in group]


def looked_at(
    candidates: Iterable[Candidate],
    look: Callable[[Sequence[Candidate]], Sequence[Fit]],
    *,
    place: Callable[[Candidate], Hashable],
    again: Callable[[Candidate, Pose], Fit],
    sure: float,
) -> list[tuple[Candidate, Fit]]:
    """As `until_sure`, in the order of their fits, the best first and settled.

    Args:
        candidates: The best first.
        look: Looks at some of them.
        place: Where a candidate is.
        again: Looks at what lies at a pose that a candidate led to.
        sure: See `until_sure`.
    """
    looked = until_sure(candidates, look, place=place, sure=sure)
    looked.sort(key=lambda pair: -pair[1].score)
    if looked:
        first, fit = looked[0]
        looked[0] = first, settled(fit, partial(again, first))
    return looked


def settled(fit: Fit, again: Callable[[Pose], Fit]) -> Fit:
    """The fit after further looks from where it lies, as long as they fit better, twice at most.

    Args:
        fit: Of a second look, whose start may have been off by more than it can mend.
        again: Looks from a pose.
    """
    for _ in range(_FURTHER_LOOKS):
        better = again(fit.pose)
        if better.score <= fit.score:
            break
        fit = better
    return fit


def behind(looked: NDArray[np.float32], searched: NDArray[np.floating]) -> NDArray[np.float32]:
    """Scores of what was not looked at again, in its order and behind all that was: float32 [n].

    Args:
        looked: float [k], scores of the second look.
        searched: float [n], scores of the search.
    """
    worst = float(min(looked, default=1.0))
    rest: NDArray[np.float32] = np.minimum((searched + worst) / 2, worst).astype(np.float32)
    return rest
