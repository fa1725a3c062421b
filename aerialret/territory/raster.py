"""Layers on pixels: in go geometries and a window, out come coverage and values by pixel."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import rasterio.features
import rasterio.transform
import shapely
from numpy.typing import NDArray

from aerialret.territory.noise import PixelWindow

Plane = NDArray[np.float32]

GDAL_LOCK = threading.Lock()
"""Held while GDAL works: with two threads inside, rasterio now and then reads a dataset as not
georeferenced (a stray NotGeoreferencedWarning in one of a thousand calls, rasterio 1.4.4)."""


@dataclass(frozen=True, slots=True)
class Layer:
    """Polygons that can be drawn in any window."""

    geometry: NDArray[np.object_]
    tree: shapely.STRtree = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", shapely.STRtree(self.geometry))

    def within(self, window: PixelWindow) -> NDArray[np.intp]:
        """Positions of the polygons that touch the window, in their order."""
        return np.sort(self.tree.query(shapely.box(*window.bounds)))

    def coverage(self, window: PixelWindow, *, supersampling: int = 2) -> Plane:
        """float32 [height, width]: the covered share of each pixel."""
        chosen = self.geometry[self.within(window)]
        shape = (window.height * supersampling, window.width * supersampling)
        if not len(chosen):
            return np.zeros((window.height, window.width), np.float32)
        drawn = _rasterized(
            chosen, out_shape=shape, transform=_transform(window, supersampling), dtype=np.uint8
        )
        if supersampling == 1:
            return np.asarray(drawn, np.float32)
        total = np.zeros((window.height, window.width), np.uint16)
        for place in np.ndindex(supersampling, supersampling):
            total += drawn[place[0] :: supersampling, place[1] :: supersampling]
        return np.asarray(total, np.float32) / np.float32(supersampling**2)

    def positions(self, window: PixelWindow, *, all_touched: bool = False) -> NDArray[np.int32]:
        """int32 [height, width]: the position of the last polygon on each pixel, -1 for none."""
        chosen = self.within(window)
        shape = (window.height, window.width)
        if not len(chosen):
            return np.full(shape, -1, np.int32)
        pairs = zip(self.geometry[chosen], chosen.tolist(), strict=True)
        drawn: NDArray[np.int32] = _rasterized(
            pairs,
            out_shape=shape,
            transform=_transform(window, 1),
            fill=-1,
            dtype=np.int32,
            all_touched=all_touched,
        )
        return drawn


def crowns(
    window: PixelWindow, xy: NDArray[np.float64], radius_m: NDArray[np.float64]
) -> tuple[Plane, Plane]:
    """Coverage [height, width] by round crowns, and the height of their domes from 0 to 1."""
    cover = np.zeros((window.height, window.width), np.float32)
    dome = np.zeros_like(cover)
    reach = int(np.ceil(6.0 / window.gsd_m)) + 1
    col = (xy[:, 0] - window.left_m) / window.gsd_m
    row = (window.top_m - xy[:, 1]) / window.gsd_m
    seen = (
        (col > -reach)
        & (col < window.width + reach)
        & (row > -reach)
        & (row < window.height + reach)
    )
    col, row, radius = col[seen], row[seen], radius_m[seen] / window.gsd_m
    step = np.arange(-reach, reach + 1)
    cols = np.floor(col).astype(int)[:, None, None] + step[None, None, :]
    rows = np.floor(row).astype(int)[:, None, None] + step[None, :, None]
    gap = np.hypot(cols + 0.5 - col[:, None, None], rows + 0.5 - row[:, None, None])
    near = np.clip(radius[:, None, None] - gap + 0.5, 0, 1)
    high = np.sqrt(np.clip(1 - (gap / (radius[:, None, None] + 0.5)) ** 2, 0, 1))
    inside = (near > 0) & (cols >= 0) & (cols < window.width) & (rows >= 0) & (rows < window.height)
    rows, cols = np.broadcast_arrays(rows, cols)
    np.maximum.at(cover, (rows[inside], cols[inside]), near[inside].astype(np.float32))
    np.maximum.at(dome, (rows[inside], cols[inside]), high[inside].astype(np.float32))
    return cover, dome


def softened(plane: Plane, *, rounds: int = 1, share: float = 0.25) -> Plane:
    """The plane after a small separable blur [share, 1 - 2 share, share], repeated."""
    out = plane
    for _ in range(rounds):
        for axis in (0, 1):
            out = _blur_axis(out, axis, np.float32(share))
    return out


def _blur_axis(plane: Plane, axis: int, share: np.float32) -> Plane:
    out = plane * (1 - 2 * share)
    ahead: list[slice] = [slice(None)] * plane.ndim
    behind = list(ahead)
    ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
    out[tuple(behind)] += share * plane[tuple(ahead)]
    out[tuple(ahead)] += share * plane[tuple(behind)]
    edge: Sequence[int] = (0, -1)
    for end in edge:
        at = list(ahead)
        at[axis] = end  # type: ignore[call-overload]
        out[tuple(at)] += share * plane[tuple(at)]
    return np.asarray(out, np.float32)


def _transform(window: PixelWindow, supersampling: int) -> rasterio.transform.Affine:
    side = window.gsd_m / supersampling
    return rasterio.transform.from_origin(window.left_m, window.top_m, side, side)


def _rasterized(shapes: Iterable[Any], **options: Any) -> NDArray[Any]:
    with GDAL_LOCK:
        return np.asarray(rasterio.features.rasterize(shapes, **options))
