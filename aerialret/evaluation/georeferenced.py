"""Georeferenced photos of an evaluation: located photos go in, GeoTIFFs and their errors come out.

FOLDER/PLACE.png                 the photo as it was asked about, without a georeference
FOLDER/PLACE_georeferenced.tif   the same on the map, as `aerialret query --verify --out` writes it,
                                 with its .points and .json beside it

The files are then read with rasterio, as if nothing were known of them, and the photo is looked for
in their pixels: so their corners are those that a GIS shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image as Picture
from pyproj import Transformer

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.photo_answers import photo_of
from aerialret.evaluation.pose_errors import error_figures, pose_errors
from aerialret.evaluation.protocols import Photographed
from aerialret.querying.georeference import write_georeferenced
from aerialret.querying.georeferenced_files import FOLDER_SUFFIX
from aerialret.querying.photo_pixels import read_pixels
from aerialret.tiles.arrays import Image
from aerialret.verification.pose import Matrix, as_square, corners, moved
from aerialret.verification.rerank import SIFT
from aerialret.verification.transform import fit_transform

_TOLERANCE_PX = 1.0
_LARGEST_PX = 60_000  # a georeferenced photo is not reduced


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoreferencedFile:
    """One written photo.

    Attributes:
        row: Number of the photo.
        picture: The GeoTIFF.
        corners_m: float64 [4, 2], x and y of the photo's corners as the file's pixels and its
            georeference show them; NaN where the photo is not recognised in it.
    """

    row: int
    picture: Path
    corners_m: NDArray[np.float64]


def write_located(evaluation: Evaluation, folder: Path, *, count: int) -> list[GeoreferencedFile]:
    """Writes the first `count` photos that are believed, and reads them back."""
    located, written = evaluation.located, []
    if located is None or count == 0:
        return []
    folder.mkdir(parents=True)
    for row in sorted(located.found)[:count]:
        hit, location = located.found[row]
        place = evaluation.photos.tiles[row].place
        photo = folder / f"{place}.png"
        cut = evaluation.photos.cut(evaluation.tileset, slice(row, row + 1))
        _write_png(photo_of(place, cut.batch).image, photo)
        picture, *_ = write_georeferenced(
            photo, location, folder / f"{place}{FOLDER_SUFFIX}", crs=evaluation.tileset.grid.crs,
            facts={"query": photo.name, "tile": hit.place, "date": hit.date, "score": hit.score},
        )  # fmt: skip
        found = corners_in_file(photo, picture, crs=evaluation.tileset.grid.crs)
        written.append(GeoreferencedFile(row=row, picture=picture, corners_m=found))
    return written


def corners_in_file(photo: Path, picture: Path, *, crs: str) -> NDArray[np.float64]:
    """The photo's corners as a GeoTIFF shows them, from the photo's upper left on.

    The photo is matched with the pixels of the file by SIFT; nothing that was known when the file
    was written is used.

    Args:
        photo: The picture that was georeferenced.
        picture: The GeoTIFF.
        crs: In which the corners are wanted.

    Returns:
        float64 [4, 2], x and y; NaN where the photo is not recognised.
    """
    asked = read_pixels(photo, longest_px=_LARGEST_PX)
    shown = read_pixels(picture, longest_px=_LARGEST_PX)
    first, second = (SIFT.features(each.image, each.valid) for each in (asked, shown))
    pairs = SIFT.match(first, second).points(first, second)
    fit = fit_transform(
        *(points.astype(np.float64) + 0.5 for points in pairs),  # features count pixel centres
        width=asked.width, height=asked.height,
        tolerance_px=_TOLERANCE_PX,
    )  # fmt: skip
    if fit is None:
        return np.full((4, 2), np.nan)
    with rasterio.open(picture) as raster:
        to_map, own_crs = _as_matrix(raster.transform), raster.crs
    outline = corners(width=asked.width, height=asked.height)
    placed = moved(outline, to_map @ fit.matrix)
    into = Transformer.from_crs(own_crs, crs, always_xy=True)
    return np.column_stack(into.transform(placed[:, 0], placed[:, 1]))


def file_figures(written: Sequence[GeoreferencedFile], truth: Photographed) -> dict[str, Any]:
    """How many files there are, in how many the photo was recognised, and how far off they lie.

    Adds nothing of what the fit believed: the corners are those of the files.
    """
    found = np.array([each.corners_m for each in written]).reshape(-1, 4, 2)
    rows = [each.row for each in written]
    true = replace(
        truth, centres_m=truth.centres_m[rows], corners_m=truth.corners_m[rows],
        rotation_deg=truth.rotation_deg[rows], metres_per_px=truth.metres_per_px[rows],
    )  # fmt: skip
    errors = pose_errors(found.mean(axis=1), found, true)
    read = ~np.isnan(errors.corner_m)
    return {
        "photos": len(written), "read_back": int(read.sum()), **error_figures(errors, read)
    }  # fmt: skip


def _as_matrix(transform: rasterio.Affine) -> Matrix:
    return as_square(np.array(transform[:6], np.float64).reshape(2, 3))


def _write_png(image: Image, path: Path) -> None:
    Picture.fromarray(np.ascontiguousarray(np.moveaxis(image, 0, -1))).save(path)
