"""Class masks: areas with class codes go in, the mask of any rectangle comes out."""

import numpy as np
import shapely
from rasterio.features import rasterize
from rasterio.transform import from_bounds

from aerialret.ingestion.vector import VectorFeatures
from aerialret.tiles.arrays import Mask
from aerialret.tiles.grid import Bounds
from aerialret.tiles.palette import BACKGROUND, NO_COVERAGE, PAINT_ORDER


class MaskPainter:
    """Draws the masks of one date.

    A pixel gets the class of the uppermost area that holds its centre, as rasterio draws it on
    that rectangle alone; outside the vector coverage it is 255.
    """

    def __init__(self, features: VectorFeatures) -> None:
        ranks = np.full(256, len(PAINT_ORDER))
        ranks[list(PAINT_ORDER)] = np.arange(len(PAINT_ORDER))
        order = np.argsort(ranks[features.codes], kind="stable")
        self._geometries = features.geometries[order]
        self._codes = features.codes[order].tolist()
        self._tree = shapely.STRtree(self._geometries)
        self._coverage = features.coverage.area
        shapely.prepare(self._coverage)

    def draw(self, bounds: Bounds, *, shape: tuple[int, int]) -> Mask:
        """The mask of a rectangle.

        Args:
            bounds: The rectangle in the CRS of the features.
            shape: Rows and columns of the mask.
        """
        box = shapely.box(*bounds)
        if not self._coverage.intersects(box):
            return np.full(shape, NO_COVERAGE, np.uint8)
        transform = from_bounds(*bounds, shape[1], shape[0])
        mask: Mask = np.full(shape, BACKGROUND, np.uint8)
        found = np.sort(self._tree.query(box)).tolist()
        if found:
            shapes = [(self._geometries[index], self._codes[index]) for index in found]
            rasterize(shapes, out=mask, transform=transform, fill=BACKGROUND)
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
