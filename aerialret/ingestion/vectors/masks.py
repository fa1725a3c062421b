"""Class masks: areas with class codes go in, the mask of any rectangle comes out."""

from typing import Any

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_bounds

from aerialret.ingestion.vectors.areas import Areas
from aerialret.ingestion.vectors.polygon_fill import draw_areas
from aerialret.tiles.arrays import Mask
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import BACKGROUND, NO_COVERAGE


class MaskPainter:
    """Draws the masks of one date.

    A pixel gets the class of the uppermost area that holds its centre, as rasterio draws it on
    that rectangle alone; outside the vector coverage it is 255.

    Args:
        areas: What is drawn.
        coverage: A polygon in the same CRS: where the vectors are complete.
    """

    def __init__(self, areas: Areas, *, coverage: Any) -> None:
        self._areas = areas.in_paint_order()
        self._coverage = coverage
        shapely.prepare(self._coverage)

    def draw(self, bounds: Bounds, *, shape: tuple[int, int]) -> Mask:
        """The mask of a rectangle.

        Args:
            bounds: The rectangle in the CRS of the areas.
            shape: Rows and columns of the mask.
        """
        box = shapely.box(*bounds)
        if not self._coverage.intersects(box):
            return np.full(shape, NO_COVERAGE, np.uint8)
        mask: Mask = np.full(shape, BACKGROUND, np.uint8)
        left, bottom, right, top = self._areas.boxes.T
        near = (
            (left < bounds.right)
            & (right > bounds.left)
            & (bottom < bounds.top)
            & (top > bounds.bottom)
        )
        draw_areas(mask, self._areas, np.flatnonzero(near), bounds=bounds)
        if not self._coverage.contains(box):
            mask[~self._covered(bounds, shape=shape)] = NO_COVERAGE
        return mask

    def _covered(self, bounds: Bounds, *, shape: tuple[int, int]) -> np.ndarray:
        area = rasterize(
            [(self._coverage, 1)],
            out_shape=shape,
            transform=from_bounds(*bounds, shape[1], shape[0]),
            fill=0,
            dtype="uint8",
        )
        covered: np.ndarray = area.astype(bool)
        return covered
