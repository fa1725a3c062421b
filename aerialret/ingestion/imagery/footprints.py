"""Where orthophotos lie: an inspected file and a system go in, a rectangle comes out."""

import numpy as np
import pyproj
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds

from aerialret.errors import UnreadableInputError
from aerialret.ingestion.crs import crs_name, same_crs
from aerialret.ingestion.imagery.ortho_files import OrthoFile, apply
from aerialret.tiles.grid import Bounds


def footprint(file: OrthoFile, crs: pyproj.CRS) -> Bounds:
    """The rectangle around a file in `crs`.

    Raises:
        UnreadableInputError: It has none: the file lies outside the system's domain.
    """
    corners = [
        apply(file.transform, col, row) for col in (0, file.width) for row in (0, file.height)
    ]
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    own = Bounds(min(xs), min(ys), max(xs), max(ys))
    if same_crs(file.crs, crs):
        return own
    try:
        bounds = Bounds(*transform_bounds(file.crs.to_wkt(), crs.to_wkt(), *own))
    except RasterioError:
        bounds = Bounds(np.inf, np.inf, np.inf, np.inf)
    if not np.isfinite(bounds).all():
        raise UnreadableInputError(
            f"{file.path} lies where {crs_name(crs)} has no coordinates; check its CRS "
            f"({crs_name(file.crs)}), or give another one with --crs"
        )
    return bounds
