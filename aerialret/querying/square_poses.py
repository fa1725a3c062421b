"""Poses of squares: the pose of a square of a photo goes in, that of the photo comes, and back."""

import math

from aerialret.querying.cuts import Square
from aerialret.verification.pose import Pose


def whole_pose(pose: Pose, square: Square, *, width: int, height: int) -> Pose:
    """The pose of a whole photo by that of a square of it.

    Args:
        pose: Of the square.
        square: Of the photo.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.
    """
    col, row = square.centre
    x, y = _moved(pose, width / 2 - col, height / 2 - row)
    return Pose(x=x, y=y, rotation_deg=pose.rotation_deg, metres_per_px=pose.metres_per_px)


def square_pose(pose: Pose, square: Square, *, width: int, height: int) -> Pose:
    """The inverse of `whole_pose`: the pose of a square by that of the whole photo."""
    col, row = square.centre
    x, y = _moved(pose, col - width / 2, row - height / 2)
    return Pose(x=x, y=y, rotation_deg=pose.rotation_deg, metres_per_px=pose.metres_per_px)


def _moved(pose: Pose, across: float, down: float) -> tuple[float, float]:
    """Where a point lies that is so many pixels off the centre of `pose`."""
    turn = math.radians(pose.rotation_deg)
    cosine, sine = pose.metres_per_px * math.cos(turn), pose.metres_per_px * math.sin(turn)
    return pose.x + cosine * across + sine * down, pose.y + sine * across - cosine * down
