"""Coordinate systems: a name, a WKT or a file's own goes in, one comparable form comes out."""

from functools import lru_cache

import pyproj
from pyproj.exceptions import CRSError

from aerialret.errors import ConfigurationError


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


@lru_cache(maxsize=256)
def same_crs(one: pyproj.CRS, other: pyproj.CRS) -> bool:
    """Whether two systems give a point the same coordinates."""
    return crs_name(one) == crs_name(other) or one.equals(other, ignore_axis_order=True)


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
