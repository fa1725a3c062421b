"""The georeferenced photo: a photo and its location go in, a GeoTIFF, its points, a summary come.

NAME.tif     the photo on the map, north up, at its own resolution, transparent outside
NAME.points  its control points, for QGIS's georeferencer
NAME.json    what was fitted and how well
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2 as typed_cv2
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from rasterio.windows import Window

from aerialret import atomic
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.querying.control_points import points_file
from aerialret.querying.photo_pixels import PhotoRaster, open_photo
from aerialret.verification.location import Location
from aerialret.verification.pose import Matrix, inverse, moved
from aerialret.verification.warp import centred

cv2: Any = typed_cv2  # its stubs want output arrays

PICTURE_SUFFIXES = (".tif", ".tiff")

LARGEST_SIDE_PX = 60_000
"""A side of the picture; more is a fit that went wrong, or a scan to be cut first."""

_BLOCK_PX = 512
_FINEST = 3  # digits of a pixel's side that are kept, so that 0.2500013 m becomes 0.25 m


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """The picture's grid.

    Attributes:
        transform: From its pixels to the map.
        width: In pixels.
        height: In pixels.
        to_photo: float64 [3, 3], from its pixels to the photo's.
    """

    transform: Affine
    width: int
    height: int
    to_photo: Matrix


def write_georeferenced(
    photo: Path, location: Location, out: Path, *, crs: str, facts: dict[str, Any] | None = None
) -> tuple[Path, ...]:
    """Writes the photo as a GeoTIFF, its control points and a summary; the paths of all three.

    Each file is whole or absent. The photo keeps its bands and their type; an alpha band says
    where it is.

    Args:
        photo: The picture file.
        location: Where it lies, for its full size.
        out: The GeoTIFF; the others lie beside it.
        crs: CRS of the location's map.
        facts: More for the summary.

    Raises:
        ConfigurationError: `out` is no name of a GeoTIFF, or the picture would be too large.
        NothingToDoError: The location is not believable.
    """
    require_picture_path(out)
    if not location.believable:
        raise NothingToDoError(f"photo {photo} is not georeferenced: {location.doubt}")
    points, summary = out.with_suffix(".points"), out.with_suffix(".json")
    frame = _frame(location, photo)
    with atomic.atomic_file(out) as partial:
        _write_picture(photo, frame, partial, crs)
    atomic.write_text(points, points_file(location, crs=crs))
    told = {**location_facts(location), "crs": crs, **(facts or {})}
    atomic.write_text(summary, json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return out, points, summary


def require_picture_path(out: Path) -> None:
    """Checks that a picture can be written to `out`.

    Raises:
        ConfigurationError: Its ending is none of `PICTURE_SUFFIXES`.
    """
    if out.suffix.lower() not in PICTURE_SUFFIXES:
        raise ConfigurationError(
            f"{out} ends with {out.suffix or 'nothing'!r}, but georeferenced photos are written "
            f"as {', '.join(PICTURE_SUFFIXES)}; choose one of these endings"
        )


def location_facts(location: Location) -> dict[str, Any]:
    """A location as plain values: lengths in metres, the corners clockwise from the upper left."""
    pose = location.pose
    return {
        "fitted": location.kind,
        "matrix": [[float(value) for value in row] for row in location.matrix],
        "inliers": location.inliers,
        "matches": location.matches,
        "rmse_m": round(location.rmse_m, 3),
        "verified": location.believable,
        "doubt": location.doubt,
        "aligned_by_intensities": location.aligned,
        "width_px": location.width,
        "height_px": location.height,
        "centre": [round(pose.x, 3), round(pose.y, 3)],
        "rotation_deg": round(pose.rotation_deg, 3),
        "metres_per_px": round(pose.metres_per_px, 6),
        "corners": [[round(float(x), 3), round(float(y), 3)] for x, y in location.corners],
    }


def _frame(location: Location, photo: Path) -> _Frame:
    """The smallest grid around the photo whose lines lie at multiples of its resolution."""
    step = _rounded(location.pose.metres_per_px)
    low = np.floor(location.corners.min(axis=0) / step)
    high = np.ceil(location.corners.max(axis=0) / step)
    width, height = (int(side) for side in high - low)
    if max(width, height) > LARGEST_SIDE_PX:
        raise ConfigurationError(
            f"photo {photo} would be {width} x {height} px on the map, but at most "
            f"{LARGEST_SIDE_PX} px are written; reduce or cut it first"
        )
    left, top = float(low[0] * step), float(high[1] * step)
    to_map = np.array([[step, 0, left], [0, -step, top], [0, 0, 1]])
    return _Frame(
        transform=Affine(step, 0, left, 0, -step, top),
        width=width,
        height=height,
        to_photo=inverse(location.matrix) @ to_map,
    )


def _rounded(metres: float) -> float:
    return round(metres, _FINEST - 1 - math.floor(math.log10(metres)))


def _write_picture(photo: Path, frame: _Frame, out: Path, crs: str) -> None:
    with open_photo(photo) as raster:
        kept = raster.dtype if raster.dtype in (np.uint8, np.uint16, np.float32) else np.float32
        profile = {
            "driver": "GTiff", "width": frame.width, "height": frame.height, "crs": crs,
            "transform": frame.transform, "count": raster.count + 1, "dtype": kept,
            "compress": "deflate", "predictor": 3 if kept == np.float32 else 2,
            "tiled": True, "blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX,
            "photometric": "RGB" if raster.is_rgb else "MINISBLACK", "BIGTIFF": "IF_SAFER",
        }  # fmt: skip
        with rasterio.open(out, "w", **profile) as picture:
            picture.colorinterp = (*picture.colorinterp[: raster.count], ColorInterp.alpha)
            for window in _windows(frame):
                block = _block(raster, frame, window)
                if block is not None:
                    picture.write(block.astype(kept), window=window)


def _windows(frame: _Frame) -> list[Window]:
    return [
        Window(x, y, min(_BLOCK_PX, frame.width - x), min(_BLOCK_PX, frame.height - y))
        for y in range(0, frame.height, _BLOCK_PX)
        for x in range(0, frame.width, _BLOCK_PX)
    ]


def _block(raster: PhotoRaster, frame: _Frame, window: Window) -> NDArray[Any] | None:
    """The bands and the alpha of one block of the picture; None where the photo is not.

    Reads only the part of the photo that the block needs, so that a scan of any size fits.
    """
    x, y, width, height = window.col_off, window.row_off, window.width, window.height
    ends = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)
    needed = moved(ends, frame.to_photo)
    left, top = (int(v) for v in np.maximum(np.floor(needed.min(axis=0)) - 2, 0))
    limits = [raster.width, raster.height]
    right, bottom = (int(v) for v in np.minimum(np.ceil(needed.max(axis=0)) + 2, limits))
    if right <= left or bottom <= top:
        return None
    source, shape = Window(left, top, right - left, bottom - top), (bottom - top, right - left)
    to_source = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]]) @ frame.to_photo
    between = centred(to_source @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]]))
    pixels = raster.read(source, shape=shape)
    seen = raster.valid(source, shape=shape)
    return _resampled(pixels, seen, between, (width, height))


def _resampled(
    pixels: NDArray[Any], seen: NDArray[np.bool_], between: Matrix, size: tuple[int, int]
) -> NDArray[Any]:
    """Bands and alpha at the places that `between` gives for the pixels of a grid of `size`."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    kept = pixels if pixels.dtype in (np.uint8, np.uint16) else pixels.astype(np.float32)
    edge = cv2.BORDER_REPLICATE
    bands = [cv2.warpPerspective(b, between, size, flags=flags, borderMode=edge) for b in kept]
    nearest = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    alpha = cv2.warpPerspective(seen.astype(np.uint8), between, size, flags=nearest) > 0
    opaque = 65_535 if kept.dtype == np.uint16 else 255
    return np.stack([*(np.where(alpha, band, 0) for band in bands), np.where(alpha, opaque, 0)])
