"""Whether a host still answers: outcomes of requests go in, a reason to stop asking comes out."""

import threading

MOST_IN_A_ROW = 5
"""So many requests may fail one after the other, each after all its attempts."""

_DOWN = (0, 502, 503, 504)
"""No answer at all, and what a gateway says when the host behind it is down or overwhelmed."""


class HostHealth:
    """The requests to one host that failed since it last answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed = 0
        self._last = ""

    @property
    def given_up(self) -> str:
        """Why the host is not asked any more; empty while it is."""
        with self._lock:
            if self._failed < MOST_IN_A_ROW:
                return ""
            many = f"{MOST_IN_A_ROW} requests in a row had failed"
            return f"not asked, as {many}; the last: {self._last}"

    def tell_attempt(self, status: int) -> None:
        """Takes in what one attempt came to: any answer of the host's own is a sign of life."""
        if status not in _DOWN:
            with self._lock:
                self._failed = 0

    def tell_failure(self, status: int, reason: str) -> None:
        """Takes in that a request failed after all its attempts."""
        if status in _DOWN:
            with self._lock:
                self._failed += 1
                self._last = reason
