"""When a failed request is made again: status, headers and attempt go in, a wait comes out."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
LONGEST_ASKED_WAIT_S = 300.0
"""A host that asks for a longer pause gets this one."""


def is_worth_retrying(status: int) -> bool:
    """Whether the same request may get another answer later."""
    return status in (408, 425, 429) or status >= 500


def back_off(url: str, *, attempt: int) -> float:
    """Seconds to wait before attempt number `attempt` (1 is the first repetition).

    Doubles each time; the jitter, half of it, follows from the URL, so that it can be repeated.
    """
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 16))
    return longest * (0.5 + 0.5 * random.Random(f"{url} {attempt}").random())


def asked_wait(headers: Mapping[str, str], *, now: datetime | None = None) -> float:
    """Seconds that `Retry-After` asks for, as a number or as a date (RFC 9110, 10.2.3); else 0."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_ASKED_WAIT_S)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = (moment - (now or datetime.now(UTC))).total_seconds()
    return min(max(0.0, seconds), LONGEST_ASKED_WAIT_S)
