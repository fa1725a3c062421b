"""Second looks at voted places: places that squares agree on go in, in a better order they come.

Every square of the photo is looked at where each place would have it, whether it voted for that
place or not; then they vote again, by both looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from aerialret.querying.cuts import Square
from aerialret.querying.second_looks import SecondLooks
from aerialret.querying.square_poses import square_pose
from aerialret.querying.voting import (
    Agreement,
    Tolerance,
    Vote,
    agreements,
    with_weights,
)
from aerialret.retrieval.search import Hit
from aerialret.tiles.pixel_store import TileBatch

PLACES_LOOKED_AT = 5
"""Voted places that are looked at again, at most: each by all squares of the photo."""

_SHARPER = 0.5  # of what the search can tell: what a second look can tell


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareSeen:
    """A square of a photo and what the search found of it.

    Attributes:
        square: Which part of the photo.
        pixels: It, alone in a batch.
        hits: The best first.
        turns_deg: Of the square, for each hit.
    """

    square: Square
    pixels: TileBatch
    hits: Sequence[Hit]
    turns_deg: Sequence[float]


def agreed_again(
    agreed: Sequence[Agreement],
    squares: Sequence[SquareSeen],
    looks: SecondLooks,
    *,
    tolerance: Tolerance,
    width: int,
    height: int,
) -> list[Agreement]:
    """Places that the squares speak for by both looks, then those that were not looked at.

    Args:
        agreed: By the search alone, the weightiest first.
        squares: Of the photo.
        looks: Looks again.
        tolerance: How far hits of the search may differ.
        width: Of the photo, in pixels.
        height: Of the photo, in pixels.
    """
    places = agreed[: min(PLACES_LOOKED_AT, looks.top)]
    votes = [
        vote
        for seen in squares
        for vote in with_weights(_votes_again(places, seen, looks, width=width, height=height))
    ]
    again = agreements(
        votes, tolerance=tolerance.times(_SHARPER), width=width, height=height, fitted=True
    )
    return [*again, *agreed[len(places) :]]


def _votes_again(
    places: Sequence[Agreement], seen: SquareSeen, looks: SecondLooks, *, width: int, height: int
) -> list[Vote]:
    """One square's vote for each place: their score is the mean of both looks.

    A place that is not among the square's hits counts as the last of them in the search.
    """
    poses = [square_pose(each.pose, seen.square, width=width, height=height) for each in places]
    dates = [each.votes[0].hit.date for each in places]
    fits = looks.fits(seen.pixels, poses, dates, side=seen.square.side)
    votes = []
    for place, fit in zip(places, fits, strict=True):
        own = dict(place.voters).get(seen.square)
        searched = own.score if own else min(hit.score for hit in seen.hits)
        hit = replace(
            own or place.votes[0].hit, x=fit.pose.x, y=fit.pose.y,
            side_m=fit.pose.metres_per_px * seen.square.side, score=(searched + fit.score) / 2,
        )  # fmt: skip
        votes.append(Vote(square=seen.square, hit=hit, pose=fit.pose, weight=0.0, searched=own))
    return votes
