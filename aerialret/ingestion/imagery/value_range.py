"""Sensor values to 8 bits: the files of a date go in, the values drawn black and white come out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from aerialret.config.sources import SourceConfig
from aerialret.errors import ConfigurationError
from aerialret.ingestion.imagery.decoding import decode
from aerialret.ingestion.imagery.ortho_files import OrthoFile, open_ortho

PERCENTILES = (1.0, 99.0)
"""Shares of the darkest and brightest sensor values that are drawn black and white."""

_SAMPLE_WINDOWS = 1024
_SAMPLE_SIDE_PX = 32


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Sensor values drawn black (`low`) and white (`high`).

    Attributes:
        low: Drawn black, with all that is below.
        high: Drawn white, with all that is above.
        deep_only: Whether files of 8 bits stay as they are.
    """

    low: float
    high: float
    deep_only: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ConfigurationError(
                f"value_range is {self.low:g}, {self.high:g}, but the first must be below the other"
            )

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """`values` as 0 (black) to 255 (white), not rounded."""
        scale = np.float32(255 / (self.high - self.low))
        drawn: NDArray[np.float32] = np.clip((values - np.float32(self.low)) * scale, 0, 255)
        return drawn


def range_of(files: Sequence[OrthoFile], *, source: SourceConfig) -> ValueRange | None:
    """The range for the files of a date that are not 8 bits; None where all of them are.

    It is the one that is configured, or the 1st and 99th percentile of a sample: all bands of
    32 x 32 pixels windows, spread evenly over every file.
    """
    if source.value_range:
        low, high = source.value_range
        return ValueRange(low, high)
    deep = [file for file in files if file.dtype != "uint8"]
    if not deep:
        return None
    for_each = max(1, _SAMPLE_WINDOWS // len(deep))
    values = np.concatenate([_sample(file, windows=for_each) for file in deep])
    if not values.size:
        return ValueRange(0, 1, deep_only=True)
    black, white = (float(value) for value in np.percentile(values, PERCENTILES))
    return ValueRange(black, white if white > black else black + 1, deep_only=True)


def _sample(file: OrthoFile, *, windows: int) -> NDArray[np.float32]:
    """Values of all bands at the image pixels of a lattice of windows, or of a small file."""
    samples = []
    with open_ortho(file.path) as dataset:
        for window in _windows(file, count=windows):
            values, valid = decode(dataset, file, window)
            shown = values if valid is None else values[:, valid]
            samples.append(shown.ravel().astype(np.float32))
    return np.concatenate(samples)


def _windows(file: OrthoFile, *, count: int) -> list[Window]:
    if file.width * file.height <= count * _SAMPLE_SIDE_PX**2:
        return [Window(0, 0, file.width, file.height)]
    side = max(1, int(count**0.5))
    width, height = min(_SAMPLE_SIDE_PX, file.width), min(_SAMPLE_SIDE_PX, file.height)
    return [
        Window(col, row, width, height)
        for row in _starts(file.height, count=side)
        for col in _starts(file.width, count=side)
    ]


def _starts(length: int, *, count: int) -> list[int]:
    """Where up to `count` windows begin along an axis, without overlap, the gaps alike."""
    count = min(count, max(1, length // _SAMPLE_SIDE_PX))
    gap = length / count
    return [int((index + 0.5) * gap - min(gap, _SAMPLE_SIDE_PX) / 2) for index in range(count)]
