"""What came of a service: local files, what is missing of them, and what is worth saying."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from shapely.geometry.base import BaseGeometry


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFiles:
    """The files that stand for a service's answer from now on.

    Attributes:
        paths: Rasters or vector layers, in a fixed order.
        missing: A line for each part that should be there and is not, with numbers.
        notes: Lines for a person: what was dropped, empty or assumed.
        lacking: Ground whose features are not complete, in the CRS of the area.
        within: Polygons outside which the service holds no features; None: it holds them all.
        intervals: First and last day on which the content of a file was flown, where known.
    """

    paths: tuple[Path, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lacking: tuple[BaseGeometry, ...] = ()
    within: Path | None = None
    intervals: Mapping[Path, tuple[date, date]] = field(default_factory=dict)
