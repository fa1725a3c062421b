"""Plain pictures: a file without georeference goes in, its centre square comes out as RGB."""

import warnings
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
from aerialret.tiles.arrays import Image, Valid

_STRETCH_PERCENTILES = (1, 99)


def read_plain_picture(path: Path, *, tile_px: int) -> tuple[Image, Valid, tuple[str, ...]]:
    """The centre square at `tile_px`, where it has an image, and notes of what was done to it.

    Smaller pictures are enlarged, larger ones averaged. One band is drawn grey; of four, the first
    three count; more than 8 bits are stretched between the 1st and the 99th percentile.

    Raises:
        UnreadableInputError: The file is no picture, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # that is what it is for
            with rasterio.open(path) as raster:
                window = _centre_square(raster)
                image = _colours(raster, window, tile_px)
                valid = _valid(raster, window, tile_px)
                return image, valid, _notes(raster, window, tile_px)
    except RasterioError as error:
        raise UnreadableInputError(f"photo {path} cannot be read: {error}") from error


def _centre_square(raster: Any) -> Window:
    side = min(raster.width, raster.height)
    return Window((raster.width - side) // 2, (raster.height - side) // 2, side, side)


def _colours(raster: Any, window: Window, tile_px: int) -> Image:
    if raster.colorinterp[0] == ColorInterp.palette:
        return _from_palette(raster, window, tile_px)
    bands = [1, 2, 3] if raster.count >= 3 else [1, 1, 1]
    pixels = raster.read(
        bands, window=window, out_shape=(3, tile_px, tile_px), resampling=_method(window, tile_px)
    )
    return _eight_bits(pixels, _valid(raster, window, tile_px))


def _from_palette(raster: Any, window: Window, tile_px: int) -> Image:
    """Palette colours, looked up before they are averaged."""
    table = np.zeros((256, 3), np.uint8)
    for code, colour in raster.colormap(1).items():
        table[code] = colour[:3]
    picture = Picture.fromarray(table[raster.read(1, window=window)])
    filter_ = Picture.Resampling.BOX if window.width > tile_px else Picture.Resampling.BILINEAR
    return np.moveaxis(np.asarray(picture.resize((tile_px, tile_px), filter_)), -1, 0)


def _valid(raster: Any, window: Window, tile_px: int) -> Valid:
    result: Valid = raster.dataset_mask(window=window, out_shape=(tile_px, tile_px)) > 0
    return result


def _eight_bits(pixels: NDArray[Any], valid: Valid) -> Image:
    if pixels.dtype == np.uint8:
        return pixels
    seen = pixels[:, valid].astype(np.float64)
    low, high = np.percentile(seen, _STRETCH_PERCENTILES) if seen.size else (0.0, 1.0)
    stretched = (pixels.astype(np.float64) - low) / max(high - low, 1e-12)
    result: Image = (stretched.clip(0, 1) * 255).round().astype(np.uint8)
    return result


def _method(window: Window, tile_px: int) -> Resampling:
    return Resampling.average if window.width > tile_px else Resampling.bilinear


def _notes(raster: Any, window: Window, tile_px: int) -> tuple[str, ...]:
    notes = []
    if raster.width != raster.height:
        notes.append(f"{raster.width} x {raster.height} px: its centre square was used")
    if window.width < tile_px:
        notes.append(f"{window.width} px wide: enlarged to the {tile_px} px of a tile")
    if raster.dtypes[0] != "uint8":
        notes.append(f"{raster.dtypes[0]}: stretched between its 1st and 99th percentile")
    return tuple(notes)
