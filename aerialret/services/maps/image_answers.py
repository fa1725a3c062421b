"""An answer that should be an image: the file goes in, pixels or a reason why not come out."""

import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from aerialret.services.http.answers import Accept, CachedAnswer
from aerialret.services.http.service_messages import exception_in, words_of
from aerialret.tiles.grid import Bounds

_DRIVERS = {
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
    b"II+\0": "GTiff",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"RIFF": "WEBP",
}
"""Which driver reads a file that begins so; no other is ever tried."""

_LAST_BYTES = 4096
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9", "GIF": b";"}
"""How whole files end, perhaps with padding behind: GDAL reads a PNG that ends early as if it
were whole, with black or transparent pixels below."""

_QUIETLY = threading.Lock()

_SETTINGS = {
    # An image that ends early is an error, not a warning with grey below.
    "GDAL_ERROR_ON_LIBJPEG_WARNING": "YES",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_PAM_ENABLED": "NO",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedImage:
    """A decoded answer.

    Attributes:
        pixels: Bands, height, width; palettes are resolved to red, green, blue.
        alpha: Height, width: 0 where the service has no image; None where it does not say.
    """

    pixels: NDArray[Any]
    alpha: NDArray[np.uint8] | None

    @property
    def emptiness(self) -> str:
        """In which way it holds no image: transparent, all white, all black; else ""."""
        seen = np.ones(self.pixels.shape[1:], bool) if self.alpha is None else self.alpha > 0
        if not seen.any():
            return "transparent"
        shown = self.pixels[:, seen]
        if (shown == _white(self.pixels.dtype)).all():
            return "all white"
        return "all black" if (shown == 0).all() else ""


def image_accepted(*, width_px: int, height_px: int, bounds: Bounds | None = None) -> Accept:
    """A check that an answer is a whole image of this size, and of this ground if it says which."""

    def accept(answer: CachedAnswer) -> str:
        return _complaint(answer, width_px, height_px, bounds)

    return accept


def read_image(path: Path) -> ServedImage:
    """The image in the answer's body.

    Raises:
        RasterioError: It cannot be decoded.
    """
    with rasterio.Env(**_SETTINGS), _opened(path) as dataset:
        pixels = dataset.read()
        meaning = list(dataset.colorinterp)
        if meaning[0] == ColorInterp.palette:
            pixels, meaning = _unfolded(pixels[0], dataset.colormap(1))
        alpha = None
        if ColorInterp.alpha in meaning and len(meaning) > 1:
            place = meaning.index(ColorInterp.alpha)
            alpha = (np.asarray(pixels[place]) > 0).astype(np.uint8) * np.uint8(255)
            pixels = np.delete(pixels, place, axis=0)
        elif dataset.nodata is not None:
            alpha = dataset.dataset_mask()
        whole = alpha is None or bool((alpha > 0).all())
        return ServedImage(pixels=pixels, alpha=None if whole else alpha)


def _complaint(answer: CachedAnswer, width_px: int, height_px: int, bounds: Bounds | None) -> str:
    if answer.path.stat().st_size == 0:
        return "the answer is empty"
    told = exception_in(answer.path)
    if told:
        return f"the answer is an exception: {told}"
    if not _driver(answer.path):
        words = words_of(answer.path)
        kind = answer.content_type or "of no known type"
        return f"the answer is no image but {kind}" + (f": {words}" if words else "")
    if _ends_early(answer.path):
        return "the image ends early"
    try:
        with rasterio.Env(**_SETTINGS), _opened(answer.path) as dataset:
            if (dataset.width, dataset.height) != (width_px, height_px):
                return (
                    f"the image has {dataset.width} x {dataset.height} pixels instead of "
                    f"{width_px} x {height_px}"
                )
            dataset.read()
            return _misplaced(dataset, bounds)
    except RasterioError as error:
        return f"the image is incomplete or damaged ({' '.join(str(error).split())[:120]})"


def _misplaced(dataset: Any, bounds: Bounds | None) -> str:
    """Whether an image that says where it lies does not lie where it should."""
    if bounds is None or dataset.crs is None or dataset.transform.is_identity:
        return ""
    allowed = 0.51 * bounds.width / dataset.width
    off = max(abs(own - asked) for own, asked in zip(dataset.bounds, bounds, strict=True))
    return (
        f"the image lies {off:g} units off the ground that was asked for" if off > allowed else ""
    )


def _opened(path: Path) -> Any:
    with _QUIETLY, warnings.catch_warnings():  # filters belong to all threads: one at a time
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # we know where it lies
        return rasterio.open(path, driver=_driver(path))


def _ends_early(path: Path) -> bool:
    end = _ENDS.get(_driver(path), b"")
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - _LAST_BYTES))
        return end not in stream.read()


def _driver(path: Path) -> str:
    with path.open("rb") as stream:
        start = stream.read(4)
    return next((name for magic, name in _DRIVERS.items() if start.startswith(magic)), "")


def _unfolded(
    indices: NDArray[Any], palette: dict[int, tuple[int, ...]]
) -> tuple[NDArray[np.uint8], list[ColorInterp]]:
    """A palette image as red, green, blue and alpha."""
    table = np.zeros((max(256, len(palette)), 4), np.uint8)
    for index, colour in palette.items():
        table[index] = colour
    channels = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return np.moveaxis(table[indices], -1, 0), channels


def _white(dtype: np.dtype[Any]) -> float:
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else float("nan")
