"""Judgement: an answer goes in, how probable its hits are and what is said of it comes out."""

from aerialret.querying.certainty import Certainty
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.calibration import ABSENT, FOUND
from aerialret.retrieval.search import Hit


def certainty_now(answer: PhotoAnswer) -> Certainty | None:
    """The certainty of an answer, verified or not; None where no calibration tells."""
    if answer.certainty is None or answer.locations is None:
        return answer.certainty
    return answer.certainty.after(answer.hits, answer.locations)


def probability_of(answer: PhotoAnswer, hit: Hit) -> float | None:
    """The probability that the photo shows the place of `hit`; None where nothing tells."""
    certainty = certainty_now(answer)
    return None if certainty is None else certainty.of(hit)


def verdict_of(answer: PhotoAnswer) -> str | None:
    """found, uncertain, or not in this index; None where no calibration tells."""
    certainty = certainty_now(answer)
    return None if certainty is None else certainty.verdict


def verdict_line(answer: PhotoAnswer) -> str | None:
    """The verdict in a sentence for people; None where no calibration tells."""
    certainty = certainty_now(answer)
    if certainty is None or not answer.hits:
        return None
    first, verdict = answer.hits[0], certainty.verdict
    told = f"the first answer is right with a probability of {_percent(certainty.of(first))}"
    if verdict == FOUND:
        return f"{FOUND}: {first.place}; {told}"
    if verdict == ABSENT:
        right = certainty.calibration.measured.get("refused", {}).get("precision")
        share = (
            ""
            if right is None or answer.votes
            else f" (when calibrating, {right:.0%} of such photos were not)"
        )
        return f"{ABSENT}, or not to be found in it{share}"
    return f"{verdict}: {told}"


def _percent(probability: float) -> str:
    """In words that promise no certainty."""
    return "over 99%" if probability > 0.99 else f"{probability:.0%}"
