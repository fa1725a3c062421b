"""Plain pictures: a file without georeference goes in, squares of it come out as RGB."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from PIL import Image as Picture
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from aerialret.errors import UnreadableInputError
from aerialret.querying.content import Border, Content, content_of
from aerialret.querying.cuts import Square
from aerialret.tiles.arrays import Image, Valid

OVERVIEW_PX = 1024
"""Longer side of the reduced picture that frames are looked for in."""

_STRETCH_PERCENTILES = (1, 99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A square of a photo as one tile.

    Attributes:
        square: Where it lies in the photo.
        image: uint8 [3, px, px].
        valid: bool [px, px], true where there is an image of the ground.
    """

    square: Square
    image: Image
    valid: Valid


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainPicture:
    """A plain picture, or what is seen of it.

    Attributes:
        width: Of the file, in pixels.
        height: Of the file, in pixels.
        dtype: Of its bands.
        content: Where it shows the ground.
        cuts: Its squares, that in the middle first.
    """

    width: int
    height: int
    dtype: str
    content: Content
    cuts: tuple[Cut, ...]


def read_plain_picture(
    path: Path,
    *,
    tile_px: int,
    squares: Callable[[Content], tuple[Square, ...]],
    border: Border | None = None,
) -> PlainPicture:
    """The picture in the file `path`, and squares of it at `tile_px`.

    Smaller squares are enlarged, larger ones averaged. One band is drawn grey; of four, the first
    three count; more than 8 bits are stretched between the 1st and the 99th percentile of what
    shows the ground.

    Args:
        path: The file.
        tile_px: Side of every cut.
        squares: Which squares are read, by what the picture shows.
        border: What is cut off on each side; None to look for a frame.

    Raises:
        UnreadableInputError: The file is no picture, or is damaged.
        ConfigurationError: The border leaves nothing.
    """
    with _opened(path) as raster:
        width, height = raster.width, raster.height
        overview = _overview(raster)
        seen = _eight_bits(overview, _limits(overview, np.ones(overview.shape[1:], bool)))
        content = content_of(seen, width=width, height=height, border=border)
        shown = content.at(shape=seen.shape[1:]) & _valid(raster, None, seen.shape[1:])
        limits = _limits(overview, shown)
        return PlainPicture(
            width=width, height=height, dtype=str(raster.dtypes[0]), content=content,
            cuts=tuple(
                _cut(raster, square, tile_px, content, limits) for square in squares(content)
            ),
        )  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # that is what it is for
            with rasterio.open(path) as raster:
                yield raster
    except RasterioError as error:
        raise UnreadableInputError(f"photo {path} cannot be read: {error}") from error


def _overview(raster: Any) -> NDArray[Any]:
    """The colours [3, h, w] of the whole picture, its longer side at most `OVERVIEW_PX`."""
    factor = min(1.0, OVERVIEW_PX / max(raster.width, raster.height))
    shape = max(1, round(raster.height * factor)), max(1, round(raster.width * factor))
    return _colours(raster, Window(0, 0, raster.width, raster.height), shape)


def _cut(
    raster: Any, square: Square, tile_px: int, content: Content, limits: tuple[float, float]
) -> Cut:
    window, shape = Window(square.left, square.top, square.side, square.side), (tile_px, tile_px)
    image = _eight_bits(_colours(raster, window, shape), limits)
    ground = _ground(content, square, raster, tile_px)
    return Cut(square=square, image=image, valid=_valid(raster, window, shape) & ground)


def _ground(content: Content, square: Square, raster: Any, tile_px: int) -> Valid:
    """Where the square shows the ground: bool [tile_px, tile_px]."""
    if content.mask is None:
        return np.ones((tile_px, tile_px), bool)
    steps = (np.arange(tile_px) + 0.5) / tile_px * square.side
    down, across = content.mask.shape[0] / raster.height, content.mask.shape[1] / raster.width
    rows = ((square.top + steps) * down).astype(int).clip(0, content.mask.shape[0] - 1)
    cols = ((square.left + steps) * across).astype(int).clip(0, content.mask.shape[1] - 1)
    return content.mask[np.ix_(rows, cols)]


def _colours(raster: Any, window: Window, shape: tuple[int, int]) -> NDArray[Any]:
    """Red, green and blue [3, *shape] of a window, in the picture's own type."""
    if raster.colorinterp[0] == ColorInterp.palette:
        return _from_palette(raster, window, shape)
    bands = [1, 2, 3] if raster.count >= 3 else [1, 1, 1]
    pixels: NDArray[Any] = raster.read(
        bands, window=window, out_shape=(3, *shape), resampling=_method(window, shape)
    )
    return pixels


def _from_palette(raster: Any, window: Window, shape: tuple[int, int]) -> Image:
    """Palette colours, looked up before they are averaged."""
    table = np.zeros((256, 3), np.uint8)
    for code, colour in raster.colormap(1).items():
        table[code] = colour[:3]
    picture = Picture.fromarray(table[raster.read(1, window=window)])
    filter_ = Picture.Resampling.BOX if window.width > shape[1] else Picture.Resampling.BILINEAR
    return np.moveaxis(np.asarray(picture.resize((shape[1], shape[0]), filter_)), -1, 0)


def _valid(raster: Any, window: Window | None, shape: tuple[int, ...]) -> Valid:
    result: Valid = raster.dataset_mask(window=window, out_shape=tuple(shape)) > 0
    return result


def _limits(pixels: NDArray[Any], shown: Valid) -> tuple[float, float]:
    """What becomes black and white in 8 bits."""
    if pixels.dtype == np.uint8 or not shown.any():
        return 0.0, 1.0
    low, high = np.percentile(pixels[:, shown].astype(np.float64), _STRETCH_PERCENTILES)
    return float(low), float(high)


def _eight_bits(pixels: NDArray[Any], limits: tuple[float, float]) -> Image:
    if pixels.dtype == np.uint8:
        return pixels
    low, high = limits
    stretched = (pixels.astype(np.float64) - low) / max(high - low, 1e-12)
    result: Image = (stretched.clip(0, 1) * 255).round().astype(np.uint8)
    return result


def _method(window: Window, shape: tuple[int, int]) -> Resampling:
    return Resampling.average if window.width > shape[1] else Resampling.bilinear
