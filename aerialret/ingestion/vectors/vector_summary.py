"""What became of the vector layers of a date, and how they are drawn."""

from dataclasses import dataclass, field

import numpy as np
import pyproj
from numpy.typing import NDArray

from aerialret.ingestion.vectors.areas import Areas
from aerialret.ingestion.vectors.ground_shapes import Geometries
from aerialret.ingestion.vectors.vector_counts import ClassCount, LayerReport
from aerialret.ingestion.vectors.vector_coverage import Coverage
from aerialret.tiles.grid import Bounds

EXTENT_MARGIN_M = 100.0
"""Features this far outside the imagery are read too: a wide line reaches in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSummary:
    """What became of the vector layers of a date.

    Attributes:
        coverage: Where the vectors are complete.
        layers: What became of each layer.
        classes: What became of the features of each class.
        unmapped: Layers that no class rule names.
        warnings: What the report should say.
        edition: The edition that the layers betray, as v2; empty: none is known.
    """

    coverage: Coverage = field(default_factory=Coverage)
    layers: tuple[LayerReport, ...] = ()
    classes: tuple[ClassCount, ...] = ()
    unmapped: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    edition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorFeatures(VectorSummary):
    """What is to be drawn, all of it in memory.

    Attributes:
        geometries: Valid polygons in the tile set's CRS.
        codes: The class code of each.
    """

    geometries: Geometries = field(default_factory=lambda: np.empty(0, object))
    codes: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))

    @property
    def areas(self) -> Areas:
        """The features as flat arrays."""
        return Areas.of(self.geometries, self.codes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How features become areas.

    Attributes:
        crs: The CRS to draw in; its unit is the metre.
        extent: Only features near this rectangle are read; None: all.
        least_width_m: Lines are at least this wide: one pixel.
        given_crs: The CRS of layers that have none.
    """

    crs: pyproj.CRS
    extent: Bounds | None
    least_width_m: float
    given_crs: str

    @property
    def window(self) -> tuple[Bounds, str] | None:
        """The extent with its margin, and its CRS."""
        if self.extent is None:
            return None
        left, bottom, right, top = self.extent
        margin = EXTENT_MARGIN_M
        return (
            Bounds(left - margin, bottom - margin, right + margin, top + margin),
            self.crs.to_wkt(),
        )
