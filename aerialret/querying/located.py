"""What a verification says of an answer: an answer and a hit go in, plain values come out."""

import math
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit
from aerialret.verification.location import Location

VERIFIED_COLUMNS = ("inliers", "rmse_m", "fitted", "verified")
"""Columns that a verification adds: control points, the root mean square of their residuals in
metres, what was fitted to them (similarity, affine or homography), and whether that is believed."""

_DEGREE_DIGITS = 7  # 1 cm
_METRE_DIGITS = 3


def location_of(answer: PhotoAnswer, hit: Hit) -> Location | None:
    """Where `hit` puts the photo, or None where it was not tried or nothing agreed."""
    return answer.locations[hit.rank - 1] if answer.locations is not None else None


def best_location(answer: PhotoAnswer) -> tuple[Hit, Location] | None:
    """The first answer that is believed, or None."""
    for hit in answer.hits:
        location = location_of(answer, hit)
        if location is not None and location.believable:
            return hit, location
    return None


def most_inliers(answer: PhotoAnswer) -> Location | None:
    """The location that most points agree with, believed or not; None where there is none."""
    found = [location for location in answer.locations or () if location is not None]
    return max(found, key=lambda location: location.inliers, default=None)


def verified_properties(answer: PhotoAnswer, hit: Hit) -> dict[str, Any]:
    """The values of `VERIFIED_COLUMNS`; of believed ones also `footprint`.

    It is the photo's outline as a polygon of GeoJSON in longitude and latitude. Nothing where
    nothing was verified.
    """
    if answer.locations is None:
        return {}
    location = location_of(answer, hit)
    if location is None:
        return {"inliers": 0, "rmse_m": None, "fitted": None, "verified": False}
    rmse = location.rmse_m
    values: dict[str, Any] = {
        "inliers": location.inliers,
        "rmse_m": round(rmse, _METRE_DIGITS) if math.isfinite(rmse) else None,
        "fitted": location.kind,
        "verified": location.believable,
    }
    if location.believable:
        values["footprint"] = shapely.geometry.mapping(outline(location, crs=answer.crs))
    return values


def verified_cells(answer: PhotoAnswer, hit: Hit) -> tuple[str, str, str]:
    """Inliers, RMSE in metres and whether it is believed, as a table shows them."""
    location = location_of(answer, hit)
    if location is None:
        return "0", "-", "no"
    rmse = f"{location.rmse_m:.2f}" if location.inliers else "-"
    return str(location.inliers), rmse, "yes" if location.believable else "no"


def outline(location: Location, *, crs: str) -> shapely.Polygon:
    """The photo's outline in longitude and latitude, counter-clockwise."""
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    ring = np.column_stack(to_degrees.transform(*location.corners.T)).round(_DEGREE_DIGITS)
    return shapely.geometry.polygon.orient(shapely.Polygon(ring))
