"""Ground resolution: what is known of a photo goes in, its metres for each pixel come out.

It is given, or follows from the scanner's dots per inch and the photograph's scale: a dot of
0.0254 / dpi metres on a photograph of 1:25,000 is 25,000 times as large on the ground.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rasterio
from PIL import JpegImagePlugin, PngImagePlugin

from aerialret.errors import ConfigurationError

_METRES_PER_INCH, _CM_PER_INCH = 0.0254, 2.54
_PREFERRED = 0.5  # of a tile's side: squares of this size fit into a tile wherever they lie
_SLACK = 0.02  # a square may be larger than the photo by this share
_SCREEN_DPI = (72, 96)
_TIFF_UNITS = {"2": 1.0, "3": _CM_PER_INCH}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundResolution:
    """How large the photo's pixels are on the ground.

    Attributes:
        metres_per_px: Of the photo as it is in its file.
        source: Where it is known from, for the user to read.
    """

    metres_per_px: float
    source: str


def ground_resolution(
    path: Path, *, gsd_m: float = 0.0, photo_scale: float = 0.0
) -> GroundResolution | None:
    """The ground resolution of the photo in the file `path`; None where nothing tells it.

    Args:
        path: A picture that can be opened.
        gsd_m: Metres on the ground for each pixel, which counts before all else; 0: not known.
        photo_scale: Denominator of the photograph's scale, as 25000; 0: not known.

    Raises:
        ConfigurationError: A scale is given, but the file does not tell the scanner's resolution.
    """
    if gsd_m:
        return GroundResolution(metres_per_px=gsd_m, source=f"{gsd_m:g} m for each pixel, as given")
    if not photo_scale:
        return None
    dpi = scanned_dpi(path)
    if dpi is None:
        raise ConfigurationError(
            f"photo {path} does not tell its dots per inch, so that its scale of "
            f"1:{photo_scale:.0f} gives no ground resolution; give it with '--gsd METRES'"
        )
    metres_per_px = _METRES_PER_INCH / dpi * photo_scale
    doubt = ", which programs write that do not know better" if round(dpi) in _SCREEN_DPI else ""
    source = f"{metres_per_px:.3g} m for each pixel, by {dpi:g} dpi{doubt} and 1:{photo_scale:.0f}"
    return GroundResolution(metres_per_px=metres_per_px, source=source)


def scanned_dpi(path: Path) -> float | None:
    """Dots per inch by the tags of a TIFF, JPEG or PNG; None where they do not tell.

    The mean, where those of rows and columns differ.
    """
    with rasterio.open(path) as raster:
        driver, tags = raster.driver, raster.tags()
    if driver == "GTiff":
        return _of_tiff(tags)
    # Not `Image.open`: it refuses the largest scans as bombs, and only the header is read here.
    readers = {"JPEG": JpegImagePlugin.JpegImageFile, "PNG": PngImagePlugin.PngImageFile}
    if driver not in readers:
        return None
    with readers[driver](path) as picture:
        across, down = picture.info.get("dpi", (0, 0))
    return _mean(float(across), float(down))


def square_side_m(shown_m: float, *, sides_m: Sequence[float], tile_size_m: float) -> float | None:
    """The side on the ground of the squares that are searched; None for the whole photo.

    Of the sides that the index compares and the photo shows, that nearest to half a tile.

    Args:
        shown_m: Shorter side of what the photo shows.
        sides_m: Sides of the ground that the index's model compares.
        tile_size_m: Side of a tile.
    """
    fitting = [side for side in sides_m if side <= shown_m * (1 + _SLACK)]
    return min(fitting, key=lambda side: abs(side - _PREFERRED * tile_size_m), default=None)


def _of_tiff(tags: dict[str, Any]) -> float | None:
    unit = _TIFF_UNITS.get(str(tags.get("TIFFTAG_RESOLUTIONUNIT", "")).split(" ")[0])
    across, down = (float(tags.get(f"TIFFTAG_{axis}RESOLUTION", 0)) for axis in "XY")
    return None if unit is None else _mean(across * unit, down * unit)


def _mean(across: float, down: float) -> float | None:
    return round((across + down) / 2, 2) if across > 1 and down > 1 else None
