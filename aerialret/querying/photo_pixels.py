"""The photo's own pixels: a raster file goes in, all of it or a window of it comes out.

`photo.read_photo` makes one tile of a photo, to be searched; here it keeps its size and its bands,
to be located and written.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from aerialret.errors import MissingInputError, UnreadableInputError
from aerialret.tiles.arrays import Image, Valid

_STRETCH_PERCENTILES = (1, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoPixels:
    """A photo in red, green and blue, perhaps reduced.

    Attributes:
        image: uint8 [3, h, w].
        valid: bool [h, w], true where it has an image.
        width: Of the file, in pixels.
        height: Of the file, in pixels.
    """

    image: Image
    valid: Valid
    width: int
    height: int


class PhotoRaster:
    """An open photo: bands of colour, with a palette looked up and without an alpha band."""

    def __init__(self, raster: Any) -> None:
        self._raster = raster
        self._table = _palette(raster)
        alpha = {n for n, what in enumerate(raster.colorinterp, 1) if what == ColorInterp.alpha}
        self._bands = [n for n in raster.indexes if n not in alpha]
        self.width: int = raster.width
        self.height: int = raster.height

    @property
    def count(self) -> int:
        """Bands of colour."""
        return len(self._bands) if self._table is None else 3

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of every band."""
        kind: np.dtype[Any] = np.dtype(self._raster.dtypes[0])
        return kind

    @property
    def is_rgb(self) -> bool:
        """Whether its first three bands are red, green and blue."""
        first = tuple(self._raster.colorinterp[:3])
        colours = (ColorInterp.red, ColorInterp.green, ColorInterp.blue)
        return self._table is not None or first == colours

    def read(self, window: Window | None = None, *, shape: tuple[int, int]) -> NDArray[Any]:
        """The bands [count, *shape] of `window`, or of everything; averaged where reduced."""
        size = (
            (self.height, self.width)
            if window is None
            else (round(window.height), round(window.width))
        )
        if self._table is not None:
            # Colours of a palette cannot be averaged by their numbers.
            codes = self._raster.read(1, window=window, out_shape=shape)
            return np.ascontiguousarray(np.moveaxis(self._table[codes], -1, 0))
        method = Resampling.average if shape < size else Resampling.bilinear
        bands: NDArray[Any] = self._raster.read(
            self._bands, window=window, out_shape=(len(self._bands), *shape), resampling=method
        )
        return bands

    def valid(self, window: Window | None = None, *, shape: tuple[int, int]) -> Valid:
        """Where there is an image: bool [*shape]."""
        seen: Valid = self._raster.dataset_mask(window=window, out_shape=shape) > 0
        return seen


@contextmanager
def open_photo(path: Path) -> Iterator[PhotoRaster]:
    """The photo in the file `path`, open for as long as it is used.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is no picture, or is damaged.
    """
    if not path.is_file():
        raise MissingInputError(f"photo {path} does not exist or is a folder; give a picture file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # that is what it is for
            with rasterio.open(path) as raster:
                yield PhotoRaster(raster)
    except RasterioError as error:
        raise UnreadableInputError(f"photo {path} cannot be read: {error}") from error


def read_pixels(path: Path, *, longest_px: int) -> PhotoPixels:
    """All of the photo, its longer side reduced to at most `longest_px`.

    One band is shown grey; of more than three, the first three count; more than 8 bits are
    stretched between the 1st and the 99th percentile.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is no picture, or is damaged.
    """
    with open_photo(path) as photo:
        factor = min(1.0, longest_px / max(photo.width, photo.height))
        shape = max(1, round(photo.height * factor)), max(1, round(photo.width * factor))
        bands, valid = photo.read(shape=shape), photo.valid(shape=shape)
        colours = bands[:3] if len(bands) >= 3 else np.repeat(bands[:1], 3, axis=0)
        return PhotoPixels(
            image=_eight_bits(colours, valid), valid=valid, width=photo.width, height=photo.height
        )


def _eight_bits(pixels: NDArray[Any], valid: Valid) -> Image:
    if pixels.dtype == np.uint8:
        return pixels
    seen = pixels[:, valid].astype(np.float64)
    low, high = np.percentile(seen, _STRETCH_PERCENTILES) if seen.size else (0.0, 1.0)
    stretched = (pixels.astype(np.float64) - low) / max(high - low, 1e-12)
    result: Image = (stretched.clip(0, 1) * 255).round().astype(np.uint8)
    return result


def _palette(raster: Any) -> NDArray[np.uint8] | None:
    """uint8 [256, 3], the colour of each code; None where the bands are the colours."""
    if raster.colorinterp[0] != ColorInterp.palette:
        return None
    table = np.zeros((256, 3), np.uint8)
    for code, colour in raster.colormap(1).items():
        table[code] = colour[:3]
    return table
