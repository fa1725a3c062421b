"""Second looks of an evaluation: a ranking goes in, the same by cells from nearer by comes out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.ranking import Ranking
from aerialret.evaluation.windows import Window, on_the_ground
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import SecondLook, joint_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How first results are looked at again.

    Attributes:
        look: Looks.
        reader: Reads what lies there.
        grid: Of the tiles.
        tiles: Of the gallery.
        date: Of the gallery.
        top: Results of each query that are looked at.
    """

    look: SecondLook
    reader: ReferenceReader
    grid: Grid
    tiles: Sequence[TileId]
    date: str
    top: int

    def again(
        self, photo: TileBatch, rows: NDArray[np.int64], windows: Sequence[Window | None]
    ) -> tuple[NDArray[np.float64], list[Window]]:
        """Scores float64 [k] of a photo and rows of the gallery, and what of each it shows."""
        tiles = [self.tiles[row] for row in rows]
        # The search of a grid model tells a window of every tile, as `SecondLook` makes sure.
        poses = [
            self._pose(window or Window(), t) for window, t in zip(windows, tiles, strict=True)
        ]
        fits = self.look.fits_at(photo, poses, [self.date] * len(poses), self.reader)
        shown = [self._window(fit.pose, tile) for fit, tile in zip(fits, tiles, strict=True)]
        return np.array([fit.score for fit in fits], np.float64), shown

    def _pose(self, window: Window, tile: TileId) -> Pose:
        centre = np.array([window.centre_x, window.centre_y])
        x, y = on_the_ground(centre, tile=tile, grid=self.grid)
        return Pose(
            x=float(x), y=float(y), rotation_deg=-window.rotation_deg,
            metres_per_px=window.side * self.grid.resolution_m,
        )  # fmt: skip

    def _window(self, pose: Pose, tile: TileId) -> Window:
        bounds, size = self.grid.bounds(tile), self.grid.tile_size_m
        return Window(
            centre_x=(pose.x - bounds.left) / size, centre_y=(bounds.top - pose.y) / size,
            side=pose.metres_per_px / self.grid.resolution_m, rotation_deg=-pose.rotation_deg,
        )  # fmt: skip


def looked_again(
    found: Ranking,
    looking: Looking,
    *,
    truth: NDArray[np.int64],
    photo: Callable[[int], TileBatch],
    windows: Callable[[int, NDArray[np.int64]], Sequence[Window | None]],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Ranking, tuple[Mapping[int, Window], ...]]:
    """The ranking by both looks, and what the photo shows of each row that was looked at.

    Args:
        found: How the search ordered the gallery.
        looking: How to look again.
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        photo: A query, alone in a batch.
        windows: What of some rows of the gallery a query shows, by the search.
        progress: Told the queries done and the queries in all.
    """
    ranks, own = found.ranks.copy(), found.own_scores.copy()
    rows, scores = found.nearest.rows.copy(), found.nearest.scores.copy()
    shown = []
    for query in range(len(ranks)):
        there = int((rows[query] != NO_ROW).sum())
        looked = rows[query, : min(looking.top, there)].copy()
        again, where = looking.again(photo(query), looked, windows(query, looked))
        joint = joint_scores(scores[query, :there], again)
        own[query] = _own_score(own[query], again, joint, looked == truth[query])
        order = np.argsort(-joint, kind="stable")
        if ranks[query] != NOT_FOUND and (looked == truth[query]).any():
            ranks[query] = 1 + int(np.flatnonzero(rows[query, order] == truth[query])[0])
        rows[query, :there], scores[query, :there] = rows[query, order], joint[order]
        shown.append(dict(zip(map(int, looked), where, strict=True)))
        if progress:
            progress(query + 1, len(ranks))
    ranking = replace(found, ranks=ranks, nearest=Neighbours(rows, scores), own_scores=own)
    return ranking, tuple(shown)


def _own_score(
    searched: np.float32,
    again: NDArray[np.float64],
    joint: NDArray[np.float32],
    right: NDArray[np.bool_],
) -> np.float32:
    """The right place's score by both looks; see `joint_scores` where it was not looked at."""
    if right.any():
        return np.float32(joint[: len(right)][right][0])
    return np.float32((searched + min(again, default=0.0)) / 2)
