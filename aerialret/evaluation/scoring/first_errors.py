"""Errors of first answers: answers and the truth of photos go in, how far off they lie comes out.

The corners of an answer are those of the square that it tells: x, y, rotation_deg and side_m, the
ground on the photo's shorter side.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.evaluation.pose_errors import PoseErrors, pose_errors
from aerialret.evaluation.protocols import Photographed
from aerialret.querying.photo_pixels import open_photo
from aerialret.verification.pose import Pose, as_square, corners, moved


def first_errors(
    first: pd.DataFrame, table: pd.DataFrame, queries: pd.Series
) -> tuple[PoseErrors, int]:
    """The errors of the first answers, and of how many photos the size is known.

    Args:
        first: The first answer of each photo, by query.
        table: Of the truth.
        queries: The query of each photo of the truth; null where it was not asked about.
    """
    count, sized = len(table), 0
    found, true = np.full((count, 4, 2), np.nan), np.full((count, 4, 2), np.nan)
    centres = np.full((count, 2), np.nan)
    for row in np.flatnonzero(queries.notna() & queries.isin(first.index)):
        answer, known = first.loc[queries[row]], table.loc[row]
        centres[row] = answer["x"], answer["y"]
        size = _size(str(queries[row]))
        sized += size is not None
        own = [answer.get(name) for name in ("x", "y", "rotation_deg", "side_m")]
        theirs = [known[name] for name in ("x", "y", "rotation_deg", "metres_per_px")]
        told = pd.Series([*own, *theirs], dtype=float)
        if size is None or told.isna().any():
            continue
        x, y, turn_deg, side_m, true_x, true_y, true_turn_deg, metres_per_px = map(float, told)
        found[row] = _corners(x, y, turn_deg, side_m / min(size), size)
        true[row] = _corners(true_x, true_y, -true_turn_deg, metres_per_px, size)
    truth = Photographed(
        centres_m=table[["x", "y"]].to_numpy(float), corners_m=true,
        rotation_deg=table["rotation_deg"].to_numpy(),
        metres_per_px=table["metres_per_px"].to_numpy(),
    )  # fmt: skip
    return pose_errors(centres, found, truth), sized


def _corners(
    x: float, y: float, turn_deg: float, metres_per_px: float, size: tuple[int, int]
) -> NDArray[np.float64]:
    width, height = size
    pose = Pose(x=float(x), y=float(y), rotation_deg=turn_deg, metres_per_px=metres_per_px)
    matrix = as_square(pose.to_map(width=width, height=height))
    return moved(corners(width=width, height=height), matrix)


def _size(query: str) -> tuple[int, int] | None:
    """Width and height of the photo; None where its file is not there."""
    if not Path(query).is_file():
        return None
    with open_photo(Path(query)) as photo:
        return photo.width, photo.height
