"""How fast a training goes: counts and the clock go in, a line for a person comes out."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(slots=True, kw_only=True)
class Pace:
    """The speed of the epochs of one run.

    Attributes:
        epochs: Epochs of the whole training.
        clock: Seconds that only ever grow.
        seconds: What each epoch of this run took, its validation included.
    """

    epochs: int
    clock: Callable[[], float] = time.perf_counter
    seconds: list[float] = field(default_factory=list)
    _started: float = 0.0

    def start_epoch(self) -> None:
        """An epoch begins now."""
        self._started = self.clock()

    def end_epoch(self) -> float:
        """The seconds since it began, which are noted."""
        taken = self.clock() - self._started
        self.seconds.append(taken)
        return taken

    def left_s(self, *, done_epochs: int) -> float:
        """Seconds until the last epoch ends, if the rest goes like the last five; NaN at first."""
        recent = self.seconds[-5:]
        if not recent:
            return math.nan
        return max(self.epochs - done_epochs, 0) * sum(recent) / len(recent)

    def told(self, *, places: int, done_epochs: int, best_map5: float = math.nan) -> str:
        """As `312 places/s, 4 min left, best map@5 0.835`, of what is known.

        Args:
            places: Places that the last epoch trained on.
            done_epochs: Epochs done, those of earlier runs included.
            best_map5: The best on the validation places so far; NaN if none was measured.
        """
        parts = []
        if self.seconds:
            parts.append(f"{per_second(places, self.seconds[-1])} places/s")
            left = self.left_s(done_epochs=done_epochs)
            if left > 0:
                parts.append(f"{duration(left)} left")
        if not math.isnan(best_map5):
            parts.append(f"best map@5 {best_map5:.3f}")
        return ", ".join(parts)


def per_second(count: int, seconds: float) -> str:
    """A rate with three digits at most."""
    rate = count / max(seconds, 1e-9)
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.2g}"


def duration(seconds: float) -> str:
    """A time as a person says it: `40 s`, `4 min`, `2 h 05 min`, `3 d 4 h`."""
    whole = round(seconds)
    if whole < 2 * _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{round(whole / _MINUTE)} min"
    minutes = round(whole / _MINUTE)
    if whole < _DAY:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(whole / _HOUR)
    return f"{hours // 24} d {hours % 24} h"
