"""Compiled loops need no folder that can be written to."""

from types import SimpleNamespace
from typing import Any

import numba
import pytest

from aerialret.ingestion import compiled as compiling
from aerialret.ingestion.compiled import compiled
from aerialret.ingestion.workers import worker_count


def double(value: int) -> int:
    return 2 * value


def test_without_a_folder_for_the_cache_loops_are_compiled_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def njit(**options: Any) -> Any:
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(compiling, "numba", SimpleNamespace(njit=njit))
    assert compiled(double)(21) == 42
    assert asked == [{"nogil": True, "cache": True}, {"nogil": True}]


def test_as_many_workers_as_asked_or_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_count(3) == 3
    assert worker_count(0) >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    assert worker_count(0) >= 1
