"""The queries of an evaluation: tiles, a protocol and a seed go in, photos with their truth out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.errors import NothingToDoError
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.protocols import CutQueries, Photographed, cut_queries, photographed
from aerialret.evaluation.windows import ALIGNED
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.tileset import TileSet

_TOUCHING = 1e-6  # of a square's area: below it a photo and a square only touch


@dataclass(frozen=True, slots=True, kw_only=True)
class Photos:
    """n photos that are asked about.

    Attributes:
        tiles: Each photo is cut out of one of these.
        dates: Of the photos and of the gallery.
        protocol: How they are cut, see `aerialret.evaluation.protocols`.
        seed: Seed of the cutting.
        shown: Where they lie.
        truth: int [n], the row of each photo's place in the gallery; -1 where it has none.
        neutral: Rows of the gallery that are neither right nor wrong, by photo; see
            `overlapping_neighbours`.
    """

    tiles: tuple[TileId, ...]
    dates: Dates
    protocol: str
    seed: int
    shown: Photographed
    truth: NDArray[np.int64]
    neutral: Mapping[int, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.tiles)

    def cut(self, tileset: TileSet, rows: slice) -> CutQueries:
        """The pixels of some of the photos."""
        return cut_queries(
            tileset,
            date=self.dates.queries,
            tiles=self.tiles[rows],
            protocol=self.protocol,
            seed=self.seed,
        )


def photos_of(
    tileset: TileSet,
    *,
    dates: Dates,
    protocol: str = ALIGNED,
    seed: int,
    tiles: Sequence[TileId] | None = None,
) -> Photos:
    """A photo of each of `tiles`, all of the queries' date by default.

    Raises:
        NothingToDoError: No photo has its place in the gallery.
        ConfigurationError: There is no such protocol.
    """
    asked = tuple(tileset.tiles(dates.queries) if tiles is None else tiles)
    gallery = tileset.tiles(dates.gallery)
    rows = {tile: row for row, tile in enumerate(gallery)}
    truth = np.array([rows.get(tile, -1) for tile in asked], np.int64)
    if not (truth >= 0).any():
        raise NothingToDoError(
            f"no place of {dates.queries} has a tile at {dates.gallery} in {tileset.folder}; "
            "choose other dates"
        )
    shown = photographed(tileset.grid, tiles=asked, protocol=protocol, seed=seed)
    neutral = overlapping_neighbours(shown.corners_m, gallery, grid=tileset.grid, truth=truth)
    return Photos(
        tiles=asked, dates=dates, protocol=protocol, seed=seed, shown=shown, truth=truth,
        neutral=neutral,
    )  # fmt: skip


def overlapping_neighbours(
    corners_m: NDArray[np.float64],
    gallery: Sequence[TileId],
    *,
    grid: Grid,
    truth: NDArray[np.int64],
) -> dict[int, NDArray[np.int64]]:
    """The rows of the gallery that share ground with a photo without being its place, by photo.

    They are neither right nor wrong. A photo that was cut out of one tile of the grid has none.

    Args:
        corners_m: float64 [n, 4, 2], the photos' footprints in the grid's CRS.
        gallery: Tiles of the gallery.
        grid: Their grid.
        truth: int [n], the row of each photo's place; -1 where it has none.
    """
    squares = np.array([shapely.box(*grid.bounds(tile)) for tile in gallery], object)
    photos, rows = overlapping(corners_m, squares)
    other = rows != truth[photos]
    photos, rows = photos[other], rows[other]
    return {int(photo): np.sort(rows[photos == photo]) for photo in np.unique(photos)}


def overlapping(
    corners_m: NDArray[np.float64], squares: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of photos and squares that share ground: int64 [k] photos, and int64 [k] squares.

    Args:
        corners_m: float64 [n, 4, 2], the photos' footprints.
        squares: Polygons [m], in the same CRS.
    """
    footprints = np.array([shapely.Polygon(corners) for corners in corners_m], object)
    photos, rows = shapely.STRtree(squares).query(footprints, predicate="intersects")
    shared = shapely.area(shapely.intersection(footprints[photos], squares[rows]))
    found = shared > _TOUCHING * shapely.area(squares[rows])
    return photos[found], rows[found]
