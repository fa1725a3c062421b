"""Matches: a location and a picture of the map go in, lines between photo and map come out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.verification.location import ControlPoints, Location
from aerialret.verification.pose import Matrix, moved

GAP_PX = 24
_FEWEST_OTHERS = 12  # are drawn even beside many lines that agree
_LISTED = 12


@dataclass(frozen=True, slots=True)
class MatchLine:
    """A line from a place in the photo to its counterpart on the map, in pixels of the figure."""

    x1: float
    y1: float
    x2: float
    y2: float
    agrees: bool


@dataclass(frozen=True, slots=True)
class PointRow:
    """A control point: col and row in the photo, x and y on the map, its residual in metres."""

    col: float
    row: float
    x: float
    y: float
    residual_m: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchFigure:
    """Photo and map side by side with lines between them.

    Attributes:
        photo: Id of the photo's picture in the page.
        chart: Id of the map's.
        width: Of the figure, in pixels.
        height: Of the figure, in pixels.
        chart_left: Where the map begins.
        photo_scale: By which the photo's picture is drawn.
        lines: Those that disagree first, so that the others lie on top.
        told: What is drawn, in words.
        worst: The control points with the largest residuals, the largest first.
    """

    photo: str
    chart: str
    width: int
    height: int
    chart_left: int
    photo_scale: float
    lines: tuple[MatchLine, ...]
    told: str
    worst: tuple[PointRow, ...]


def match_figure(
    location: Location,
    *,
    photo: str,
    photo_size: tuple[int, int],
    to_photo: Matrix,
    chart: str,
    chart_px: int,
    to_view: Matrix,
    most: int,
) -> MatchFigure:
    """The figure of a location's matches, with at most `most` lines.

    Args:
        location: In pixels of the photo's file.
        photo: Id of the photo's picture in the page.
        photo_size: Its width and height in pixels.
        to_photo: float64 [3, 3], from the photo's file to that picture.
        chart: Id of the map's picture.
        chart_px: Its side in pixels.
        to_view: From the map to the map's picture.
        most: Lines.
    """
    scale = min(chart_px / photo_size[0], chart_px / photo_size[1])
    onto = np.diag([scale, scale, 1.0]) @ to_photo
    left = round(photo_size[0] * scale) + GAP_PX
    kept = _shares(len(location.points), len(location.others), most)
    lines: list[MatchLine] = []
    beyond = 0
    for points, count, agrees in (
        (location.others, kept[1], False), (location.points, kept[0], True),
    ):  # fmt: skip
        ends = _ends(points.evenly(count), onto, to_view)
        inside = (ends >= 0).all(axis=1) & (ends <= chart_px).all(axis=1)
        beyond += int((~inside).sum())
        lines += [
            MatchLine(float(x1), float(y1), float(left + x2), float(y2), agrees)
            for x1, y1, x2, y2 in ends[inside].round(1)
        ]
    return MatchFigure(
        photo=photo, chart=chart, width=left + chart_px, height=chart_px, chart_left=left,
        photo_scale=scale, lines=tuple(lines), told=_told(location, lines, beyond),
        worst=_worst(location),
    )  # fmt: skip


def _ends(points: ControlPoints, onto: Matrix, to_view: Matrix) -> NDArray[np.float64]:
    """float64 [n, 4]: place in the photo's picture and in the map's."""
    return np.hstack([moved(points.photo, onto), moved(points.map, to_view)])


def _shares(inliers: int, others: int, most: int) -> tuple[int, int]:
    """How many lines of each are drawn: those that agree first, but never those alone."""
    rest = min(others, max(most - inliers, min(_FEWEST_OTHERS, most)))
    return min(inliers, max(most - rest, 0)), rest


def _told(location: Location, lines: list[MatchLine], beyond: int) -> str:
    agreeing = sum(line.agrees for line in lines)
    others = location.matches - location.inliers
    told = (
        f"{location.inliers} of {location.matches} matches agree ({agreeing} drawn), "
        f"{others} do not ({len(lines) - agreeing} drawn)"
    )
    return f"{told}; {beyond} lead beyond the map shown" if beyond else told


def _worst(location: Location) -> tuple[PointRow, ...]:
    residuals = location.residuals_m
    rows = np.argsort(-residuals, kind="stable")[:_LISTED]
    points = location.points
    return tuple(
        PointRow(*(float(v) for v in (*points.photo[n], *points.map[n], residuals[n])))
        for n in rows
    )
