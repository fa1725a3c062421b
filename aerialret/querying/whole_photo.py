"""Hits of a photo's squares go in, hits of the whole photo come out: one square's, or their votes.

The place of a hit is where the photo's own centre lies, its side what the photo's shorter side
shows, whichever part of the photo was searched.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.querying.cuts import Square
from aerialret.querying.scan import Scan
from aerialret.querying.second_looks import SecondLooks
from aerialret.querying.square_poses import whole_pose
from aerialret.querying.voted_looks import SquareSeen, agreed_again
from aerialret.querying.voting import Agreement, Tolerance, agreements, votes_of
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import TileId
from aerialret.verification.pose import Pose

HITS_OF_A_CUT = 10
"""Hits of each square that vote."""

_LEAST_TURN_DEG = 12.0
_ZOOM = 1.35  # from one scale that is compared to the next but one


Answer: TypeAlias = tuple[str, str]
"""Place and date of a hit."""

Voters: TypeAlias = tuple[tuple[Square, Hit], ...]
"""Squares that agree, and the hit of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voted:
    """What the squares of a photo found.

    Attributes:
        hits: Of each square, by the search alone, the best first.
        voters: The squares that agree on each answer by the search alone.
        exact: Whether the hits tell where in its tile a square lies.
    """

    hits: Mapping[Square, tuple[Hit, ...]]
    voters: Mapping[Answer, Voters]
    exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The hits of one photo.

    Attributes:
        hits: The best first.
        turns_deg: Of the photo, for each hit.
        voted: What its squares found and which of them agree; None where there was one square.
    """

    hits: tuple[Hit, ...]
    turns_deg: tuple[float, ...]
    voted: Voted | None = None

    @property
    def votes(self) -> dict[Answer, int] | None:
        """How many squares agree on each answer; None where there was one square."""
        if self.voted is None:
            return None
        return {key: len(voters) for key, voters in self.voted.voters.items()}


def of_one_square(
    scan: Scan, square: Square, hits: Sequence[Hit], turns_deg: Sequence[float]
) -> Found:
    """The hits of the whole photo by those of one square of it."""
    placed = [_placed(scan, square, *pair) for pair in zip(hits, turns_deg, strict=True)]
    return Found(hits=tuple(placed), turns_deg=tuple(turns_deg))


def by_votes(
    scan: Scan,
    index: Index,
    found: Sequence[SquareSeen],
    *,
    top: int,
    rotations: int,
    selected: NDArray[np.bool_] | None = None,
    looks: SecondLooks | None = None,
) -> Found:
    """The hits of the whole photo on which its squares agree.

    Args:
        scan: The photo.
        index: Where it was searched.
        found: Of each square.
        top: Hits that are kept.
        rotations: Turns that were tried.
        selected: The rows of the index that may be found; None for all.
        looks: Looks at the first places again.
    """
    size_m = index.grid.tile_size_m
    votes = [
        vote
        for seen in found
        for vote in votes_of(
            seen.square, seen.hits[:HITS_OF_A_CUT], seen.turns_deg[:HITS_OF_A_CUT],
            tile_size_m=size_m,
        )
    ]  # fmt: skip
    exact = index.model.config.is_grid
    tolerance = _tolerance(found, size_m, rotations, exact=exact)
    agreed = agreements(
        votes, tolerance=tolerance, width=scan.width, height=scan.height, fitted=exact
    )
    if looks:
        agreed = agreed_again(
            agreed, found, looks, tolerance=tolerance, width=scan.width, height=scan.height
        )
    hits: dict[Answer, tuple[Hit, float, Voters]] = {}
    for each in agreed:
        hit = _agreed_hit(each, scan, index, selected, rank=len(hits) + 1)
        key = hit.place, hit.date
        if key not in hits and len(hits) < top:
            hits[key] = hit, each.pose.rotation_deg % 360, each.voters
    return Found(
        hits=tuple(hit for hit, _, _ in hits.values()),
        turns_deg=tuple(turn for _, turn, _ in hits.values()),
        voted=Voted(
            hits={seen.square: tuple(seen.hits) for seen in found},
            voters={key: voters for key, (_, _, voters) in hits.items()},
            exact=exact,
        ),
    )


def _placed(scan: Scan, square: Square, hit: Hit, turn_deg: float) -> Hit:
    if hit.side_m is None:
        return hit
    own = Pose(x=hit.x, y=hit.y, rotation_deg=turn_deg, metres_per_px=hit.side_m / square.side)
    whole = whole_pose(own, square, width=scan.width, height=scan.height)
    factor = min(scan.width, scan.height) / square.side
    return replace(hit, x=whole.x, y=whole.y, side_m=hit.side_m * factor)


def _tolerance(
    found: Sequence[SquareSeen],
    tile_size_m: float,
    rotations: int,
    *,
    exact: bool,
) -> Tolerance:
    """What the search can tell: a fifth of a square by cells, else hardly more than the tile."""
    sides = [hit.side_m or tile_size_m for seen in found for hit in seen.hits[:HITS_OF_A_CUT]]
    turn_deg = max(1.5 * 360 / rotations, _LEAST_TURN_DEG) if rotations > 1 else 180.0
    place_m = 0.2 * float(np.median(sides)) if exact else 0.75 * tile_size_m
    return Tolerance(place_m=place_m, turn_deg=min(turn_deg, 180.0), zoom=_ZOOM)


def _agreed_hit(
    agreed: Agreement,
    scan: Scan,
    index: Index,
    selected: NDArray[np.bool_] | None,
    *,
    rank: int,
) -> Hit:
    """The hit that names the tile of the photo's centre, or of its weightiest square."""
    first, pose = agreed.votes[0].hit, agreed.pose
    if first.side_m is None and len(agreed.votes) == 1:
        return replace(first, rank=rank)  # a pooled descriptor tells the tile and no more
    tile = index.grid.tile_at(x=pose.x, y=pose.y)
    tile = tile if _holds(index, tile, first.date, selected) else first.tile
    return replace(
        first, rank=rank, place=tile.place, col=tile.col, row=tile.row,
        bounds=index.grid.bounds(tile), score=agreed.score, x=pose.x, y=pose.y,
        side_m=pose.metres_per_px * min(scan.width, scan.height),
    )  # fmt: skip


def _holds(index: Index, tile: TileId, date: str, selected: NDArray[np.bool_] | None) -> bool:
    tiles = index.tiles
    there = (tiles["col"] == tile.col) & (tiles["row"] == tile.row) & (tiles["date"] == date)
    held = there.to_numpy(bool)
    return bool((held if selected is None else held & selected).any())
