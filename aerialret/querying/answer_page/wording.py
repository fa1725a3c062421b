"""Words: an answer goes in, what the page says of it in a sentence comes out."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aerialret.pages.swipe import place_text
from aerialret.querying import judgement
from aerialret.querying.located import best_location, most_inliers
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval import calibration

FOUND, UNSURE, ABSENT = "found", "unsure", "absent"

_LOOKS = {calibration.FOUND: FOUND, calibration.UNCERTAIN: UNSURE, calibration.ABSENT: ABSENT}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where a photo lies, or that it is not known: a look, a word for it and a sentence."""

    css: str
    word: str
    sentence: str


def verdict_of(answer: PhotoAnswer) -> Verdict:
    """What is to be said of the photo at first."""
    if not answer.hits:
        return Verdict(ABSENT, "no answer", "The index has no answer to this photo.")
    judged = _judged(answer)
    best = best_location(answer)
    if best is not None:
        hit, location = best
        return Verdict(
            FOUND,
            "located",
            f"Lies at {place_text(hit.x, hit.y)} ({answer.crs}) in {hit.place} of {hit.date}, by a "
            f"{location.kind} through {location.inliers} control points, RMSE "
            f"{metres(location.rmse_m)}.{judged}",
        )
    first = answer.hits[0]
    told = f"First answer: {first.place} of {first.date}, score {first.score:.3f}.{judged}"
    if answer.locations is None:
        verdict = judgement.verdict_of(answer)
        return Verdict(_LOOKS.get(verdict or "", UNSURE), verdict or "not verified", told)
    nearest = most_inliers(answer)
    reason = f"the nearest: {nearest.doubt}" if nearest else "no matches agree"
    return Verdict(ABSENT, "not located", f"No candidate is believable; {reason}. {told}")


def headline(verdicts: Sequence[Verdict], *, asked: int, shown: int) -> str:
    """What became of all photos, in a sentence or two.

    Args:
        verdicts: Of the photos that have answers.
        asked: Photos that were asked about.
        shown: Those on the page.
    """
    told = [f"{_counted(asked, 'photo')} asked about"]
    counts = Counter(verdict.word for verdict in verdicts)
    told += [f"{count:,} {word}" for word, count in counts.items()]
    if asked > len(verdicts):
        told.append(f"{asked - len(verdicts):,} could not be used")
    sentence = ", ".join(told) + "."
    if shown < len(verdicts):
        sentence += f" The first {shown:,} with an answer are shown here."
    return sentence


def metres(length: float) -> str:
    """A length to a sensible digit, as in 0.43 m, 12.3 m or 1,240 m."""
    digits = 2 if length < 10 else 1 if length < 100 else 0
    return f"{length:,.{digits}f}\u00a0m"


def share(value: float) -> str:
    """A probability as a percentage; never 100 % or 0 % for less or more than that."""
    if 0 < value < 0.001 or 0.999 < value < 1:
        return "below 0.1\u00a0%" if value < 0.5 else "above 99.9\u00a0%"
    digits = 0 if 0.01 <= value <= 0.99 else 1
    return f"{100 * value:.{digits}f}\u00a0%"


def _judged(answer: PhotoAnswer) -> str:
    """What the calibration says, as a sentence to follow another; nothing without one."""
    line = judgement.verdict_line(answer)
    return f" {line[0].upper()}{line[1:]}." if line else ""


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
