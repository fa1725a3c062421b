"""How much is done at a time: what was asked goes in, a number of threads comes out."""

import os


def worker_count(asked: int) -> int:
    """Threads to work with: as many as asked, or, for 0, as many cores as this process may use."""
    if asked > 0:
        return asked
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
