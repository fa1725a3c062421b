"""Searches whose answer is known: photos and a gallery go in, their evidence and outcome come out.

Each photo is searched for twice: in the gallery as it is, and without its place and all that shares
ground with the photo, which makes it a photo from outside. Parts of the gallery drawn at random
show how evidence depends on the number of tiles. That number is told alike of both searches: one
tile less would tell that the place was taken out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.retrieval.evidence import DEPTH, OTHERS, evidence_of, lies_elsewhere
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.grid import Grid, TileId

PARTS = (1.0, 1 / 4, 1 / 16)
"""Shares of the gallery that are searched."""

FEWEST_TILES = 2 * OTHERS
"""Smaller parts of a gallery are not searched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searches:
    """n searches.

    Attributes:
        evidence: float64 [n, 4], see `aerialret.retrieval.evidence`.
        right: bool [n], whether the first result is the photo's place.
        absent: bool [n], whether the place was taken out of the gallery.
        whole: bool [n], whether the gallery was searched as a whole.
        photo: int [n], which photo.
        later: float64 [n, OTHERS], scores of the results after the first; -inf where fewer.
        position: int [n], the right place among these; -1 where it is not.
    """

    evidence: NDArray[np.float64]
    right: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    whole: NDArray[np.bool_]
    photo: NDArray[np.int64]
    later: NDArray[np.float64]
    position: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.right)

    def some(self, rows: NDArray[np.bool_]) -> "Searches":
        """The searches that `rows` (bool [n]) names."""
        return Searches(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def tile_bounds(tiles: Sequence[TileId], *, grid: Grid) -> NDArray[np.float64]:
    """Left, bottom, right and top of each tile: float64 [m, 4]."""
    return np.array([grid.bounds(tile) for tile in tiles], np.float64).reshape(-1, 4)


def joined(parts: list[Searches]) -> Searches:
    """All searches of all parts, of which there is one at least."""
    names = [each.name for each in fields(Searches)]
    return Searches(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in names})


def searches_of(
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    bounds: NDArray[np.float64],
    neutral: Sequence[NDArray[np.int64] | None],
    first_photo: int = 0,
    seed: int,
) -> Searches:
    """The searches of n photos.

    Args:
        scores: float32 [n, m], of each photo and each tile of the gallery.
        truth: int [n], the row of each photo's place.
        bounds: float64 [m, 4], left, bottom, right and top of the gallery's tiles.
        neutral: For each photo, rows of the gallery that share ground with it without being its
            place.
        first_photo: Number of the first photo.
        seed: Seed of the parts of the gallery.
    """
    scores = scores.copy()
    for row, beside in enumerate(neutral):
        if beside is not None:
            scores[row, beside] = -np.inf
    order = np.random.default_rng(seed).permutation(len(bounds))
    found = []
    for part in PARTS:
        kept = order[: round(part * len(order))]
        if part < 1 and len(kept) < FEWEST_TILES:
            continue
        for absent in (False, True):
            some = _only(scores, kept, truth, absent=absent)
            found.append(
                _outcome(some, truth, bounds, tiles=len(kept), absent=absent, whole=part == 1)
            )
    numbers = first_photo + np.tile(np.arange(len(scores)), len(found))
    return replace(joined(found), photo=numbers)


def searches_of_lists(
    rows: NDArray[np.int64],
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    *,
    bounds: NDArray[np.float64],
    first_photo: int = 0,
) -> Searches:
    """The searches of n photos in the whole gallery, by their first results alone.

    Args:
        rows: int [n, k], tiles of the gallery, the best first; `NO_ROW` where there are fewer.
        scores: float32 [n, k], theirs.
        truth: int [n], the row of each photo's place; -1 where the gallery lacks it.
        bounds: float64 [m, 4], of the gallery's tiles, as for `searches_of`.
        first_photo: Number of the first photo.
    """
    there = rows != NO_ROW
    beside = there & (rows != truth[:, None])
    found = []
    for kept, absent in ((there, False), (beside, True)):
        order, ranked = _moved_up(rows, scores, kept)
        found.append(
            _ranked(order, ranked, truth, bounds, tiles=len(bounds), absent=absent, whole=True)
        )
    return replace(joined(found), photo=first_photo + np.tile(np.arange(len(rows)), 2))


def _moved_up(
    rows: NDArray[np.int64], scores: NDArray[np.float32], kept: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The first `DEPTH` of the results that are kept, in their order; scores -inf where fewer."""
    order = np.argsort(~kept, axis=1, kind="stable")[:, :DEPTH]
    found: NDArray[np.int64] = np.take_along_axis(np.where(kept, rows, 0), order, axis=1)
    left = np.where(kept, scores, np.float32(-np.inf))
    return found, np.take_along_axis(left, order, axis=1)


def _only(
    scores: NDArray[np.float32],
    kept: NDArray[np.int64],
    truth: NDArray[np.int64],
    *,
    absent: bool,
) -> NDArray[np.float32]:
    """The scores of the tiles that are kept, and, or without, that of each photo's place."""
    some = np.full_like(scores, -np.inf)
    some[:, kept] = scores[:, kept]
    rows = np.arange(len(scores))
    some[rows, truth] = -np.inf if absent else scores[rows, truth]
    return some


def _outcome(
    scores: NDArray[np.float32],
    truth: NDArray[np.int64],
    bounds: NDArray[np.float64],
    *,
    tiles: int,
    absent: bool,
    whole: bool,
) -> Searches:
    """One search of each photo, in the tiles whose score is finite."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    ranked = np.take_along_axis(scores, order, axis=1)
    return _ranked(order, ranked, truth, bounds, tiles=tiles, absent=absent, whole=whole)


def _ranked(
    order: NDArray[np.int64],
    ranked: NDArray[np.float32],
    truth: NDArray[np.int64],
    bounds: NDArray[np.float64],
    *,
    tiles: int,
    absent: bool,
    whole: bool,
) -> Searches:
    """One search of each photo by its first results; scores are -inf where there are fewer."""
    later = np.full((len(ranked), OTHERS), -np.inf)
    some = ranked[:, 1 : OTHERS + 1]
    later[:, : some.shape[1]] = some
    is_right = (order == truth[:, None]) & np.isfinite(ranked)
    among = is_right[:, 1 : OTHERS + 1]
    return Searches(
        evidence=evidence_of(ranked, lies_elsewhere(bounds[order]), gallery=tiles),
        right=is_right[:, 0],
        absent=np.full(len(ranked), absent),
        whole=np.full(len(ranked), whole),
        photo=np.zeros(len(ranked), np.int64),
        later=later,
        position=np.where(among.any(axis=1), among.argmax(axis=1), -1),
    )
