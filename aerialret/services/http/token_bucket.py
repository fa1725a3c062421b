"""How often one host may be asked: a rate goes in, waits come out."""

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """The time, and a way to let it pass."""

    def now(self) -> float:
        """Seconds since some moment; never runs backwards."""

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds since the machine started, or so."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Returns after `seconds`."""
        time.sleep(seconds)


class TokenBucket:
    """A token for each request: they fill up at a rate, and a few can be saved.

    Example:
        >>> bucket = TokenBucket(10.0, capacity=4)
        >>> bucket.take()  # waits where none is left

    Args:
        rate: Tokens that fill up in a second.
        capacity: Most tokens that can be saved, at least 1.
        clock: The time.
    """

    def __init__(self, rate: float, *, capacity: float = 1.0, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._capacity = max(1.0, capacity)
        self._tokens = self._capacity
        self.rate = rate
        self._counted = self._clock.now()

    def take(self) -> None:
        """Takes one token; waits until there is one. Whoever comes first is served first."""
        wait = self._reserve()
        if wait > 0:
            self._clock.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Gives out no token for `seconds` from now: the host asked for a pause."""
        with self._lock:
            self._fill()
            self._tokens = min(self._tokens, 1.0 - seconds * self.rate)

    def _reserve(self) -> float:
        """Takes a token, on credit if need be, and says after how many seconds it is there."""
        with self._lock:
            self._fill()
            self._tokens -= 1.0
            return max(0.0, -self._tokens / self.rate)

    def _fill(self) -> None:
        now = self._clock.now()
        self._tokens = min(self._capacity, self._tokens + max(0.0, now - self._counted) * self.rate)
        self._counted = now
