"""Areas with class codes as flat arrays: polygons go in, what a scanline filler reads comes out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.ingestion.vectors.ground_shapes import Geometries
from aerialret.tiles.palette import PAINT_ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Areas:
    """n areas; rings follow each other, and an area's holes are rings as its outlines are.

    Attributes:
        codes: uint8 [n], class codes.
        rings: int64 [n + 1]: area i has the rings from rings[i] up to rings[i + 1].
        points: int64 [rings + 1]: ring j has the points from points[j] up to points[j + 1].
        xy: float64 [points, 2], closed rings, in the tile set's CRS.
        boxes: float64 [n, 4]: left, bottom, right, top of each.
    """

    codes: NDArray[np.uint8]
    rings: NDArray[np.int64]
    points: NDArray[np.int64]
    xy: NDArray[np.float64]
    boxes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def size_bytes(self) -> int:
        """Memory that the arrays take."""
        return sum(array.nbytes for array in self._arrays().values())

    @classmethod
    def of(cls, geometries: Geometries, codes: NDArray[np.uint8]) -> "Areas":
        """The areas of polygons and multipolygons, in their order."""
        parts, part_of = shapely.get_parts(geometries, return_index=True)
        rings, ring_of = shapely.get_rings(parts, return_index=True)
        xy, point_of = shapely.get_coordinates(rings, return_index=True)
        area_of_ring = part_of[ring_of] if len(rings) else np.empty(0, np.int64)
        return cls(
            codes=np.asarray(codes, np.uint8),
            rings=_starts(area_of_ring, len(geometries)),
            points=_starts(point_of, len(rings)),
            xy=xy.reshape(-1, 2),
            boxes=shapely.bounds(geometries).reshape(-1, 4),
        )

    @classmethod
    def joined(cls, parts: Sequence["Areas"]) -> "Areas":
        """The areas of several, one after the other."""
        if len(parts) == 1:
            return parts[0]
        rings = _joined_starts([part.rings for part in parts])
        points = _joined_starts([part.points for part in parts])
        return cls(
            codes=np.concatenate([np.empty(0, np.uint8), *(part.codes for part in parts)]),
            rings=rings,
            points=points,
            xy=np.concatenate([np.empty((0, 2)), *(part.xy for part in parts)]),
            boxes=np.concatenate([np.empty((0, 4)), *(part.boxes for part in parts)]),
        )

    def take(self, chosen: NDArray[np.int64]) -> "Areas":
        """Some of the areas, in the order of `chosen`."""
        rings, ring_starts = _gathered(self.rings, chosen)
        points, point_starts = _gathered(self.points, rings)
        return Areas(
            codes=self.codes[chosen],
            rings=ring_starts,
            points=point_starts,
            xy=self.xy[points],
            boxes=self.boxes[chosen],
        )

    def in_paint_order(self) -> "Areas":
        """The areas from the bottom to the top; those of one class keep their order."""
        ranks = np.full(256, len(PAINT_ORDER))
        ranks[list(PAINT_ORDER)] = np.arange(len(PAINT_ORDER))
        return self.take(np.argsort(ranks[self.codes], kind="stable"))

    def fingerprint(self) -> str:
        """SHA-256 of the areas in their order."""
        digest = hashlib.sha256()
        for array in self._arrays().values():
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def save(self, path: Path) -> None:
        """Writes the areas to a file."""
        with path.open("wb") as stream:
            np.savez(stream, **self._arrays())  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> "Areas":
        """The areas that `save` wrote."""
        with np.load(path) as stored:
            return cls(**stored)

    def _arrays(self) -> dict[str, NDArray[np.generic]]:
        return {
            "codes": self.codes, "rings": self.rings, "points": self.points, "xy": self.xy,
            "boxes": self.boxes,
        }  # fmt: skip


def no_areas() -> Areas:
    """None at all."""
    return Areas.of(np.empty(0, object), np.empty(0, np.uint8))


def _starts(owners: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Where the members of each owner begin, and the end."""
    sizes = np.bincount(owners, minlength=count) if count else np.empty(0, np.int64)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _joined_starts(parts: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    sizes = [np.diff(part) for part in parts]
    return np.concatenate([[0], np.cumsum(np.concatenate([np.empty(0, np.int64), *sizes]))]).astype(
        np.int64
    )


def _gathered(
    starts: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The members of the chosen owners, and where those of each begin among them."""
    sizes = starts[chosen + 1] - starts[chosen]
    begins = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = np.arange(begins[-1]) + np.repeat(starts[chosen] - begins[:-1], sizes)
    return members, begins
