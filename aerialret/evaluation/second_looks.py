"""Second looks of an evaluation: a ranking goes in, the same by cells from nearer by comes out."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.ranking import Ranking
from aerialret.evaluation.windows import Window, on_the_ground
from aerialret.retrieval.candidates import Candidate
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.retrieval.vector_index import NO_ROW, Neighbours
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification.counting import counted
from aerialret.verification.looking import behind, looked_at, sure_of
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import Fit, SecondLook


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A row of the gallery where a photo may lie.

    Attributes:
        row: Of the gallery; the same row may be seen several times.
        searched: The row's score by the search.
        window: What of the tile it shows.
    """

    row: int
    searched: float
    window: Window

    @classmethod
    def of(cls, candidate: Candidate) -> "Seen":
        """A candidate as an evaluation speaks of it."""
        fit = candidate.fit
        window = Window(
            centre_x=fit.x, centre_y=fit.y, side=fit.scale, rotation_deg=-candidate.turn_deg
        )
        return cls(row=candidate.row, searched=candidate.searched, window=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looking:
    """How candidates are looked at again.

    Attributes:
        look: Looks.
        reader: Reads what lies there.
        grid: Of the tiles.
        tiles: Of the gallery.
        date: Of the gallery.
        thorough: Whether to look at all candidates, however sure of one.
    """

    look: SecondLook
    reader: ReferenceReader
    grid: Grid
    tiles: Sequence[TileId]
    date: str
    thorough: bool = False

    def again(self, photo: TileBatch, candidates: Iterable[Seen]) -> list[tuple[Seen, Fit]]:
        """How a photo fits its candidates, as far as there was need to look; the best first."""

        def look(some: Sequence[Seen]) -> list[Fit]:
            poses = [self.pose(each.window, self.tiles[each.row]) for each in some]
            return self._fits(photo, poses, some)

        return looked_at(
            candidates, look, place=lambda each: each.row,
            again=lambda each, pose: self._fits(photo, [pose], [each])[0],
            sure=math.inf if self.thorough else sure_of(self.look),
        )  # fmt: skip

    def _fits(self, photo: TileBatch, poses: Sequence[Pose], seen: Sequence[Seen]) -> list[Fit]:
        fits = self.look.fits_at(photo, poses, [self.date] * len(poses), self.reader)
        return [
            counted(
                fit, tile=self.grid.bounds(self.tiles[each.row]), photo_px=self.grid.tile_px,
                is_reranked=self.look.is_reranked,
            )
            for fit, each in zip(fits, seen, strict=True)
        ]  # fmt: skip

    def pose(self, window: Window, tile: TileId) -> Pose:
        """Where a photo lies that shows this window of a tile."""
        centre = np.array([window.centre_x, window.centre_y])
        x, y = on_the_ground(centre, tile=tile, grid=self.grid)
        return Pose(
            x=float(x), y=float(y), rotation_deg=-window.rotation_deg,
            metres_per_px=window.side * self.grid.resolution_m,
        )  # fmt: skip

    def window(self, seen: Seen, fit: Fit) -> Window:
        """What of a candidate's tile the photo shows by a second look."""
        pose, bounds = fit.pose, self.grid.bounds(self.tiles[seen.row])
        size = self.grid.tile_size_m
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
    candidates: Callable[[int], Iterable[Seen]],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Ranking, tuple[Mapping[int, Window], ...]]:
    """The ranking by the second look, and what the photo shows of each row that was looked at.

    Args:
        found: How the search ordered the gallery.
        looking: How to look again.
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        photo: A query, alone in a batch.
        candidates: What is looked at again for a query, the best first.
        progress: Told the queries done and the queries in all.
    """
    ranks, own = found.ranks.copy(), found.own_scores.copy()
    rows, scores = found.nearest.rows.copy(), found.nearest.scores.copy()
    shown = []
    for query in range(len(ranks)):
        best = _best_of_each_row(looking.again(photo(query), candidates(query)))
        there = rows[query, : int((rows[query] != NO_ROW).sum())].copy()
        left = ~np.isin(there, list(best))
        looked = np.array([fit.score for _, fit in best.values()], np.float32)
        rest = behind(looked, scores[query, : len(there)][left])
        order = np.concatenate([np.array(list(best), np.int64), there[left]])[: rows.shape[1]]
        rows[query, : len(order)] = order
        scores[query, : len(order)] = np.concatenate([looked, rest])[: len(order)]
        if ranks[query] != NOT_FOUND:
            ranks[query] = _rank(int(ranks[query]), int(truth[query]), own[query], best)
        if int(truth[query]) in best:
            own[query] = best[int(truth[query])][1].score
        else:
            own[query] = behind(looked, own[query : query + 1])[0]
        shown.append({row: looking.window(*pair) for row, pair in best.items()})
        if progress:
            progress(query + 1, len(ranks))
    ranking = replace(found, ranks=ranks, nearest=Neighbours(rows, scores), own_scores=own)
    return ranking, tuple(shown)


def _best_of_each_row(looked: Sequence[tuple[Seen, Fit]]) -> dict[int, tuple[Seen, Fit]]:
    """The rows that were looked at, in the order of `looked`, the best first."""
    best: dict[int, tuple[Seen, Fit]] = {}
    for seen, fit in looked:
        best.setdefault(seen.row, (seen, fit))
    return best


def _rank(searched: int, truth: int, own: np.float32, best: Mapping[int, tuple[Seen, Fit]]) -> int:
    """The rank of the right place after a second look.

    Where it was not looked at, all that were are before it, and of the others those that were
    before it in the search.
    """
    if truth in best:
        return 1 + list(best).index(truth)
    ahead = sum(1 for seen, _ in best.values() if seen.searched >= own)
    return max(searched - ahead, 1) + len(best)
