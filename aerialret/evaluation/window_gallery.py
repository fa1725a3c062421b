"""A gallery of windows: an index's windows and photos go in, the score of each tile comes out.

A tile stands with the best of its windows. Windows of other tiles that show ground of the photo are
neither right nor wrong, as overlapping neighbours are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.evaluation.photo_answers import windows_of
from aerialret.evaluation.photos import Photos, overlapping
from aerialret.evaluation.ranking import Ranking, Similarity, rank_gallery
from aerialret.evaluation.windows import Window, on_the_ground
from aerialret.network.checkpoint import Model
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import Grid, TileId

_BLOCK = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowGallery:
    """The windows of one date.

    Attributes:
        vectors: float32 [m, R].
        tile_rows: int64 [m], the row of each window's place among the date's tiles; ascending.
        tiles: Of the date.
        grid: Theirs.
        squares: Polygons [m], what each shows, in the grid's CRS.
        shares: float64 [m, 3], x and y of its centre, downwards, and its side, as shares of its
            tile's side from the tile's upper left.
    """

    vectors: Descriptors
    tile_rows: NDArray[np.int64]
    tiles: tuple[TileId, ...]
    grid: Grid
    squares: NDArray[np.object_]
    shares: NDArray[np.float64]

    @classmethod
    def of(cls, index: Index, *, date: str, tiles: Sequence[TileId]) -> "WindowGallery":
        """The windows of `date` in an index, whose `tiles` of that date are these."""
        chosen = np.flatnonzero(index.tiles["date"] == date)
        table = index.tiles.iloc[chosen]
        number = {tile: row for row, tile in enumerate(tiles)}
        cells = [TileId(int(c), int(r)) for c, r in zip(table["col"], table["row"], strict=True)]
        rows = np.array([number[cell] for cell in cells], np.int64)
        order = np.argsort(rows, kind="stable")
        squares = table.geometry.to_numpy()[order]
        return cls(
            vectors=index.vectors.vectors()[chosen[order]], tile_rows=rows[order],
            tiles=tuple(tiles), grid=index.grid, squares=squares,
            shares=_shares(squares, [cells[at] for at in order], index),
        )  # fmt: skip

    def ranked(
        self, queries: NDArray[np.float32], *, photos: Photos, similarity: Similarity, top: int
    ) -> Ranking:
        """How the tiles are ordered for each photo, see `rank_gallery`."""
        return rank_gallery(
            self.scores(queries, photos=photos, similarity=similarity),
            np.empty((len(self.tiles), 0), np.float32), photos.truth, neutral=photos.neutral,
            top=top, similarity=lambda scores, _: scores.copy(),
        )  # fmt: skip

    def scores(
        self, queries: NDArray[np.float32], *, photos: Photos, similarity: Similarity
    ) -> NDArray[np.float32]:
        """The score of each photo and tile, -inf where it has no window that counts.

        Args:
            queries: float32 [n, V, R], the vectors of `photos`.
            photos: What they are of.
            similarity: Scores of queries and windows.

        Returns:
            float32 [n, tiles].
        """
        best = np.full((len(queries), len(self.tiles)), -np.inf, np.float32)
        present, starts = np.unique(self.tile_rows, return_index=True)
        neutral = self._neutral(photos)
        for start in range(0, len(queries), _BLOCK):
            part = slice(start, start + _BLOCK)
            scores = similarity(queries[part], self.vectors)
            for row in range(len(scores)):
                scores[row, neutral.get(start + row, [])] = -np.inf
            best[part, present] = np.maximum.reduceat(scores, starts, axis=1)
        return best

    def shown(
        self,
        query: NDArray[np.float32],
        tile_rows: NDArray[np.int64],
        *,
        model: Model,
        rotations: int,
        similarity: Similarity,
    ) -> list[Window]:
        """What of each of some tiles a photo (float32 [V, R]) shows, by its best window there.

        Args:
            query: The photo's vectors.
            tile_rows: int64 [k].
            model: Described them.
            rotations: Turns that were tried.
            similarity: Scores of queries and windows.
        """
        best = []
        for tile_row in tile_rows:
            own = np.flatnonzero(self.tile_rows == tile_row)
            best.append(own[similarity(query[None], self.vectors[own])[0].argmax()])
        rows = np.array(best, np.int64)
        within = windows_of(query, self.vectors, rows, model=model, rotations=rotations)
        return [self._on_tile(int(row), seen) for row, seen in zip(rows, within, strict=True)]

    def placed_corners_m(
        self,
        queries: NDArray[np.float32],
        first: NDArray[np.int64],
        *,
        model: Model,
        rotations: int,
        similarity: Similarity,
    ) -> NDArray[np.float64]:
        """Corners of what each photo shows by its first result, from the photo's upper left on.

        Args:
            queries: float32 [n, V, R].
            first: int64 [n], rows of the tiles; `NO_ROW` for none.
            model: Described them.
            rotations: Turns that were tried.
            similarity: Scores of queries and windows.

        Returns:
            float64 [n, 4, 2], x and y in the tile set's CRS; NaN where there is no result.
        """
        corners = np.full((len(queries), 4, 2), np.nan)
        for photo in np.flatnonzero(first != NO_ROW):
            (seen,) = self.shown(
                queries[photo], first[photo : photo + 1], model=model, rotations=rotations,
                similarity=similarity,
            )  # fmt: skip
            tile = self.tiles[first[photo]]
            corners[photo] = on_the_ground(seen.corners(), tile=tile, grid=self.grid)
        return corners

    def _on_tile(self, row: int, within: Window | None) -> Window:
        """What a photo shows of a window, as shares of the tile's side; the window if not told."""
        seen = within or Window()
        across, down, side = (float(value) for value in self.shares[row])
        return Window(
            centre_x=across + (seen.centre_x - 0.5) * side,
            centre_y=down + (seen.centre_y - 0.5) * side,
            side=seen.side * side,
            rotation_deg=seen.rotation_deg,
        )

    def _neutral(self, photos: Photos) -> dict[int, NDArray[np.int64]]:
        """The windows of other tiles that show ground of a photo, by photo."""
        truth = photos.truth
        near, rows = overlapping(photos.shown.corners_m, self.squares)
        other = (self.tile_rows[rows] != truth[near]) & (truth[near] >= 0)
        near, rows = near[other], rows[other]
        return {int(photo): rows[near == photo] for photo in np.unique(near)}


def _shares(
    squares: NDArray[np.object_], cells: Sequence[TileId], index: Index
) -> NDArray[np.float64]:
    bounds = shapely.bounds(squares).reshape(-1, 4)
    corners = np.array([index.grid.bounds(cell)[::3] for cell in cells]).reshape(-1, 2)
    size = index.grid.tile_size_m
    across = (bounds[:, [0, 2]].mean(axis=1) - corners[:, 0]) / size
    down = (corners[:, 1] - bounds[:, [1, 3]].mean(axis=1)) / size
    return np.column_stack([across, down, (bounds[:, 2] - bounds[:, 0]) / size])
