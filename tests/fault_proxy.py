"""A server that misbehaves by a plan: an answer and a seed go in, an unreliable one comes out."""

import random
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from tests.loopback import Answer, Reply

Fault = Literal[
    "429", "429 until", "500", "503", "cut", "cut at once", "truncated", "empty", "slow",
    "xml with 200", "html with 200",
]  # fmt: skip

FAULTS: tuple[Fault, ...] = (
    "429", "429 until", "500", "503", "cut", "cut at once", "truncated", "empty", "slow",
    "xml with 200", "html with 200",
)  # fmt: skip

EXCEPTION = b"""<?xml version='1.0' encoding="UTF-8"?>
<ServiceExceptionReport version="1.3.0" xmlns="http://www.opengis.net/ogc">
<ServiceException>the tile store is busy</ServiceException></ServiceExceptionReport>"""


@dataclass(frozen=True, kw_only=True)
class FaultPlan:
    """Which requests go wrong.

    The n-th request for a path goes wrong by chance, the same way in every run with this seed,
    in whatever order threads ask; but at most `most` times in a row, unless it is `lost`.

    Attributes:
        share: Share of requests that go wrong.
        most: After so many faults a path is answered.
        faults: What can go wrong.
        lost: Paths that contain one of these never get an answer but a fault.
        slow_s: How long a slow answer takes.
    """

    seed: int = 0
    share: float = 0.6
    most: int = 3
    faults: tuple[Fault, ...] = FAULTS
    lost: tuple[str, ...] = ()
    slow_s: float = 0.05

    def fault(self, path: str, time: int) -> Fault | None:
        """What goes wrong with request number `time` (from 0) for `path`."""
        dice = random.Random(f"{self.seed} {path} {time}")
        if any(part in path for part in self.lost):
            return dice.choice(tuple(fault for fault in self.faults if fault != "slow"))
        return dice.choice(self.faults) if time < self.most and dice.random() < self.share else None


def unreliable(answer: Answer, plan: FaultPlan) -> Answer:
    """`answer`, but with the faults of `plan`."""
    times: Counter[str] = Counter()
    lock = threading.Lock()

    def spoilt(path: str) -> Reply:
        with lock:
            time = times[path]
            times[path] += 1
        fault = plan.fault(path, time)
        return answer(path) if fault is None else _spoilt(fault, answer, path, plan)

    return spoilt


def _spoilt(fault: Fault, answer: Answer, path: str, plan: FaultPlan) -> Reply:
    if fault in ("429", "503"):
        return Reply(status=int(fault), body=b"too many requests", headers={"Retry-After": "1"})
    if fault == "429 until":
        moment = datetime.now(UTC) + timedelta(seconds=1)
        return Reply(status=429, headers={"Retry-After": format_datetime(moment, usegmt=True)})
    if fault == "500":
        return Reply(status=500, body=b"<html><body>internal error</body></html>")
    if fault == "xml with 200":
        return Reply(body=EXCEPTION, content_type="text/xml")
    if fault == "html with 200":
        return Reply(body=b"<html><body>maintenance</body></html>", content_type="text/html")
    return _damaged(fault, answer(path), plan)


def _damaged(fault: Fault, reply: Reply, plan: FaultPlan) -> Reply:
    half = len(reply.body) // 2
    if fault == "cut":
        return replace(reply, cut_at=half)
    if fault == "cut at once":
        return replace(reply, cut_at=0)
    if fault == "truncated":
        return replace(reply, body=reply.body[:half])
    if fault == "empty":
        return replace(reply, body=b"")
    return replace(reply, delay_s=plan.slow_s)


class FastClock:
    """The time, running `speed` times as fast: waits of minutes pass in a test's second."""

    def __init__(self, speed: float = 200.0) -> None:
        self.speed = speed
        self.slept: list[float] = []

    def now(self) -> float:
        import time

        return time.monotonic() * self.speed

    def sleep(self, seconds: float) -> None:
        import time

        self.slept.append(seconds)
        time.sleep(seconds / self.speed)
