"""Records: the answer to one photo goes in, all that outputs need of it comes out.

A record holds no pixels of the photo but its thumbnail, and no path: a box of photos may be asked
about from another folder, or lie on another disk, the next time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.querying.answers import as_table, columns_of, properties, results
from aerialret.querying.batch.file_state import FileState
from aerialret.querying.batch.thumbnail import LONGEST_PX, thumbnail
from aerialret.querying.judgement import verdict_of
from aerialret.querying.located import best_location
from aerialret.querying.photo_pixels import read_pixels
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.calibration import ABSENT, FOUND, UNCERTAIN
from aerialret.retrieval.search import Hit
from aerialret.verification.location import Location
from aerialret.verification.pose import Pose, as_square, corners, moved

REJECTED, PENDING = "rejected", "not asked yet"

Ring = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRecord:
    """What is kept of one photo.

    Attributes:
        name: The photo, see `PhotoFile.name`.
        file: The state of its file.
        seconds: How long it took; None where it was asked about together with others.
        status: `FOUND` if an answer is verified, or probable enough; `UNCERTAIN`; `ABSENT`.
        crs: CRS of all coordinates.
        notes: What was assumed, cut off or left out.
        table: Its block of the table, without the path that the block begins with.
        columns: Of the flat results, see `answers.columns_of`.
        results: As `answers.properties` gives them, the best first; `query` is empty.
        width_px: Of the file.
        height_px: Of the file.
        metres_per_px: Ground resolution, as far as it is known.
        outline: Corners on the map, clockwise from the photo's upper left; empty where it is not
            located: of the photo where verified, else of the square that the search saw.
        location: How the photo lies on the map, where that is verified.
        thumbnail: A small JPEG.
    """

    name: str
    file: FileState
    seconds: float | None
    status: str
    crs: str
    notes: tuple[str, ...]
    table: str
    columns: tuple[str, ...]
    results: tuple[Mapping[str, Any], ...]
    width_px: int
    height_px: int
    metres_per_px: float | None
    outline: Ring
    location: Location | None
    thumbnail: bytes

    def results_of(self, path: Path) -> list[dict[str, Any]]:
        """The results with the path that the photo has now."""
        return [{**values, "query": str(path)} for values in self.results]

    def table_of(self, path: Path) -> str:
        """The block of the table, likewise."""
        return f"{path}{self.table}"


def record_of(
    answer: PhotoAnswer, *, name: str, path: Path, file: FileState, seconds: float | None
) -> PhotoRecord:
    """What is kept of `answer`.

    Raises:
        UnreadableInputError: The photo cannot be read to its end.
    """
    pixels = read_pixels(path, longest_px=LONGEST_PX)
    nameless = replace(answer, query="")
    best = best_location(answer)
    status = status_of(answer)
    hit = best[0] if best else answer.hits[0] if answer.hits and status != ABSENT else None
    location = best[1] if best else None
    return PhotoRecord(
        name=name,
        file=file,
        seconds=None if seconds is None else round(seconds, 3),
        status=status,
        crs=answer.crs,
        notes=answer.notes,
        table=as_table([nameless]),
        columns=columns_of([answer]),
        results=tuple(properties(*each) for each in results([nameless])),
        width_px=pixels.width,
        height_px=pixels.height,
        metres_per_px=_metres_per_px(answer, hit, location, min(pixels.width, pixels.height)),
        outline=_outline(answer, hit, location),
        location=location,
        thumbnail=thumbnail(pixels),
    )


def status_of(answer: PhotoAnswer) -> str:
    """`FOUND`, `UNCERTAIN` or `ABSENT`: what is verified is found, whatever else is said of it."""
    if best_location(answer) is not None:
        return FOUND
    if not answer.hits:
        return ABSENT
    return verdict_of(answer) or UNCERTAIN


def _outline(answer: PhotoAnswer, hit: Hit | None, location: Location | None) -> Ring:
    if hit is None:
        return ()
    ring = location.corners if location else _searched(hit, answer.turns_deg[hit.rank - 1])
    return tuple((float(x), float(y)) for x, y in ring)


def _searched(hit: Hit, turn_deg: float) -> NDArray[np.float64]:
    """Corners of the square that the search saw; of the tile's size where it tells none."""
    side_m = hit.side_m or hit.bounds.right - hit.bounds.left
    pose = Pose(x=hit.x, y=hit.y, rotation_deg=turn_deg, metres_per_px=side_m)
    return moved(corners(width=1, height=1), as_square(pose.to_map(width=1, height=1)))


def _metres_per_px(
    answer: PhotoAnswer, hit: Hit | None, location: Location | None, shorter_px: int
) -> float | None:
    if location is not None:
        return location.pose.metres_per_px
    if hit is None or hit.side_m is None or answer.photo.window is not None:
        return None  # of a georeferenced photo the search saw a tile's window, not all
    return hit.side_m / shorter_px
