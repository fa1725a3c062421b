"""Votes: the hits of a photo's squares go in, places on which squares agree come out.

Each hit of a square says where the whole photo would lie. Hits of different squares that say the
same, up to what the search can tell, vote together; a hit weighs as much as its score exceeds that
of the last hit of its square, so that squares of water, which look like many places, weigh little.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.querying.cuts import Square
from aerialret.querying.square_poses import whole_pose
from aerialret.retrieval.search import Hit
from aerialret.verification.pose import Pose

_PER_DISTANCE = 0.2  # metres that two squares may disagree by, for each metre between them


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far two hits may differ and still agree.

    Attributes:
        place_m: Between where one square is, and where the other one says that it is.
        turn_deg: Between their turns.
        zoom: Between their ground resolutions, as a factor.
    """

    place_m: float
    turn_deg: float
    zoom: float

    def times(self, factor: float) -> "Tolerance":
        """That share of it."""
        return Tolerance(
            place_m=self.place_m * factor, turn_deg=self.turn_deg * factor, zoom=self.zoom**factor
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One hit of one square.

    Attributes:
        square: Which part of the photo was searched.
        hit: What was found.
        pose: How the square lies then, its centre and turn, and the photo's ground resolution.
        weight: By how much its score exceeds the least of its square's hits.
        searched: The hit of the search that it rests on; None where a second look alone put the
            square there.
    """

    square: Square
    hit: Hit
    pose: Pose
    weight: float
    searched: Hit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Votes for one place.

    Attributes:
        votes: One of each square that agrees, the weightiest first.
        pose: How the whole photo lies then.
    """

    votes: tuple[Vote, ...]
    pose: Pose

    @property
    def weight(self) -> float:
        """Of all votes."""
        return sum(vote.weight for vote in self.votes)

    @property
    def voters(self) -> tuple[tuple[Square, Hit], ...]:
        """The squares that agree by the search alone, and the hit of each."""
        return tuple((vote.square, vote.searched) for vote in self.votes if vote.searched)

    @property
    def score(self) -> float:
        """Mean cosine of the votes."""
        return sum(vote.hit.score for vote in self.votes) / len(self.votes)


def votes_of(
    square: Square, hits: Sequence[Hit], turns_deg: Sequence[float], *, tile_size_m: float
) -> list[Vote]:
    """The votes of one square.

    Args:
        square: Which part of the photo was searched.
        hits: The best first.
        turns_deg: Of the square, for each hit.
        tile_size_m: What it is taken to show where a hit does not tell.
    """
    votes = [
        Vote(
            square=square,
            hit=hit,
            pose=Pose(
                x=hit.x, y=hit.y, rotation_deg=turn,
                metres_per_px=(hit.side_m or tile_size_m) / square.side,
            ),
            weight=0.0,
            searched=hit,
        )
        for hit, turn in zip(hits, turns_deg, strict=True)
    ]  # fmt: skip
    return with_weights(votes)


def with_weights(votes: Sequence[Vote]) -> list[Vote]:
    """The votes of one square, each weighing as much as it scores more than the least of them."""
    least = min((vote.hit.score for vote in votes), default=0.0)
    return [replace(vote, weight=max(vote.hit.score - least, 0.0)) for vote in votes]


def agreements(
    votes: Sequence[Vote], *, tolerance: Tolerance, width: int, height: int, fitted: bool
) -> list[Agreement]:
    """Places that the votes speak for, the weightiest first; each vote speaks for one at most.

    Args:
        votes: Of all squares.
        tolerance: How far they may differ.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.
        fitted: Whether the squares' centres are exact enough to take turn and scale from them.
    """
    agree = _agree(votes, tolerance)
    weights = np.array([vote.weight for vote in votes])
    squares = np.array([_number(vote, votes) for vote in votes])
    left = np.ones(len(votes), bool)
    found = []
    while left.any():
        members = max(
            (
                _party(agree[seed] & left, weights, squares, int(seed))
                for seed in np.flatnonzero(left)
            ),
            key=lambda party: (weights[party].sum(), len(party), -party[0]),
        )
        chosen = tuple(votes[member] for member in members)
        pose = _common_pose(chosen, width=width, height=height, fitted=fitted)
        found.append(Agreement(votes=chosen, pose=pose))
        left[members] = False
    return found


def _agree(votes: Sequence[Vote], tolerance: Tolerance) -> NDArray[np.bool_]:
    """Bool [n, n]: whether the vote of the row says the same as that of the column."""
    poses = [vote.pose for vote in votes]
    turns = np.array([pose.rotation_deg for pose in poses])
    zooms = np.log([pose.metres_per_px for pose in poses])
    places = np.array([complex(pose.x, pose.y) for pose in poses])
    dates = np.array([vote.hit.date for vote in votes])
    apart = _apart(votes)
    step = np.exp(zooms)[:, None] * np.exp(1j * np.radians(turns))[:, None] * apart
    off = np.abs(places[:, None] + step - places)
    turned = np.abs((turns[:, None] - turns + 180) % 360 - 180)
    near: NDArray[np.bool_] = (
        (off <= tolerance.place_m + _PER_DISTANCE * np.abs(step))
        & (turned <= tolerance.turn_deg)
        & (np.abs(zooms[:, None] - zooms) <= math.log(tolerance.zoom))
        & (dates[:, None] == dates)
    )
    return near & near.T


def _apart(votes: Sequence[Vote]) -> NDArray[np.complex128]:
    """Complex [n, n]: from the square of the row to that of the column, in pixels, upwards."""
    centres = np.array([complex(col, -row) for col, row in (vote.square.centre for vote in votes)])
    apart: NDArray[np.complex128] = centres - centres[:, None]
    return apart


def _number(vote: Vote, votes: Sequence[Vote]) -> int:
    """The position of the first vote of the same square."""
    return next(n for n, other in enumerate(votes) if other.square == vote.square)


def _party(
    agreeing: NDArray[np.bool_],
    weights: NDArray[np.float64],
    squares: NDArray[np.int64],
    seed: int,
) -> NDArray[np.int64]:
    """The weightiest agreeing vote of each square, that of the seed's square being the seed."""
    rows = np.flatnonzero(
        agreeing & ((squares != squares[seed]) | (np.arange(len(squares)) == seed))
    )
    order = rows[np.argsort(-weights[rows], kind="stable")]
    _, first = np.unique(squares[order], return_index=True)
    return order[np.sort(first)]


def _common_pose(votes: Sequence[Vote], *, width: int, height: int, fitted: bool) -> Pose:
    """How the whole photo lies by all votes.

    Their centres give a similarity by least squares (Umeyama, PAMI 1991, in the plane, where it is
    one complex division); squares that are not placed that exactly give the mean of their poses.
    """
    weights = np.array([vote.weight for vote in votes]) + 1e-6
    weights /= weights.sum()
    if fitted and len(votes) > 1:
        return _least_squares(votes, weights, width=width, height=height)
    poses = [whole_pose(vote.pose, vote.square, width=width, height=height) for vote in votes]
    turn = np.angle((weights * np.exp(1j * np.radians([p.rotation_deg for p in poses]))).sum())
    return Pose(
        x=float((weights * [pose.x for pose in poses]).sum()),
        y=float((weights * [pose.y for pose in poses]).sum()),
        rotation_deg=math.degrees(turn),
        metres_per_px=math.exp((weights * np.log([p.metres_per_px for p in poses])).sum()),
    )


def _least_squares(
    votes: Sequence[Vote], weights: NDArray[np.float64], *, width: int, height: int
) -> Pose:
    photo = np.array([complex(col, -row) for col, row in (vote.square.centre for vote in votes)])
    ground = np.array([complex(vote.pose.x, vote.pose.y) for vote in votes])
    photo_mean, ground_mean = (weights * photo).sum(), (weights * ground).sum()
    own, there = photo - photo_mean, ground - ground_mean
    factor = (weights * own.conj() * there).sum() / (weights * np.abs(own) ** 2).sum()
    centre = ground_mean + factor * (complex(width / 2, -height / 2) - photo_mean)
    return Pose(
        x=centre.real, y=centre.imag, rotation_deg=math.degrees(np.angle(factor)),
        metres_per_px=float(np.abs(factor)),
    )  # fmt: skip
