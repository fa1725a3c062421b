"""Files beside an orthophoto that GDAL does not read: world files of any name, .prj and .tab.

A path goes in; coordinate systems and geotransforms come out, with the files they stand in.
"""

from functools import lru_cache
from pathlib import Path

import pyproj
from affine import Affine
from pyproj.exceptions import CRSError

from aerialret.ingestion.crs import horizontal

WORLD_SUFFIXES = (
    *(".j2w", ".jp2w", ".jgw", ".jpgw", ".jpegw", ".tfw", ".tifw", ".tiffw"),
    *(".pgw", ".pngw", ".wld"),
)
"""Endings of world files, in lower case, the more fitting ones first."""


def beside(path: Path, suffix: str) -> Path | None:
    """The file beside `path` with its stem and `suffix`, in any letter case."""
    exact = path.with_suffix(suffix)
    if exact.is_file():
        return exact
    names = _names(path.parent, path.parent.stat().st_mtime_ns)
    name = names.get(exact.name.casefold())
    return path.parent / name if name else None


def world_file(path: Path) -> Path | None:
    """The world file beside `path`."""
    found = (beside(path, suffix) for suffix in WORLD_SUFFIXES)
    return next((each for each in found if each), None)


def read_world_file(path: Path) -> Affine | None:
    """The geotransform in a world file; None where it holds none."""
    try:
        a, d, b, e, x, y = (float(word) for word in path.read_text("latin-1").split()[:6])
    except ValueError:
        return None
    # A world file tells where the middle of the first pixel lies, a geotransform its corner.
    return Affine(a, b, x - (a + b) / 2, d, e, y - (d + e) / 2)


def read_prj(path: Path) -> pyproj.CRS | None:
    """The coordinate system in a .prj file; None where PROJ does not know it."""
    try:
        crs = horizontal(pyproj.CRS.from_user_input(path.read_text("latin-1").strip()))
    except CRSError:
        return None
    # ESRI's WKT has no codes; the listed system knows the way to other datums.
    authority = crs.to_authority()
    return pyproj.CRS.from_authority(*authority) if authority else crs


@lru_cache(maxsize=16)
def _names(folder: Path, changed_ns: int) -> dict[str, str]:
    """The names in a folder, by their folded form; `changed_ns` makes a changed folder a new one.

    Where two names differ by case alone, the first in order counts.
    """
    names = sorted((each.name for each in folder.iterdir()), reverse=True)
    return {name.casefold(): name for name in names}
