"""The request for a territory: in go a size and a seed, out comes what every step needs to know."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import shapely

from aerialret.errors import ConfigurationError
from aerialret.tiles.grid import Bounds

CRS = "EPSG:2154"
EARLY, LATE = "2004", "2019"
DATES = (EARLY, LATE)
FORMAT_VERSION = 1
MARGIN_M = 160.0
"""The world goes on this far beyond the territory, so that nothing ends at its border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerritoryConfig:
    """The size, the place and the seed of a made-up territory.

    Attributes:
        cols: Width in tiles.
        rows: Height in tiles.
        tile_size_m: Side of a tile in metres.
        gsd_m: Side of an orthophoto pixel in metres.
        seed: Another seed is another territory.
        left_m: Lambert-93 easting of the left edge, a multiple of `tile_size_m`.
        top_m: Lambert-93 northing of the top edge, a multiple of `tile_size_m`.
    """

    cols: int = 32
    rows: int = 32
    tile_size_m: float = 256.0
    gsd_m: float = 2.0
    seed: int = 0
    left_m: float = 921_600.0
    top_m: float = 6_912_000.0

    def __post_init__(self) -> None:
        for name in ("cols", "rows"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name} is {getattr(self, name)}, but must be at least 1")
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}, but must be 0 or more")
        if not (0.2 <= self.gsd_m <= 10.0):
            raise ConfigurationError(f"gsd_m is {self.gsd_m}, but must be from 0.2 to 10 metres")
        if self.tile_size_m < 16 * self.gsd_m:
            raise ConfigurationError(
                f"tile_size_m is {self.tile_size_m}, but must be at least 16 pixels of "
                f"{self.gsd_m} m"
            )
        self._check_multiple("tile_size_m", unit=self.gsd_m, of="gsd_m")
        self._check_multiple("left_m", unit=self.tile_size_m, of="tile_size_m")
        self._check_multiple("top_m", unit=self.tile_size_m, of="tile_size_m")

    def _check_multiple(self, name: str, *, unit: float, of: str) -> None:
        ratio = getattr(self, name) / unit
        if not math.isclose(ratio, round(ratio), abs_tol=1e-6):
            raise ConfigurationError(
                f"{name} is {getattr(self, name)}, but must be a multiple of {of} = {unit}"
            )

    @property
    def bounds(self) -> Bounds:
        """The territory's rectangle in Lambert-93."""
        width, height = self.cols * self.tile_size_m, self.rows * self.tile_size_m
        return Bounds(self.left_m, self.top_m - height, self.left_m + width, self.top_m)

    @property
    def frame(self) -> shapely.Polygon:
        """The territory's rectangle as a polygon."""
        return shapely.box(*self.bounds)

    @property
    def domain(self) -> shapely.Polygon:
        """The rectangle in which the world is made: the territory and a margin."""
        left, bottom, right, top = self.bounds
        return shapely.box(left - MARGIN_M, bottom - MARGIN_M, right + MARGIN_M, top + MARGIN_M)

    @property
    def area_km2(self) -> float:
        """The territory's area."""
        return self.bounds.width * self.bounds.height / 1e6

    def to_json(self) -> str:
        """What `territory.json` holds."""
        content = {"format": "aerialret territory", "version": FORMAT_VERSION, **asdict(self)}
        return json.dumps(content, indent=2, sort_keys=True) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A territory on disk, as an agency would deliver it.

    Attributes:
        ortho: Date -> folder of orthophotos.
        vectors: Date -> folder of vector layers.
        config: What made it.
    """

    ortho: dict[str, Path]
    vectors: dict[str, Path]
    config: TerritoryConfig

    def summary(self) -> dict[str, Any]:
        """Counts of the delivered files by date."""
        return {
            date: {
                "orthophotos": sum(1 for path in self.ortho[date].rglob("*.*") if path.is_file()),
                "vector files": sum(
                    1 for path in self.vectors[date].rglob("*.*") if path.is_file()
                ),
            }
            for date in DATES
        }
