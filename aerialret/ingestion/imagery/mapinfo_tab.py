"""MapInfo's raster tables (.tab): the text goes in, the CRS and the control points come out.

GDAL reads them beside TIFF and JPEG, but not beside JPEG2000. Of MapInfo's projections those are
known that orthophotos are delivered in: longitude and latitude (1), Lambert conformal conic (3) and
transverse Mercator (8).
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyproj
from affine import Affine
from pyproj.exceptions import CRSError

MOST_MISFIT_PX = 0.5
"""Control points further than this from a straight geotransform are refused."""

_NUMBER = r"([-+]?[\d.]+(?:[eE][-+]?\d+)?)"
_POINT = re.compile(rf"\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*\)")
_COORDSYS = re.compile(
    r"CoordSys\s+Earth\s+Projection\s+(.*?)\s*(?:Bounds|Affine|Units|RasterStyle|$(?![\r\n]))",
    re.IGNORECASE | re.DOTALL,
)

_GRS80 = "+ellps=GRS80 +towgs84=0,0,0,0,0,0,0"
_CLARKE_IGN = "+a=6378249.2 +b=6356515 +towgs84=-168,-60,320,0,0,0,0"
_DATUMS = {
    28: "+ellps=intl +towgs84=-87,-98,-121,0,0,0,0",
    33: _GRS80,
    74: "+datum=NAD83",
    104: "+datum=WGS84",
    107: _CLARKE_IGN,
    115: _GRS80,
    1002: f"{_CLARKE_IGN} +pm=paris",
}

_LAMBERT_EPSG = {
    # datum: latitude of origin, false northing -> EPSG (the parallels follow from them)
    (33, 46.5, 6_600_000): 2154,
    (1002, 49.5, 1_200_000): 27571,
    (1002, 46.8, 2_200_000): 27572,
    (1002, 44.1, 3_200_000): 27573,
    (1002, 42.165, 4_185_861): 27574,
} | {(33, float(zone), (zone - 41) * 1_000_000 + 200_000): 3900 + zone for zone in range(42, 51)}

_ETRS89_ZONES = range(28, 39)


@dataclass(frozen=True, slots=True, kw_only=True)
class RasterTable:
    """What a raster table says.

    Attributes:
        crs: The coordinate system; None where the table has none, or one that is not known.
        transform: From columns and rows to coordinates; None without control points on a line.
    """

    crs: pyproj.CRS | None
    transform: Affine | None


def read_table(path: Path) -> RasterTable:
    """What the table at `path` says; nothing where it is no raster table."""
    text = path.read_text(encoding="latin-1")
    if not re.search(r"Type\s+\"RASTER\"", text, re.I):
        return RasterTable(crs=None, transform=None)
    return RasterTable(crs=_crs(text), transform=_fit(text))


def _fit(text: str) -> Affine | None:
    """The geotransform through the control points (least squares), if one fits them."""
    before = re.split("CoordSys", text, flags=re.IGNORECASE)[0]  # its bounds look like a point
    points = np.array([[float(value) for value in match] for match in _POINT.findall(before)])
    if len(points) < 3:
        return None
    middle = points.mean(axis=0)
    ground, pixels = np.split(points - middle, 2, axis=1)
    if np.linalg.matrix_rank(pixels) < 2:
        return None
    matrix = np.linalg.lstsq(pixels, ground, rcond=None)[0]
    pixel = float(np.linalg.norm(matrix, axis=1).max())
    if not pixel or np.abs(pixels @ matrix - ground).max() > MOST_MISFIT_PX * pixel:
        return None
    # What arithmetic leaves behind in the last digits would read as a rotation.
    matrix[np.abs(matrix) < 1e-9 * pixel] = 0
    (a, d), (b, e) = matrix.round(12).tolist()
    c, f = (middle[:2] - middle[2:] @ matrix).round(9).tolist()
    return Affine(a, b, c, d, e, f)


def _crs(text: str) -> pyproj.CRS | None:
    found = _COORDSYS.search(text)
    if found is None:
        return None
    values = [value.strip().strip('"') for value in found[1].split(",")]
    try:
        kind, datum = int(values[0]), int(values[1])
        numbers = [float(value) for value in values[3:] if value]
        return _built(kind, datum, unit=values[2] if len(values) > 2 else "", numbers=numbers)
    except (ValueError, IndexError, CRSError):
        return None


def _built(kind: int, datum: int, *, unit: str, numbers: list[float]) -> pyproj.CRS | None:
    if datum not in _DATUMS or (kind != 1 and unit.lower() not in ("m", "7")):
        return None
    ground = f"{_DATUMS[datum]} +no_defs +type=crs"
    if kind == 1:
        return pyproj.CRS.from_epsg(4326) if datum == 104 else pyproj.CRS(f"+proj=longlat {ground}")
    if kind == 3 and len(numbers) >= 6:
        return _lambert(datum, ground, *numbers[:6])
    return _mercator(datum, ground, *numbers[:5]) if kind == 8 and len(numbers) >= 5 else None


def _lambert(
    datum: int, ground: str, lon: float, lat: float, one: float, two: float, x: float, y: float
) -> pyproj.CRS:
    own = pyproj.CRS(
        f"+proj=lcc +lon_0={lon} +lat_0={lat} +lat_1={one} +lat_2={two} +x_0={x} +y_0={y} {ground}"
    )
    # 115 (ETRS89) and 33 (GRS 80) are one ellipsoid without a shift.
    code = _LAMBERT_EPSG.get((33 if datum == 115 else datum, round(lat, 6), round(y)))
    return _named(code, own, at=(x, y))


def _mercator(
    datum: int, ground: str, lon: float, lat: float, scale: float, x: float, y: float
) -> pyproj.CRS:
    own = pyproj.CRS(f"+proj=tmerc +lon_0={lon} +lat_0={lat} +k={scale} +x_0={x} +y_0={y} {ground}")
    zone = round((lon + 183) / 6)
    is_utm = (lat, scale, x) == (0, 0.9996, 500_000) and lon == zone * 6 - 183
    if is_utm and datum == 104:
        return _named({0: 32600, 10_000_000: 32700}.get(round(y), 0) + zone, own, at=(x, y))
    if is_utm and datum == 115 and y == 0 and zone in _ETRS89_ZONES:
        return _named(25800 + zone, own, at=(x, y))
    return own


def _named(code: int | None, own: pyproj.CRS, *, at: tuple[float, float]) -> pyproj.CRS:
    """The listed system, if it puts the points near `at` where `own` does."""
    if not code:
        return own
    listed = pyproj.CRS.from_epsg(code)
    point = (at[0] + 1000, at[1] + 2000)
    there, here = (
        pyproj.Transformer.from_crs(crs, 4326, always_xy=True).transform(*point)
        for crs in (own, listed)
    )
    return listed if np.allclose(there, here, rtol=0, atol=1e-5) else own
