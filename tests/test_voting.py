import math
from collections.abc import Sequence

import numpy as np
import pytest

from aerialret.querying.cuts import Box, Square, cut_squares
from aerialret.querying.square_poses import whole_pose
from aerialret.querying.voting import Agreement, Tolerance, Vote, agreements, votes_of
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds
from aerialret.verification.pose import Pose, moved

WIDTH, HEIGHT, SIDE = 900, 700, 300
SQUARES = cut_squares(Box(left=0, top=0, right=WIDTH, bottom=HEIGHT), side=SIDE, most=9)
TRUTH = Pose(x=900_310.0, y=6_800_150.0, rotation_deg=130.0, metres_per_px=0.43)
TOLERANCE = Tolerance(place_m=0.2 * SIDE * 0.43, turn_deg=22.5, zoom=1.35)


def hit(x: float, y: float, *, score: float, side_m: float | None, date: str = "2004") -> Hit:
    bounds = Bounds(x - 128, y - 128, x + 128, y + 128)
    return Hit(
        rank=1, place="c0_r0", col=0, row=0, date=date, score=score, bounds=bounds, x=x, y=y,
        side_m=side_m,
    )  # fmt: skip


def right_hit(square: Square, *, score: float = 0.7, date: str = "2004", off_m: float = 0.0) -> Hit:
    """What a search finds that sees where the square lies."""
    to_map = TRUTH.to_map(width=WIDTH, height=HEIGHT)
    (x, y) = moved(np.array([square.centre]), np.vstack([to_map, [0, 0, 1]]))[0]
    side_m = square.side * TRUTH.metres_per_px
    return hit(x + off_m, y - off_m, score=score, side_m=side_m, date=date)


def cast(found: Sequence[tuple[Square, Sequence[tuple[Hit, float]]]]) -> list[Vote]:
    return [
        vote
        for square, pairs in found
        for vote in votes_of(
            square, [one for one, _ in pairs], [turn for _, turn in pairs], tile_size_m=256.0
        )
    ]


def agreed(votes: Sequence[Vote], *, fitted: bool = True) -> list[Agreement]:
    return agreements(votes, tolerance=TOLERANCE, width=WIDTH, height=HEIGHT, fitted=fitted)


def last(score: float = 0.4) -> tuple[Hit, float]:
    """A hit anywhere, which says how much a square's hits score at least."""
    return hit(0.0, 0.0, score=score, side_m=100.0), 0.0


def random_hits(count: int, *, seed: int) -> list[tuple[Hit, float]]:
    random = np.random.default_rng(seed)
    return [
        (
            hit(
                900_000 + random.uniform(0, 5000), 6_800_000 + random.uniform(0, 5000),
                score=random.uniform(0.5, 0.75), side_m=random.uniform(100, 250),
            ),
            float(random.choice(24) * 15),
        )
        for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("turn_deg", [0.0, 50.0, 180.0, 299.0])
def test_the_pose_of_a_square_gives_that_of_the_photo(turn_deg: float) -> None:
    photo = Pose(x=500.0, y=-70.0, rotation_deg=turn_deg, metres_per_px=0.43)
    to_map = np.vstack([photo.to_map(width=WIDTH, height=HEIGHT), [0, 0, 1]])
    for square in SQUARES:
        x, y = moved(np.array([square.centre]), to_map)[0]
        own = Pose(x=x, y=y, rotation_deg=turn_deg, metres_per_px=0.43)
        whole = whole_pose(own, square, width=WIDTH, height=HEIGHT)
        assert (whole.x, whole.y) == pytest.approx((500, -70))
        assert (whole.rotation_deg, whole.metres_per_px) == (turn_deg, 0.43)


def test_squares_that_agree_outvote_better_scores_that_do_not() -> None:
    found = [
        (square, [*random_hits(6, seed=n), (right_hit(square, score=0.6), 135.0), last()])
        for n, square in enumerate(SQUARES)
    ]
    first, second = agreed(cast(found))[:2]
    assert len(first.votes) == len(SQUARES)
    assert len(second.votes) < 4
    assert (first.pose.x, first.pose.y) == pytest.approx((TRUTH.x, TRUTH.y), abs=0.01)
    # 135 degrees was the nearest turn that was tried; the squares' places tell more.
    assert first.pose.rotation_deg == pytest.approx(TRUTH.rotation_deg, abs=0.01)
    assert first.pose.metres_per_px == pytest.approx(TRUTH.metres_per_px, rel=1e-4)
    assert first.score == pytest.approx(0.6)


def test_places_that_are_off_a_little_are_averaged() -> None:
    found = [
        (square, [(right_hit(square, off_m=(-1) ** n * 9.0), 130.0), last()])
        for n, square in enumerate(SQUARES)
    ]
    first = agreed(cast(found))[0]
    assert len(first.votes) == len(SQUARES)
    assert math.hypot(first.pose.x - TRUTH.x, first.pose.y - TRUTH.y) < 5


@pytest.mark.parametrize(
    ("turn_deg", "zoom", "shift_m"), [(170.0, 1.0, 0.0), (130.0, 1.6, 0.0), (130.0, 1.0, 150.0)]
)
def test_hits_of_another_turn_scale_or_place_do_not_agree(
    turn_deg: float, zoom: float, shift_m: float
) -> None:
    right = right_hit(SQUARES[0])
    other = right_hit(SQUARES[1])
    assert other.side_m is not None
    other = hit(other.x + shift_m, other.y, score=0.7, side_m=other.side_m * zoom)
    votes = cast([(SQUARES[0], [(right, 130.0)]), (SQUARES[1], [(other, turn_deg)])])
    assert [len(each.votes) for each in agreed(votes)] == [1, 1]


def test_dates_do_not_vote_together() -> None:
    votes = cast(
        [
            (square, [(right_hit(square, date=date), 130.0)])
            for square, date in zip(SQUARES[:2], ("2004", "2019"), strict=True)
        ]
    )
    assert [len(each.votes) for each in agreed(votes)] == [1, 1]


def test_a_square_votes_once_for_a_place() -> None:
    twice = [(right_hit(SQUARES[0], score=s), 130.0) for s in (0.7, 0.69)]
    votes = cast(
        [(SQUARES[0], [*twice, last()]), (SQUARES[1], [(right_hit(SQUARES[1]), 130.0), last()])]
    )
    first = agreed(votes)[0]
    assert [vote.square for vote in first.votes] == list(SQUARES[:2])


def test_every_vote_speaks_for_one_place() -> None:
    votes = cast([(square, random_hits(5, seed=n)) for n, square in enumerate(SQUARES)])
    found = agreed(votes)
    assert sum(len(each.votes) for each in found) == len(votes)
    weights = [each.weight for each in found]
    assert weights == sorted(weights, reverse=True)


def test_squares_that_are_placed_by_tiles_give_the_mean() -> None:
    shifts = [(-30.0, 0.0), (30.0, 0.0), (0.0, 24.0), (0.0, -24.0)]
    found = []
    for square, (across, up) in zip(SQUARES, shifts, strict=False):
        right = right_hit(square)
        found.append(
            (square, [(hit(right.x + across, right.y + up, score=0.7, side_m=right.side_m), 130.0)])
        )
    wide = Tolerance(place_m=192.0, turn_deg=22.5, zoom=1.35)
    first = agreements(cast(found), tolerance=wide, width=WIDTH, height=HEIGHT, fitted=False)[0]
    assert (first.pose.x, first.pose.y) == pytest.approx((TRUTH.x, TRUTH.y), abs=0.1)
    assert first.pose.rotation_deg == pytest.approx(130.0)


def test_no_votes_agree_on_nothing() -> None:
    assert agreed([]) == []
