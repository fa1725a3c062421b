"""The orthophotos of one date as one picture: files go in, pixels of any rectangle come out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyproj
import shapely
from rasterio.windows import Window

from aerialret.config.sources import SourceConfig
from aerialret.ingestion.crs import parse_crs
from aerialret.ingestion.imagery.decoded_pieces import DecodedPieces
from aerialret.ingestion.imagery.decoding import decode_band
from aerialret.ingestion.imagery.footprints import footprint
from aerialret.ingestion.imagery.layering import FULL, Part, as_image, lay_under, without_fill
from aerialret.ingestion.imagery.open_files import OpenFiles
from aerialret.ingestion.imagery.ortho_files import OrthoFile, inspect_ortho
from aerialret.ingestion.imagery.piece_lattice import PieceKey
from aerialret.ingestion.imagery.reduced_file import ReducedFile, reduced
from aerialret.ingestion.imagery.sampling import Sample, env, sample, windows_of
from aerialret.ingestion.imagery.source_window import Target
from aerialret.ingestion.imagery.value_range import ValueRange, range_of
from aerialret.ingestion.imagery.wavelet import Band
from aerialret.tiles.arrays import Image, Valid
from aerialret.tiles.grid import Bounds


class Picture(NamedTuple):
    """The picture of a rectangle.

    Attributes:
        image: Red, green, blue; 0 where there is no image.
        valid: Where there is an image.
        has_fill: Whether areas of pure black or white were taken for no image.
    """

    image: Image
    valid: Valid
    has_fill: bool


class OrthoMosaic:
    """The orthophotos of one date as one picture; earlier files lie on top of later ones.

    Use it as a context manager: it holds files open. Several threads may read at once.

    Attributes:
        files: The files, the uppermost first.
        crs: The coordinate system that rectangles are given in.
        footprints: The rectangle of each file in `crs`.
        value_range: Sensor values drawn black and white, where files are not 8 bits.
        pieces: The decoded pixels.
    """

    def __init__(
        self,
        files: Sequence[OrthoFile],
        *,
        crs: pyproj.CRS,
        value_range: ValueRange | None,
        decoders: int = 1,
    ) -> None:
        self.files = tuple(files)
        self.crs = crs
        self.value_range = value_range
        self.footprints = tuple(footprint(file, crs) for file in self.files)
        self._tree = shapely.STRtree([shapely.box(*bounds) for bounds in self.footprints])
        self._open = OpenFiles()
        self._levels: dict[tuple[int, float, float], ReducedFile] = {}
        self.pieces = DecodedPieces(self._decode, at_once=decoders)

    def __enter__(self) -> "OrthoMosaic":
        return self

    def __exit__(self, *_: object) -> None:
        self.pieces.__exit__()
        self._open.close()

    def read(self, bounds: Bounds, *, shape: tuple[int, int]) -> Picture:
        """The picture of a rectangle.

        Args:
            bounds: The rectangle in units of the mosaic's CRS.
            shape: Rows and columns of the picture.

        Raises:
            UnreadableInputError: A file cannot be decoded.
        """
        target = Target(bounds, self.crs, shape)
        values = np.zeros((3, *shape), np.float32)
        weights = np.zeros(shape, np.float32)
        has_fill = False
        touching = self._touching(bounds)
        for index in touching:
            part = self._drawn(index, target, others_below=index != touching[-1])
            has_fill |= part.has_fill
            if part.sample.weights.min() >= FULL and not weights.any():
                values, weights = part.sample.values, part.sample.weights
            else:
                lay_under(part.sample, values=values, weights=weights)
            if weights.min() >= FULL:
                break
        return Picture(*as_image(values, weights), has_fill)

    def expect(
        self, tiles: Sequence[Bounds], *, shape: tuple[int, int]
    ) -> list[tuple[PieceKey, ReducedFile]]:
        """Announces that each of `tiles` will be read and then released.

        Returns:
            The pieces of files that they need, in the order of their first use.
        """
        windows = [window for bounds in tiles for window in self._windows(bounds, shape=shape)]
        pictures = {(picture.file.path, picture.level): picture for picture, _ in windows}
        keys = self.pieces.expect(windows)
        return [(key, pictures[key.path, key.level]) for key in keys]

    def release(self, bounds: Bounds, *, shape: tuple[int, int]) -> None:
        """Says that a rectangle which was announced has been read."""
        for picture, window in self._windows(bounds, shape=shape):
            self.pieces.release(picture, window)

    def _windows(
        self, bounds: Bounds, *, shape: tuple[int, int]
    ) -> list[tuple[ReducedFile, Window]]:
        target = Target(bounds, self.crs, shape)
        pictures = [self._reduced(index, target) for index in self._touching(bounds)]
        return [(pic, window) for pic in pictures for window in windows_of(pic, target)]

    def _touching(self, bounds: Bounds) -> list[int]:
        found: list[int] = sorted(self._tree.query(shapely.box(*bounds)).tolist())
        return found

    def _reduced(self, index: int, target: Target) -> ReducedFile:
        """A file at the level for the target's pixel size, which is the same for all tiles."""
        height, width = target.shape
        pixel = (target.bounds.width / width, target.bounds.height / height)
        key = (index, round(pixel[0], 9), round(pixel[1], 9))
        if key not in self._levels:
            self._levels[key] = reduced(self.files[index], crs=self.crs, pixel_m=pixel)
        return self._levels[key]

    def _decode(self, picture: ReducedFile, window: Window) -> Band:
        with env():
            return decode_band(self._open, picture, window)

    def _drawn(self, index: int, target: Target, *, others_below: bool) -> Part:
        """What a file shows, from 0 (black) to 255 (white)."""
        file = self.files[index]
        picture = self._reduced(index, target)
        part = sample(picture, target, read=self.pieces.read)
        stretch = self.value_range
        if stretch is None or (stretch.deep_only and file.dtype == "uint8"):
            if file.has_mask:
                return Part(part, False)
            return without_fill(part, target, picture, others_below=others_below)
        return Part(Sample(stretch.apply(part.means()) * part.weights, part.weights), False)


def open_mosaic(
    files: Sequence[OrthoFile], *, crs: pyproj.CRS, source: SourceConfig, decoders: int = 1
) -> OrthoMosaic:
    """The mosaic of inspected `files`, with the value range of `source` or of their pixels.

    Args:
        files: The files, the uppermost first.
        crs: The coordinate system that rectangles are given in.
        source: How values are drawn.
        decoders: Threads that may decode at the same time.

    Raises:
        UnreadableInputError: A file cannot be read, or has no place in `crs`.
    """
    with env():
        return OrthoMosaic(
            files, crs=crs, value_range=range_of(files, source=source), decoders=decoders
        )


def inspect_orthos(
    paths: Sequence[Path],
    *,
    source: SourceConfig,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[OrthoFile]:
    """What a reader must know of each file.

    Args:
        paths: Orthophoto files.
        source: How files without CRS or with many bands are read.
        progress: Called with `orthophotos`, files done, files in all.

    Raises:
        UnreadableInputError: A file cannot be read.
        MissingCrsError: A file has no coordinate system.
        ConfigurationError: A file lacks the bands that were asked for.
    """
    files = []
    with env():
        for path in paths:
            files.append(inspect_ortho(path, source=source))
            if progress:
                progress("orthophotos", len(files), len(paths))
    return files


def read_area(
    paths: Sequence[Path],
    *,
    bounds: Bounds,
    crs: str,
    shape: tuple[int, int],
    source: SourceConfig,
) -> tuple[Image, Valid]:
    """The picture of a rectangle, pixel for pixel as `ingest` would write it.

    Args:
        paths: Orthophoto files, the uppermost first.
        bounds: The rectangle in units of `crs`.
        crs: Coordinate system of the rectangle and of the picture.
        shape: Rows and columns of the picture.
        source: How files without CRS, with many bands or 16 bits are read.

    Raises:
        UnreadableInputError: A file cannot be read.
        MissingCrsError: A file has no coordinate system.
        ConfigurationError: A file lacks the bands that were asked for.
    """
    files = inspect_orthos(paths, source=source)
    with open_mosaic(files, crs=parse_crs(crs, option="crs"), source=source) as mosaic:
        picture = mosaic.read(bounds, shape=shape)
    return picture.image, picture.valid
