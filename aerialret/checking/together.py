"""Imagery and vectors held against each other: what was found goes in, findings come out."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyproj
import shapely

from aerialret.checking.dates import DateParts
from aerialret.checking.extents import (
    bounds_between,
    distance,
    is_metric,
    meet,
    metric_crs,
    union,
)
from aerialret.checking.imagery import Imagery
from aerialret.checking.layers import CheckedLayer, Vectors
from aerialret.checking.report import Finding
from aerialret.ingestion.crs import crs_name
from aerialret.tiles.grid import Bounds

_CANDIDATES = ("EPSG:2154", "EPSG:27572", "EPSG:4326", "EPSG:3857", "EPSG:2056", "EPSG:28992")
_LITTLE = 0.02
_MOST = 0.98


def common_crs(imagery: Sequence[Imagery], vectors: Sequence[Vectors]) -> str:
    """The system that everything is compared in: the first imagery's, else the vectors'."""
    for part in imagery:
        if part.crs:
            return part.crs
    for group in vectors:
        for layer in (*group.drawn, *group.layers):
            if layer.crs and layer.bounds:
                crs = metric_crs(pyproj.CRS.from_user_input(layer.crs), layer.bounds)
                return crs_name(crs) if crs else ""
    return ""


def imagery_boxes(part: Imagery, *, crs: str) -> list[Bounds]:
    """The rectangles of the usable files in `crs`."""
    if not part.crs or not crs:
        return []
    source, target = pyproj.CRS.from_user_input(part.crs), pyproj.CRS.from_user_input(crs)
    found = (bounds_between(box, source=source, target=target) for box in part.boxes)
    return [box for box in found if box]


def vector_extent(part: Vectors, *, crs: str, given_crs: str = "") -> Bounds | None:
    """The rectangle where the vectors are complete, in `crs`: coverage layers, else features."""
    coverage = [layer for layer in part.layers if layer.is_coverage and layer.features]
    return _extent_of(coverage or part.drawn or part.layers, crs=crs, given_crs=given_crs)


def feature_extent(part: Vectors, *, crs: str, given_crs: str = "") -> Bounds | None:
    """The rectangle around the features that are drawn, in `crs`."""
    return _extent_of(part.drawn or part.layers, crs=crs, given_crs=given_crs)


def _extent_of(layers: Sequence[CheckedLayer], *, crs: str, given_crs: str) -> Bounds | None:
    target = pyproj.CRS.from_user_input(crs) if crs else None
    boxes = []
    for layer in layers:
        name = layer.crs or given_crs
        if target and name and layer.bounds:
            source = pyproj.CRS.from_user_input(name)
            boxes.append(bounds_between(layer.bounds, source=source, target=target))
    return union(box for box in boxes if box)


def compare(dates: Sequence[DateParts], *, crs: str, vector_crs: str) -> list[Finding]:
    """Findings between the imagery and the vectors of each date, and between dates."""
    found: list[Finding] = []
    for date in dates:
        boxes = [box for part in date.imagery for box in imagery_boxes(part, crs=crs)]
        for vectors in date.vectors:
            found += _vectors_on_imagery(vectors, boxes, date=date, crs=crs, given_crs=vector_crs)
    for one, other in pairwise(dates):
        found += _two_dates(one, other, crs=crs)
        found += _two_legends(one, other)
    return found


def _vectors_on_imagery(
    vectors: Vectors, boxes: Sequence[Bounds], *, date: DateParts, crs: str, given_crs: str
) -> Iterator[Finding]:
    extent, ground = feature_extent(vectors, crs=crs, given_crs=given_crs), union(boxes)
    if ground is None:
        return
    where = f"the imagery{_of(date.date)}"
    missing_crs = [layer for layer in vectors.without_crs if not given_crs]
    if missing_crs:
        yield Finding(severity="warning", text=_without_crs(missing_crs, ground, crs=crs))
    if extent is None:
        return
    if not meet(extent, ground):
        yield Finding(
            severity="warning",
            is_loud=True,
            text=(
                f"the vectors in {vectors.part.folder.name} lie "
                f"{distance(extent, ground) / 1000:,.0f} km from {where}: all masks would be "
                f"'no coverage'; check their CRS{_hint(vectors.drawn, ground, crs=crs)}"
            ),
        )
        return
    share = _share(boxes, within=vector_extent(vectors, crs=crs, given_crs=given_crs) or extent)
    if share < _MOST:
        yield Finding(
            severity="note",
            text=f"the vectors are complete in {share:.0%} of {where} at most; masks outside "
            "are 'no coverage'",
        )
    years = (vectors.part.date[:4], date.date[:4])
    if all(years) and abs(int(years[0]) - int(years[1])) > 2:
        yield Finding(
            severity="note",
            text=f"the vectors in {vectors.part.folder.name} are of {years[0]}, {where} is not: "
            "masks and images will differ where the ground changed",
        )


def _two_dates(one: DateParts, other: DateParts, *, crs: str) -> Iterator[Finding]:
    areas = [
        shapely.union_all(
            _boxes_of(box for part in date.imagery for box in imagery_boxes(part, crs=crs))
        )
        for date in (one, other)
    ]
    if any(area.is_empty for area in areas):
        return
    share = areas[0].intersection(areas[1]).area / min(area.area for area in areas)
    names = f"the imagery{_of(one.date)} and{_of(other.date)}"
    if share < _LITTLE:
        yield Finding(
            severity="warning",
            is_loud=True,
            text=f"{names} share no ground: no place has both dates; check their CRS",
        )
    elif share < _MOST:
        yield Finding(severity="note", text=f"{names} share {share:.0%} of the smaller extent")
    pixels = [date.imagery[0].pixel_m for date in (one, other)]
    if min(pixels) and max(pixels) > 1.5 * min(pixels):
        yield Finding(
            severity="note",
            text=f"pixels are {pixels[0]:g} m{_of(one.date)} and {pixels[1]:g} m{_of(other.date)}; "
            "tiles of both get the same pixels",
        )


def _two_legends(one: DateParts, other: DateParts) -> Iterator[Finding]:
    have = [
        {name for part in date.vectors for layer in part.drawn for name in layer.classes}
        for date in (one, other)
    ]
    if not all(have):
        return
    for date, lacks in ((one, have[1] - have[0]), (other, have[0] - have[1])):
        if lacks:
            yield Finding(
                severity="warning",
                text=f"classes that only the other date has: {', '.join(sorted(lacks))} "
                f"(none{_of(date.date)}); that is a difference of the vectors, not of the ground",
            )


def _without_crs(layers: Sequence[CheckedLayer], ground: Bounds, *, crs: str) -> str:
    names = ", ".join(layer.name for layer in layers[:5]) + ("…" if len(layers) > 5 else "")
    return (
        f"{len(layers)} vector layer(s) say no coordinate system ({names}); give --vector-crs"
        f"{_hint(layers, ground, crs=crs)}"
    )


def _hint(layers: Sequence[CheckedLayer], ground: Bounds, *, crs: str) -> str:
    """Systems in which the layers' numbers would lie on the imagery, if there are some."""
    fitting = fitting_crs([layer.bounds for layer in layers if layer.bounds], ground, crs=crs)
    return f": as {' or '.join(fitting)} they would lie on the imagery" if fitting else ""


def fitting_crs(boxes: Sequence[Bounds], ground: Bounds, *, crs: str) -> list[str]:
    """The usual systems in which `boxes` would meet `ground`, given in `crs`."""
    target, box = pyproj.CRS.from_user_input(crs), union(boxes)
    if box is None:
        return []
    fitting = []
    for name in dict.fromkeys((crs, *_CANDIDATES)):
        source = pyproj.CRS.from_user_input(name)
        numbers_fit = is_metric(source) or max(map(abs, box)) <= 360
        placed = bounds_between(box, source=source, target=target) if numbers_fit else None
        if placed and meet(placed, ground):
            fitting.append(name)
    return fitting


def _share(boxes: Sequence[Bounds], *, within: Bounds) -> float:
    covered = shapely.union_all(_boxes_of(boxes))
    whole = covered.area
    return float(covered.intersection(shapely.box(*within)).area / whole) if whole else 0.0


def _boxes_of(boxes: Iterator[Bounds] | Sequence[Bounds]) -> np.ndarray:
    found: np.ndarray = np.array([shapely.box(*box) for box in boxes], object)
    return found


def _of(date: str) -> str:
    return f" of {date}" if date else ""
