"""Words: an answer goes in, what the page says of it in a sentence comes out."""

from collections.abc import Sequence
from dataclasses import dataclass

from aerialret.pages.swipe import place_text
from aerialret.querying.located import best_location, most_inliers
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit

FOUND, UNSURE, ABSENT = "found", "unsure", "absent"


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
    best = best_location(answer)
    if best is not None:
        hit, location = best
        return Verdict(
            FOUND,
            "located",
            f"Lies at {place_text(hit.x, hit.y)} ({answer.crs}) in {hit.place} of {hit.date}, by a "
            f"{location.kind} through {location.inliers} control points, RMSE "
            f"{metres(location.rmse_m)}.{_probability(hit)}",
        )
    first = answer.hits[0]
    told = f"First answer: {first.place} of {first.date}, score {first.score:.3f}."
    if answer.locations is None:
        return Verdict(UNSURE, "not verified", told + _probability(first))
    nearest = most_inliers(answer)
    reason = f"the nearest: {nearest.doubt}" if nearest else "no matches agree"
    return Verdict(
        ABSENT, "not located",
        f"No candidate is believable; {reason}. {told}{_probability(first)}",
    )  # fmt: skip


def headline(verdicts: Sequence[Verdict], *, asked: int, shown: int) -> str:
    """What became of all photos, in a sentence or two.

    Args:
        verdicts: Of the photos that have answers.
        asked: Photos that were asked about.
        shown: Those on the page.
    """
    located = sum(verdict.css == FOUND for verdict in verdicts)
    verified = any(verdict.css != UNSURE for verdict in verdicts)
    told = [f"{_counted(asked, 'photo')} asked about"]
    if verified:
        told.append(f"{located:,} located on the map")
    if asked > len(verdicts):
        told.append(f"{asked - len(verdicts):,} could not be used")
    sentence = ", ".join(told) + "."
    if shown < len(verdicts):
        sentence += f" The first {shown:,} with an answer are shown here."
    return sentence


def probability_of(hit: Hit) -> float | None:
    """The probability that the hit is right; None where the index is not calibrated."""
    value: float | None = getattr(hit, "probability", None)
    return value


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


def _probability(hit: Hit) -> str:
    probability = probability_of(hit)
    return "" if probability is None else f" Probability of being right: {share(probability)}."


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
