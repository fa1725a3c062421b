"""Coordinate systems: a name, a WKT or a file's own goes in, one comparable form comes out."""

import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import pyproj
from pyproj.exceptions import CRSError
from pyproj.transformer import TransformerGroup

from aerialret.errors import ConfigurationError


class _Comparison(NamedTuple):
    """Two systems, kept so that no other one can come to their addresses, and the verdict."""

    one: pyproj.CRS
    other: pyproj.CRS
    same: bool


_COMPARED: dict[tuple[int, int], _Comparison] = {}


def parse_crs(text: str, *, option: str) -> pyproj.CRS:
    """The coordinate system that `text` names, as EPSG:2154 or WKT.

    Args:
        text: The name.
        option: Where it was given, for the message.

    Raises:
        ConfigurationError: PROJ does not know it.
    """
    try:
        return horizontal(pyproj.CRS.from_user_input(text))
    except CRSError:
        raise ConfigurationError(
            f"{option} is {text!r}, which is no coordinate system; write it as EPSG:2154"
        ) from None


@lru_cache(maxsize=256)
def crs_of_wkt(wkt: str) -> pyproj.CRS:
    """The coordinate system of a file, without the vertical half of a compound one."""
    return horizontal(pyproj.CRS.from_wkt(wkt))


def horizontal(crs: pyproj.CRS) -> pyproj.CRS:
    """`crs` without its heights."""
    return crs.sub_crs_list[0] if crs.is_compound else crs


@lru_cache(maxsize=256)
def crs_name(crs: pyproj.CRS) -> str:
    """`EPSG:2154` where an authority lists the system, else its WKT."""
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.to_wkt()


def same_crs(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether two systems give a point the same coordinates."""
    # Asked for every tile and file; to compare or hash two systems, PROJ writes both as WKT.
    key = id(one), id(other)
    if key not in _COMPARED:
        same = crs_name(one) == crs_name(other) or one.equals(other, ignore_axis_order=True)
        _COMPARED[key] = _Comparison(one, other, same)
    return _COMPARED[key].same


def same_place(
    one: pyproj.CRS, other: pyproj.CRS, *, at: tuple[float, float], tolerance: float
) -> bool:
    """Whether two systems put the point `at` at the same place.

    Files spell one system in many ways; what counts is where a point comes to lie.

    Args:
        one: The system that `at` is given in.
        other: The system to compare with.
        at: x and y of the point.
        tolerance: Greatest difference, in units of `one`.
    """
    if same_crs(one, other):
        return True
    x, y = _transformer(one, other).transform(*at)
    # With inf, that is outside the domain of one of them, no comparison holds.
    return bool(abs(x - at[0]) <= tolerance and abs(y - at[1]) <= tolerance)


@lru_cache(maxsize=64)
def missing_grids(one: pyproj.CRS, other: pyproj.CRS) -> str:
    """What PROJ lacks for the best way between two systems; empty where it lacks nothing.

    Without the grid of a national datum, positions are right to metres instead of centimetres.
    """
    if same_crs(one, other):
        return ""
    with warnings.catch_warnings():
        # pyproj warns of what is returned here.
        warnings.simplefilter("ignore", UserWarning)
        group = TransformerGroup(one, other, always_xy=True)
    if group.best_available or not group.unavailable_operations:
        return ""
    grids = [grid.short_name for grid in group.unavailable_operations[0].grids]
    return ", ".join(sorted(set(grids)))


def grid_warnings(systems: Iterable[pyproj.CRS], target: pyproj.CRS, *, what: str) -> list[str]:
    """A line for each of `systems` from which PROJ lacks the best way to `target`.

    Args:
        systems: Coordinate systems of inputs.
        target: That of the tile set.
        what: What the inputs are, for the message.
    """
    lines = []
    for system in dict.fromkeys(systems):
        grids = missing_grids(system, target)
        if grids:
            lines.append(
                f"{what} in {crs_name(system)} may lie some metres off: for the best way to "
                f"{crs_name(target)} PROJ lacks {grids}; 'pyproj sync --file {grids}' fetches it"
            )
    return lines


@lru_cache(maxsize=64)
def _transformer(one: pyproj.CRS, other: pyproj.CRS) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(one, other, always_xy=True)


def require_metres(crs: pyproj.CRS, *, origin: str) -> None:
    """Checks that `crs` is projected, in metres.

    Args:
        crs: The coordinate system.
        origin: Where it came from, for the message.

    Raises:
        ConfigurationError: It is geographic, or in another unit.
    """
    metres = all(axis.unit_conversion_factor == 1 for axis in crs.axis_info)
    if not (crs.is_projected and metres):
        raise ConfigurationError(
            f"{origin} is in {crs.name}, whose unit is not the metre, but tiles are squares in "
            "metres; give --crs with a projected system, such as EPSG:2154"
        )
