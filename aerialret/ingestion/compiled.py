"""Loops over pixels: Python goes in, machine code that runs beside other threads comes out."""

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any]) -> Any:
    """`function`, compiled at its first call and kept on disk for the next process.

    Where neither the package's folder nor the user's cache can be written to, it is compiled in
    every process.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)
    except RuntimeError:  # numba finds no folder for its cache
        return numba.njit(nogil=True)(function)
