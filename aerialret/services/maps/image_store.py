"""The imagery that services gave: pixels and their ground go in, GeoTIFFs in the cache come out.

A part that was written, or found empty, is never asked for again; its answers are then dropped.
"""

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine, from_bounds

from aerialret import atomic
from aerialret.services.maps.image_answers import ServedImage
from aerialret.tiles.grid import Bounds

_BLOCK_PX = 256
_FORMAT = 1
"""Raised when the same answers would give another file."""


class ImageStore:
    """GeoTIFFs in the cache, one for each part of a service's imagery.

    Args:
        folder: The cache folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "imagery"

    def path(self, key: str) -> Path:
        """The file of the part that `key`, what was asked in full, stands for."""
        digest = hashlib.sha256(f"{_FORMAT} {key}".encode()).hexdigest()
        return self._folder / digest[:2] / f"{digest[:32]}.tif"

    def knows(self, key: str) -> bool:
        """Whether the part was written, or found to hold no image."""
        return self.path(key).is_file() or bool(self.emptiness(key))

    def emptiness(self, key: str) -> str:
        """In which way the part was found to hold no image; "" where that is not known."""
        return str(self._facts(key).get("empty", ""))

    def absent_tiles(self, key: str) -> int:
        """How many tiles the service did not have when the part was written."""
        return int(self._facts(key).get("absent_tiles", 0))

    def note(self, key: str, *, empty: str = "", absent_tiles: int = 0) -> None:
        """Remembers that the part holds no image, or lacks tiles that the service does not have."""
        facts = {"absent_tiles": absent_tiles, "empty": empty}
        atomic.write_text(_facts_path(self.path(key)), json.dumps(facts) + "\n")

    def _facts(self, key: str) -> dict[str, Any]:
        try:
            facts = json.loads(_facts_path(self.path(key)).read_text())
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}

    def write(self, key: str, image: ServedImage, *, bounds: Bounds, crs: str) -> Path:
        """Writes the part as a tiled GeoTIFF: the same pixels give the same bytes."""
        path = self.path(key)
        transform = from_bounds(*bounds, image.pixels.shape[2], image.pixels.shape[1])
        _atomically(path, lambda part: _write(part, image, transform=transform, crs=crs))
        return path


def _facts_path(path: Path) -> Path:
    return path.with_suffix(".json")


def _atomically(path: Path, write: Callable[[Path], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.stem}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _write(path: Path, image: ServedImage, *, transform: Affine, crs: str) -> None:
    bands = image.pixels if image.alpha is None else _with_alpha(image.pixels, image.alpha)
    colours = _colours(image.pixels.shape[0]) + ([ColorInterp.alpha] * (image.alpha is not None))
    with rasterio.open(
        path, "w", driver="GTiff", width=bands.shape[2], height=bands.shape[1],
        count=bands.shape[0], dtype=bands.dtype, crs=crs, transform=transform, tiled=True,
        blockxsize=_BLOCK_PX, blockysize=_BLOCK_PX, compress="zstd", zstd_level=3, predictor=2,
        interleave="pixel", bigtiff="IF_SAFER",
        photometric="RGB" if image.pixels.shape[0] >= 3 else "MINISBLACK",
    ) as dataset:  # fmt: skip
        dataset.colorinterp = colours
        dataset.write(bands)


def _with_alpha(pixels: NDArray[Any], alpha: NDArray[np.uint8]) -> NDArray[Any]:
    full = np.iinfo(pixels.dtype).max if np.issubdtype(pixels.dtype, np.integer) else 1
    band = np.where(alpha > 0, full, 0).astype(pixels.dtype)
    return np.concatenate([pixels, band[None]])


def _colours(bands: int) -> list[ColorInterp]:
    named = (
        [ColorInterp.red, ColorInterp.green, ColorInterp.blue] if bands >= 3 else [ColorInterp.gray]
    )
    return (named + [ColorInterp.undefined] * bands)[:bands]
