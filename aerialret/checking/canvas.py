"""What a map shows: the report goes in, rectangles in one system come out, for any drawing."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyproj
import shapely

from aerialret.checking.dates import DateParts, by_date
from aerialret.checking.extents import bounds_between, meet, union
from aerialret.checking.imagery import Imagery
from aerialret.checking.lattice import Lattice
from aerialret.checking.report import CheckReport
from aerialret.checking.together import imagery_boxes, vector_extent
from aerialret.tiles.grid import Bounds

_SAME = 0.99
_MARGIN = 0.5  # of the imagery's side: how far vectors beyond it are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class DateGround:
    """The ground of one date, in the map's system.

    Attributes:
        date: The date; empty where no name tells it.
        format: Formats of the files, as in `GTiff`.
        sheets: The rectangles of the usable files.
        cells: The ground that each file stands for: more than its own where all keep a distance.
        density: The share of the cells that is imagery.
        missing: Sheets that are missing from their lattice.
        damaged: Sheets that cannot be used, where their place is known.
        vectors: The rectangles around the vectors of each delivery.
    """

    date: str
    format: str
    sheets: tuple[Bounds, ...]
    cells: tuple[Bounds, ...]
    density: float
    missing: tuple[Bounds, ...]
    damaged: tuple[Bounds, ...]
    vectors: tuple[Bounds, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """Everything that a map shows.

    Attributes:
        crs: The system of all rectangles.
        extent: The rectangle that the map shows.
        dates: The ground of each date.
        is_beyond: Whether vectors lie outside the map.
    """

    crs: str
    extent: Bounds
    dates: tuple[DateGround, ...]
    is_beyond: bool


def canvas_of(report: CheckReport, *, vector_crs: str = "") -> Canvas | None:
    """What a map of the report shows, or None where nothing has an extent."""
    dates = [
        _ground(date, crs=report.crs, vector_crs=vector_crs)
        for date in by_date(report.imagery, report.vectors)
    ]
    if not report.imagery:
        boxes = [
            vector_extent(part, crs=report.crs, given_crs=vector_crs) for part in report.vectors
        ]
        alone = tuple(box for box in boxes if box)
        dates = [
            DateGround(
                date="",
                format="",
                sheets=(),
                cells=(),
                density=1.0,
                missing=(),
                damaged=(),
                vectors=alone,
            )
        ]
    sheets = union(box for date in dates for box in (*date.sheets, *date.missing, *date.damaged))
    vectors = [box for date in dates for box in date.vectors]
    extent = _extent(sheets, vectors)
    if extent is None:
        return None
    beyond = any(not meet(box, extent) for box in vectors)
    return Canvas(crs=report.crs, extent=extent, dates=tuple(dates), is_beyond=beyond)


def _ground(date: DateParts, *, crs: str, vector_crs: str) -> DateGround:
    boxes = [vector_extent(part, crs=crs, given_crs=vector_crs) for part in date.vectors]
    sheets = tuple(box for part in date.imagery for box in imagery_boxes(part, crs=crs))
    cells = _cells(date.imagery, sheets)
    formats = {file.format for part in date.imagery for file in part.usable}
    return DateGround(
        date=date.date,
        format=" and ".join(sorted(formats)),
        sheets=sheets,
        cells=cells,
        density=_area(sheets) / _area(cells) if cells else 1.0,
        missing=_moved(date.imagery, "missing", crs=crs),
        damaged=_moved(date.imagery, "unusable", crs=crs),
        vectors=tuple(box for box in boxes if box),
    )


def _moved(imagery: Sequence[Imagery], name: str, *, crs: str) -> tuple[Bounds, ...]:
    """Rectangles of all imagery, in the map's system."""
    found = []
    for part in imagery:
        if part.crs:
            source, target = (pyproj.CRS.from_user_input(text) for text in (part.crs, crs))
            boxes: tuple[Bounds, ...] = getattr(part, name)
            found += [bounds_between(box, source=source, target=target) for box in boxes]
    return tuple(box for box in found if box)


def same_ground(canvas: Canvas) -> list[list[DateGround]]:
    """The dates in groups that show the same ground, so that one map does for each group."""
    groups: list[list[DateGround]] = []
    for date in canvas.dates:
        like = [group for group in groups if _is_same(group[0], date)]
        if like:
            like[0].append(date)
        else:
            groups.append([date])
    return groups


def named_dates(group: Sequence[DateGround], *, most: int) -> str:
    """The dates of a group, in at most `most` letters where that can be."""
    named = [date.date for date in group if date.date]
    text = ", ".join(named)
    return text if len(text) <= most else f"{len(named)} dates, {named[0]}..{named[-1]}"


def _is_same(one: DateGround, other: DateGround) -> bool:
    return all(
        _alike(getattr(one, name), getattr(other, name))
        for name in ("sheets", "missing", "damaged", "vectors")
    )


def _alike(one: Sequence[Bounds], other: Sequence[Bounds]) -> bool:
    areas = [shapely.union_all([shapely.box(*box) for box in boxes]) for boxes in (one, other)]
    whole = areas[0].union(areas[1]).area
    return bool(areas[0].intersection(areas[1]).area >= _SAME * whole)


def _cells(imagery: Sequence[Imagery], sheets: Sequence[Bounds]) -> tuple[Bounds, ...]:
    """The rectangles of sheets, grown to the next sheet where all keep the same distance."""
    lattice = imagery[0].lattice if len(imagery) == 1 else None
    if lattice is None:
        return tuple(sheets)
    width, height = lattice.pitch
    return tuple(
        Bounds(
            box.left,
            min(box.bottom, box.top - height),
            max(box.right, box.left + width),
            box.top,
        )
        if _keeps_distance(lattice)
        else box
        for box in sheets
    )


def _keeps_distance(lattice: Lattice) -> bool:
    return any(
        pitch > 1.01 * side for pitch, side in zip(lattice.pitch, lattice.sheet, strict=True)
    )


def _area(boxes: Sequence[Bounds]) -> float:
    return sum(box.width * box.height for box in boxes)


def _extent(sheets: Bounds | None, vectors: Sequence[Bounds]) -> Bounds | None:
    if sheets is None:
        return _with_area(union(vectors))
    reach = Bounds(
        sheets.left - _MARGIN * sheets.width,
        sheets.bottom - _MARGIN * sheets.height,
        sheets.right + _MARGIN * sheets.width,
        sheets.top + _MARGIN * sheets.height,
    )
    near = [_clipped(box, reach) for box in vectors if meet(box, reach)]
    return union([sheets, *near])


def _clipped(box: Bounds, to: Bounds) -> Bounds:
    return Bounds(
        max(box.left, to.left),
        max(box.bottom, to.bottom),
        min(box.right, to.right),
        min(box.top, to.top),
    )


def _with_area(box: Bounds | None) -> Bounds | None:
    if box is None or (box.width and box.height):
        return box
    return Bounds(box.left - 1, box.bottom - 1, box.right + 1, box.top + 1)
