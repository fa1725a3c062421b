"""The pose of a photo: where its centre lies, its turn and its ground resolution; a matrix comes.

Pixel coordinates here and wherever photos meet maps are GDAL's: (0, 0) is the upper left corner of
the upper left pixel, whose centre is (0.5, 0.5).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError

Matrix = NDArray[np.float64]
"""float64 [3, 3]: a transform of homogeneous points."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """How a photo lies on the map, as a similarity.

    Attributes:
        x: Easting of the photo's centre, in the map's CRS.
        y: Northing of the photo's centre.
        rotation_deg: Counter-clockwise turn that brings the photo to north up.
        metres_per_px: Ground resolution of the photo.
    """

    x: float
    y: float
    rotation_deg: float
    metres_per_px: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.rotation_deg, self.metres_per_px)
        if not all(map(math.isfinite, values)) or self.metres_per_px <= 0:
            raise ConfigurationError(
                f"{self} is no pose: all four must be finite, and metres_per_px above 0"
            )

    @classmethod
    def of(cls, matrix: NDArray[np.float64], *, width: int, height: int) -> "Pose":
        """The pose whose similarity is nearest to `matrix` at the photo's centre.

        Args:
            matrix: float64 [2, 3] or [3, 3], from the photo's pixels to the map.
            width: Of the photo, in pixels.
            height: Of the photo, in pixels.
        """
        (x, y), jacobian = moved_with_jacobian(as_square(matrix), width / 2, height / 2)
        # With rows counted downwards, a similarity is [[c, s], [s, -c]].
        cosine, sine = (
            (jacobian[0, 0] - jacobian[1, 1]) / 2,
            (jacobian[1, 0] + jacobian[0, 1]) / 2,
        )
        return cls(
            x=x,
            y=y,
            rotation_deg=math.degrees(math.atan2(sine, cosine)),
            metres_per_px=math.hypot(cosine, sine),
        )

    def to_map(self, *, width: int, height: int) -> NDArray[np.float64]:
        """float64 [2, 3], from the pixels (col, row) of a photo of this size to the map (x, y)."""
        cosine = self.metres_per_px * math.cos(math.radians(self.rotation_deg))
        sine = self.metres_per_px * math.sin(math.radians(self.rotation_deg))
        turn = np.array([[cosine, sine], [sine, -cosine]])
        shift = np.array([self.x, self.y]) - turn @ [width / 2, height / 2]
        return np.column_stack([turn, shift])

    def to_photo(self, *, width: int, height: int) -> NDArray[np.float64]:
        """float64 [2, 3], the inverse of `to_map`."""
        return inverse(as_square(self.to_map(width=width, height=height)))[:2]


def as_square(matrix: NDArray[np.float64]) -> Matrix:
    """`matrix` (float64 [2, 3] or [3, 3]) as float64 [3, 3]."""
    return np.vstack([matrix[:2], [0.0, 0.0, 1.0] if len(matrix) == 2 else matrix[2]])


def inverse(matrix: Matrix) -> Matrix:
    """The way back."""
    return np.asarray(np.linalg.inv(matrix), np.float64)


def moved(points: NDArray[np.floating], matrix: Matrix) -> NDArray[np.float64]:
    """Where `matrix` puts the points: float64 [m, 2]."""
    homogeneous = points.astype(np.float64) @ matrix[:, :2].T + matrix[:, 2]
    result: NDArray[np.float64] = homogeneous[:, :2] / homogeneous[:, 2:]
    return result


def moved_with_jacobian(
    matrix: Matrix, x: float, y: float
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    """Where `matrix` puts the point x, y, and its derivative there (float64 [2, 2])."""
    u, v, w = matrix @ [x, y, 1.0]
    place = u / w, v / w
    jacobian = (matrix[:2, :2] - np.outer(place, matrix[2, :2])) / w
    return (float(place[0]), float(place[1])), jacobian


def corners(*, width: float, height: float) -> NDArray[np.float64]:
    """The corners of a picture in pixels: float64 [4, 2], clockwise from the upper left."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def shift_scale(*, x: float = 0.0, y: float = 0.0, scale: float = 1.0) -> Matrix:
    """The matrix that scales, then shifts."""
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]], np.float64)
