"""When each part was flown: dated polygons go in, an interval of days for each tile comes out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.ingestion.crs import parse_crs, same_crs
from aerialret.ingestion.flights.date_values import Days
from aerialret.tiles.grid import Bounds

MIN_SHARE = 0.01
"""A polygon dates a tile when it covers more than this share of it."""


@dataclass(frozen=True, kw_only=True)
class FlightDates:
    """Polygons, and the days on which each was flown.

    Attributes:
        polygons: Valid polygons in `crs`.
        first: The first day of each.
        last: The last day of each.
        crs: Their coordinate system.
        notes: Which fields were taken, and what has no date.
    """

    polygons: NDArray[np.object_]
    first: Days
    last: Days
    crs: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.polygons) == len(self.first) == len(self.last):
            raise ConfigurationError("flight dates need a first and a last day for each polygon")

    def intervals_of(self, rectangles: Sequence[Bounds]) -> tuple[Days, Days]:
        """The first and last day of each rectangle, in `crs`; NaT where no polygon says."""
        first: Days = np.full(len(rectangles), "NaT", "datetime64[D]")
        last = first.copy()
        if rectangles and len(self.polygons):
            polygon, rectangle = _dating_pairs(self.polygons, rectangles)
            np.fmin.at(first, rectangle, self.first[polygon])
            np.fmax.at(last, rectangle, self.last[polygon])
        return first, last

    def in_crs(self, crs: str) -> "FlightDates":
        """The same polygons in another coordinate system."""
        target = parse_crs(crs, option="crs")
        if same_crs(self._system, target):
            return self
        to_target = pyproj.Transformer.from_crs(self._system, target, always_xy=True)

        def move(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.stack(to_target.transform(*points.T), axis=1)

        moved = shapely.transform(self.polygons, move)
        return replace(self, polygons=shapely.make_valid(moved), crs=crs)

    @cached_property
    def _system(self) -> pyproj.CRS:
        return parse_crs(self.crs, option="crs")


def joined(parts: Sequence[FlightDates], *, crs: str) -> FlightDates:
    """All polygons of `parts`, in `crs`."""
    moved = [part.in_crs(crs) for part in parts]
    no_days = np.empty(0, "datetime64[D]")
    return FlightDates(
        polygons=np.concatenate([np.empty(0, object), *(part.polygons for part in moved)]),
        first=np.concatenate([no_days, *(part.first for part in moved)]),
        last=np.concatenate([no_days, *(part.last for part in moved)]),
        crs=crs,
        notes=tuple(note for part in moved for note in part.notes),
    )


def _dating_pairs(
    polygons: NDArray[np.object_], rectangles: Sequence[Bounds]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which polygon covers more than `MIN_SHARE` of which rectangle."""
    boxes = np.array([shapely.box(*rectangle) for rectangle in rectangles], object)
    # The tree holds the rectangles, as there are more of them, and the polygons, which have more
    # vertices, are then prepared once each.
    tree = shapely.STRtree(boxes)
    polygon, box = tree.query(polygons, predicate="intersects")
    share = shapely.area(shapely.intersection(polygons[polygon], boxes[box]))
    enough = share > MIN_SHARE * shapely.area(boxes[box])
    return polygon[enough], box[enough]
