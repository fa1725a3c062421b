"""A location: where a photo lies on the map, how sure that is, and what speaks for it."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.verification.pose import Matrix, Pose, corners, moved
from aerialret.verification.transform import Kind, offsets

MOST_OTHERS = 100
"""Pairs that do not agree which a location keeps; there may be thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPoints:
    """m places that were found in the photo and on the map.

    Attributes:
        photo: float64 [m, 2], col and row in the photo.
        map: float64 [m, 2], x and y in the map's CRS.
    """

    photo: NDArray[np.float64]
    map: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.photo)

    @classmethod
    def none(cls) -> "ControlPoints":
        """No places."""
        return cls(photo=np.empty((0, 2)), map=np.empty((0, 2)))

    def some(self, rows: NDArray[np.generic]) -> "ControlPoints":
        """Those of `rows`: numbers, or true where they are kept."""
        return ControlPoints(photo=self.photo[rows], map=self.map[rows])

    def evenly(self, count: int) -> "ControlPoints":
        """At most `count` of them, evenly taken."""
        rows = np.linspace(0, len(self) - 1, min(count, len(self))).round().astype(int)
        return self.some(rows)

    def scaled(self, across: float, down: float) -> "ControlPoints":
        """The same for a copy of the photo that is so many times as wide and high."""
        return ControlPoints(photo=self.photo * [across, down], map=self.map)


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A photo on the map.

    Attributes:
        kind: What the transform is.
        matrix: float64 [3, 3], from the photo's pixels (col, row) to the map (x, y).
        points: The control points that agree with it.
        matches: Pairs that there were to agree.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.
        rounds: How often the photo was warped by the fit and matched again.
        aligned: Whether intensities moved the fit at the end.
        doubt: Why it is not believable; empty where it is.
        score: Mean cosine of photo and map, where they were compared cell by cell.
        others: Some of the pairs that do not agree, for people to look at: at most `MOST_OTHERS`.
    """

    kind: Kind
    matrix: Matrix
    points: ControlPoints
    matches: int
    width: int
    height: int
    rounds: int = 0
    aligned: bool = False
    doubt: str = ""
    score: float | None = None
    others: ControlPoints = field(default_factory=ControlPoints.none)

    @property
    def believable(self) -> bool:
        """Whether enough agrees, on something that a photo can be."""
        return not self.doubt

    @property
    def inliers(self) -> int:
        """Control points."""
        return len(self.points)

    @property
    def residuals_m(self) -> NDArray[np.float64]:
        """Distance of each control point on the map from where the fit puts it: float64 [m]."""
        return offsets(self.matrix, self.points.photo, self.points.map)

    @property
    def rmse_m(self) -> float:
        """Root of the mean squared residual, in metres; not a number without control points."""
        if not len(self.points):
            return float("nan")
        return float(np.sqrt(np.mean(np.square(self.residuals_m))))

    @property
    def corners(self) -> NDArray[np.float64]:
        """The photo's corners on the map: float64 [4, 2], clockwise from its upper left."""
        return moved(corners(width=self.width, height=self.height), self.matrix)

    @property
    def pose(self) -> Pose:
        """The similarity nearest to the fit at the photo's centre."""
        return Pose.of(self.matrix, width=self.width, height=self.height)

    def resized(self, *, width: int, height: int) -> "Location":
        """The same for a copy of the photo of another size."""
        across, down = width / self.width, height / self.height
        stretch = np.diag([1 / across, 1 / down, 1.0])
        matrix: Matrix = self.matrix @ stretch
        return replace(
            self, matrix=matrix, points=self.points.scaled(across, down),
            others=self.others.scaled(across, down), width=width, height=height,
        )  # fmt: skip
