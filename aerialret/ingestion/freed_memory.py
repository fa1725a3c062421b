"""Freed memory goes back to the system: an ingest's peak then does not grow with the territory.

glibc raises the size from which arrays get memory of their own as soon as large ones are freed, and
keeps what lies below for later. An ingest makes and frees arrays of some megabytes all the time, in
several threads: after 1,600 tiles a third of its memory was such leftovers.
"""

import ctypes
import sys

_OWN_MEMORY_FROM_BYTES = 4 << 20
_ARENAS = 2  # each keeps leftovers of its own, and glibc makes one for nearly every thread
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h


def give_back_freed_memory() -> None:
    """Fixes thresholds and arenas for this process; elsewhere than on glibc nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _OWN_MEMORY_FROM_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _OWN_MEMORY_FROM_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
