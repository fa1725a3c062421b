"""A batch in one line: outcomes go in, how many photos came to what comes out."""

from collections import Counter
from collections.abc import Iterable

from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.record import PENDING, REJECTED
from aerialret.retrieval.calibration import ABSENT, FOUND, UNCERTAIN

_ORDER = (FOUND, UNCERTAIN, ABSENT, REJECTED, PENDING)


def summary(outcomes: Iterable[Outcome], *, earlier: int) -> str:
    """How many photos came to what, as `60 photos: 41 found, 12 uncertain, 7 rejected`.

    Args:
        outcomes: Of every photo.
        earlier: How many of them were answered by an earlier run.
    """
    counts = Counter(outcome.status for outcome in outcomes)
    total = sum(counts.values())
    parts = ", ".join(f"{counts[status]} {status}" for status in _ORDER if counts[status])
    before = f"; {earlier} answered by an earlier run" if earlier else ""
    return f"{total} photo{'s' if total != 1 else ''}: {parts}{before}"
