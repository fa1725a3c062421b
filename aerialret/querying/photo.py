"""The photo that is asked about: a raster file goes in, one tile's worth of pixels comes out.

A georeferenced photo is cut to a north-up window of one tile around its centre, at the grid's
resolution; where it lies is not used for the search. Of any other picture, see `scan`.
"""

import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import CRSError, NotGeoreferencedWarning, RasterioError
from rasterio.warp import transform as transform_points

from aerialret.config import SourceConfig
from aerialret.errors import (
    ConfigurationError,
    MissingCrsError,
    MissingInputError,
    UnreadableInputError,
)
from aerialret.ingestion.imagery.orthophoto import read_area
from aerialret.ingestion.vectors.masks import MaskPainter
from aerialret.ingestion.vectors.vector import read_vectors
from aerialret.querying.scan import Reading, Scan, read_scan
from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.grid import Bounds, Grid, TileId
from aerialret.tiles.palette import NO_COVERAGE

_AS_IT_IS = Reading()
_SLACK = 0.02  # share of a tile that may be missing or cut off before a note says so


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """A photo as one tile.

    Attributes:
        path: The file.
        image: uint8 [3, px, px].
        valid: bool [px, px], true where there is an image.
        mask: uint8 [px, px], class codes; 255 is outside the vector coverage.
        window: The rectangle it shows, in the grid's CRS; None where it has no georeference.
        true_tile: The cell of the grid that its centre lies in; None likewise.
        scan: A plain picture, and what of it is searched; None for a georeferenced one.
        notes: What was assumed, cut off or filled up, for the user to read.
    """

    path: Path
    image: Image
    valid: Valid
    mask: Mask
    window: Bounds | None = None
    true_tile: TileId | None = None
    scan: Scan | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Georeference:
    """Where a photo lies in the grid's CRS: its centre and the lengths of its sides."""

    x: float
    y: float
    width_m: float
    height_m: float


def read_photo(
    path: Path, *, grid: Grid, source: SourceConfig, reading: Reading = _AS_IT_IS
) -> Photo:
    """The photo in the file `path`, on a tile of `grid`.

    Args:
        path: A georeferenced raster, or a plain picture (PNG, JPEG, TIFF).
        grid: The grid of the index.
        source: The vectors of the photo's date, and how photo and vectors are read.
        reading: What is known of plain pictures.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is no picture, or is damaged.
        MissingCrsError: It has a position, but no CRS.
        ConfigurationError: Vectors are given, but the photo has no position; or its scale is
            given, but not its dots per inch.
    """
    georeference = _georeference(path, grid=grid, photo_crs=source.ortho_crs)
    if georeference is None:
        return _plain(path, grid=grid, source=source, reading=reading)
    half = grid.tile_size_m / 2
    x, y = georeference.x, georeference.y
    window = Bounds(x - half, y - half, x + half, y + half)
    shape = (grid.tile_px, grid.tile_px)
    image, valid = read_area([path], bounds=window, crs=grid.crs, shape=shape, source=source)
    photo = Photo(
        path=path,
        image=image,
        valid=valid,
        mask=np.full(shape, NO_COVERAGE, np.uint8),
        window=window,
        true_tile=grid.tile_at(x=x, y=y),
        notes=_notes(georeference, valid, grid),
    )
    return _with_mask(photo, window, grid=grid, source=source) if source.vectors else photo


def _with_mask(photo: Photo, window: Bounds, *, grid: Grid, source: SourceConfig) -> Photo:
    """`photo` with the vectors drawn on it, as `ingest` draws them."""
    features = read_vectors(
        source, base=Path(), crs=grid.crs, extent=window, least_width_m=grid.resolution_m
    )
    painter = MaskPainter(features.areas, coverage=features.coverage.area)
    mask = painter.draw(window, shape=photo.mask.shape)
    missed = () if (mask != NO_COVERAGE).any() else ("the vectors do not cover it",)
    return replace(photo, mask=mask, notes=(*photo.notes, *missed))


def _plain(path: Path, *, grid: Grid, source: SourceConfig, reading: Reading) -> Photo:
    if source.vectors:
        raise ConfigurationError(
            f"photo {path} has no georeference, so that vectors cannot be drawn on it; leave out "
            "'--vectors', or give a georeferenced photo"
        )
    scan = read_scan(path, grid=grid, reading=reading)
    middle = scan.cuts[0]
    mask = np.full(middle.valid.shape, NO_COVERAGE, np.uint8)
    return Photo(
        path=path, image=middle.image, valid=middle.valid, mask=mask, scan=scan, notes=scan.notes
    )


def _georeference(path: Path, *, grid: Grid, photo_crs: str) -> _Georeference | None:
    """Where the photo lies; None for a picture without a position."""
    if not path.is_file():
        raise MissingInputError(f"photo {path} does not exist or is a folder; give a picture file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # plain pictures are welcome
            with rasterio.open(path) as raster:
                return _located(raster, grid=grid, photo_crs=photo_crs)
    except (RasterioError, CRSError) as error:
        raise UnreadableInputError(f"photo {path} cannot be read: {error}") from error


def _located(raster: rasterio.DatasetReader, *, grid: Grid, photo_crs: str) -> _Georeference | None:
    if raster.transform.is_identity:
        return None
    crs = raster.crs or photo_crs
    if not crs:
        raise MissingCrsError(
            f"photo {raster.name} has a position but no CRS; name it with '--photo-crs', "
            "as in --photo-crs EPSG:2154"
        )
    width, height = raster.width, raster.height
    pixels = ((width / 2, height / 2), (0, 0), (width, 0), (0, height))
    own = raster.transform
    xs = [own.c + col * own.a + row * own.b for col, row in pixels]
    ys = [own.f + col * own.d + row * own.e for col, row in pixels]
    eastings, northings = transform_points(crs, grid.crs, xs, ys)[:2]
    points = np.column_stack([eastings, northings])
    if not np.isfinite(points).all():
        raise UnreadableInputError(
            f"photo {raster.name} lies where {grid.crs}, the CRS of the index, is not defined"
        )
    width_m, height_m = (float(np.linalg.norm(points[n] - points[1])) for n in (2, 3))
    return _Georeference(float(points[0, 0]), float(points[0, 1]), width_m, height_m)


def _notes(georeference: _Georeference, valid: Valid, grid: Grid) -> tuple[str, ...]:
    side, share = grid.tile_size_m, float(valid.mean())
    notes = []
    area = georeference.width_m * georeference.height_m
    if area > (share + _SLACK) * side * side:
        notes.append(
            f"{georeference.width_m:.0f} m x {georeference.height_m:.0f} m, larger than a tile: "
            f"only the {side:g} m around its centre were used"
        )
    if share < 1 - _SLACK:
        notes.append(
            f"covers {share:.0%} of a tile of {side:g} m: the rest was filled with 'no image'"
        )
    return tuple(notes)
