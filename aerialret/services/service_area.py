"""The area that services are asked for: `--area` and entries go in, a shape in a CRS comes out."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError
from aerialret.services.entries import ServiceEntry, is_rectangle
from aerialret.tiles.area import read_area


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceArea:
    """What to take.

    Attributes:
        shape: The area.
        crs: Its CRS.
    """

    shape: BaseGeometry
    crs: str


def service_area(
    text: str, *, entries: Iterable[ServiceEntry], grid_crs: str, base: Path
) -> ServiceArea:
    """The area that `text` names, in the CRS of the grid, else of the first entry that has one.

    Args:
        text: `left,bottom,right,top` in that CRS, or the path of a vector file.
        entries: The services that are to be asked.
        grid_crs: The CRS of the tile set, or "".
        base: The folder that a relative path refers to.

    Raises:
        ConfigurationError: There is no area, or no CRS.
        AerialretError: As `read_area` raises.
    """
    entries = list(entries)
    if not text:
        raise ConfigurationError(
            f"{entries[0].text} is a web service, and no area says what to take of it; "
            "give --area left,bottom,right,top, or --area FILE"
        )
    crs = grid_crs or next((one.option("crs") for one in entries if one.option("crs")), "")
    if not crs:
        raise ConfigurationError(
            f"no CRS says where the area of {entries[0].text} lies; give --crs, as in "
            "--crs EPSG:2154"
        )
    shape = read_area(text if is_rectangle(text) else str(base / Path(text).expanduser()), crs=crs)
    if shape.is_empty:
        raise ConfigurationError(f"area {text} is empty; give one that holds ground")
    return ServiceArea(shape=shape, crs=crs)
