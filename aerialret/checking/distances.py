"""Lengths and sizes for people: numbers go in, round numbers and words come out."""

import math

_UNITS = ("B", "kB", "MB", "GB", "TB")


def round_distance(value: float) -> float:
    """The next lower of 1, 2, 5, 10, 20, 50 and so on."""
    unit = 10.0 ** math.floor(math.log10(value))
    return max(step * unit for step in (1, 2, 5) if step * unit <= value)


def spoken_distance(metres: float) -> str:
    """As in `5 km` or `200 m`."""
    return f"{metres / 1000:.4g} km" if metres >= 1000 else f"{metres:.3g} m"


def spoken_size(size: float) -> str:
    """As in `12.3 MB`."""
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return ""
