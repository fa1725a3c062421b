"""Control points for QGIS: a location goes in, the text of a `.points` file comes out, and back.

The format is that of QGIS 3: a line with the CRS, a header, a line for each point. Rasters without
georeference have their rows below zero there: sourceY is the negative row.
"""

import csv
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from aerialret.errors import UnreadableInputError
from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.pose import inverse, moved

HEADER = ("mapX", "mapY", "sourceX", "sourceY", "enable", "dX", "dY", "residual")

_CRS_MARK = "#CRS: "


@dataclass(frozen=True, slots=True, kw_only=True)
class PointsFile:
    """What a `.points` file says.

    Attributes:
        crs: WKT of the map's CRS.
        points: The enabled points, rows of the photo counted downwards.
        residuals_px: float64 [m], how far each lies from the fit, in pixels of the photo.
    """

    crs: str
    points: ControlPoints
    residuals_px: NDArray[np.float64]


def points_file(location: Location, *, crs: str) -> str:
    """The control points as QGIS's georeferencer reads them, all enabled.

    dX, dY and residual are in pixels of the photo, from the point to where the fit sees its place
    on the map, dY positive downwards.

    Args:
        location: Whose points.
        crs: CRS of its map.
    """
    points = location.points
    away = moved(points.map, inverse(location.matrix)) - points.photo
    buffer = io.StringIO()
    buffer.write(f"{_CRS_MARK}{CRS.from_user_input(crs).to_wkt()}\n")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(HEADER)
    for (col, row), (x, y), (across, down) in zip(points.photo, points.map, away, strict=True):
        residual = float(np.hypot(across, down))
        numbers = (x, y, col, -row, 1, across, down, residual)
        writer.writerow([n if n == 1 else f"{n:.6f}" for n in numbers])
    return buffer.getvalue()


def read_points(text: str) -> PointsFile:
    """The content of a `.points` file.

    Raises:
        UnreadableInputError: It is none.
    """
    mark, _, rest = text.partition("\n")
    rows = list(csv.reader(io.StringIO(rest)))
    if not mark.startswith(_CRS_MARK) or not rows or tuple(rows[0]) != HEADER:
        raise UnreadableInputError(
            f"no control points of QGIS 3: it begins with {text[:40]!r}, but '{_CRS_MARK}WKT' and "
            f"{','.join(HEADER)} are wanted"
        )
    values = np.array([row for row in rows[1:] if row[4] == "1"], np.float64).reshape(-1, 8)
    points = ControlPoints(photo=values[:, 2:4] * [1, -1], map=values[:, :2])
    return PointsFile(crs=mark.removeprefix(_CRS_MARK), points=points, residuals_px=values[:, 7])
