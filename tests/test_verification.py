import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aerialret.verification.estimate import SimilarityFit, fit_similarity
from aerialret.verification.local_features import LocalFeatures, sift_features
from aerialret.verification.matching import Matches, SiftMatcher, mutual_nearest
from aerialret.verification.rerank import rerank, verify
from tests.textures import textured

MATCHER = SiftMatcher()
NO_FEATURES = LocalFeatures(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32))


def similarity(rotation_deg: float, scale: float, shift: tuple[float, float]) -> NDArray:
    """float64 [2, 3] from a photo to a tile; y points down, so the photo's content turns left."""
    cosine, sine = math.cos(math.radians(rotation_deg)), math.sin(math.radians(rotation_deg))
    return np.array(
        [[scale * cosine, -scale * sine, shift[0]], [scale * sine, scale * cosine, shift[1]]]
    )


def photo_of(tile: NDArray[np.uint8], matrix: NDArray, *, side: int = 200) -> NDArray[np.uint8]:
    """What the photo sees through `matrix`, and black where the tile ends."""
    pixels = cv2.warpAffine(
        np.moveaxis(tile, 0, -1),
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def moved(points: NDArray, matrix: NDArray) -> NDArray[np.float32]:
    return (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def random_points(count: int, *, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(0, 256, (count, 2)).astype(np.float32)


def angle_between(first: float, second: float) -> float:
    return abs((first - second + 180) % 360 - 180)


@pytest.mark.parametrize(
    ("rotation_deg", "scale", "shift"),
    [(0, 1, (20, 5)), (30, 1.1, (90, -15)), (-125, 0.8, (200, 190)), (180, 1.2, (250, 245))],
)
def test_a_known_similarity_is_recovered(
    rotation_deg: float, scale: float, shift: tuple[float, float]
) -> None:
    tile = textured(256, blur_px=2.5)
    matrix = similarity(rotation_deg, scale, shift)
    photo = photo_of(tile, matrix)
    fit = verify(MATCHER.features(photo), MATCHER.features(tile))
    assert fit is not None
    assert fit.count >= 20
    assert angle_between(fit.rotation_deg, rotation_deg) < 0.5
    assert fit.scale == pytest.approx(scale, rel=0.01)
    centre = np.array([[99.5, 99.5]])
    assert np.linalg.norm(moved(centre, fit.matrix) - moved(centre, matrix)) < 1


def test_the_turn_is_that_of_the_content_counter_clockwise() -> None:
    tile = textured(200)
    photo = np.ascontiguousarray(np.rot90(tile, axes=(1, 2)))  # numpy turns counter-clockwise
    fit = verify(MATCHER.features(photo), MATCHER.features(tile))
    assert fit is not None
    assert fit.rotation_deg == pytest.approx(90, abs=0.5)


def test_outliers_are_rejected() -> None:
    matrix = similarity(40, 1.5, (12, -30))
    first = random_points(100)
    second = moved(first, matrix)
    second[::2] = random_points(50, seed=1) * 2
    fit = fit_similarity(first, second)
    assert fit is not None
    off = np.linalg.norm(moved(first, matrix) - second, axis=1)
    np.testing.assert_array_equal(fit.inliers, off < 3)
    assert fit.count == fit.inliers.sum() >= 50
    np.testing.assert_allclose(fit.matrix, matrix, atol=0.05)


def test_few_inliers_are_found_among_many_outliers() -> None:
    matrix = similarity(-70, 0.9, (40, 200))
    first, second = random_points(150), random_points(150, seed=1)
    second[:9] = moved(first[:9], matrix)
    fit = fit_similarity(first, second)
    assert fit is not None
    assert fit.inliers[:9].all()
    assert angle_between(fit.rotation_deg, -70) < 1


def test_a_mirrored_picture_fits_nothing() -> None:
    first = random_points(60)
    fit = fit_similarity(first, first * [-1, 1] + [256, 0])
    assert fit is None or fit.count < 15


def test_the_same_points_give_the_same_similarity_whatever_was_drawn_before() -> None:
    first, second = random_points(80), random_points(80, seed=1)
    second[:20] = first[:20] + 7
    fits = []
    for seed in (1, 2):
        cv2.setRNGSeed(seed)
        fits.append(fit_similarity(first, second))
    assert fits[0] is not None
    assert fits[1] is not None
    np.testing.assert_array_equal(fits[0].matrix, fits[1].matrix)
    np.testing.assert_array_equal(fits[0].inliers, fits[1].inliers)


ONE_POINT = np.full((9, 2), 17, np.float32)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (random_points(0), random_points(0)),
        (random_points(2), random_points(2)),
        (ONE_POINT, ONE_POINT),
        (ONE_POINT, random_points(9)),
        (random_points(9), ONE_POINT),
        (np.repeat(random_points(2), 5, axis=0), np.repeat(random_points(2), 5, axis=0) * 2),
        (random_points(9), random_points(9) * 1e-4),
        (random_points(9), np.full((9, 2), np.nan, np.float32)),
    ],
    ids=[
        "no pair", "two pairs", "one point", "one point to many", "many points to one",
        "two points often", "all to almost one", "not a number",
    ],
)  # fmt: skip
def test_degenerate_pairs_fit_nothing(first: NDArray, second: NDArray) -> None:
    assert fit_similarity(first, second) is None


def slow_matches(first: NDArray, second: NDArray, ratio: float) -> list[tuple[int, int]]:
    """The oracle: every pair by itself."""
    distances = [[float(np.linalg.norm(a - b)) for b in second] for a in first]
    found = []
    for row, own in enumerate(distances):
        nearest, runner_up = sorted(range(len(second)), key=lambda col: own[col])[:2]
        back = min(range(len(first)), key=lambda other: distances[other][nearest])
        if back == row and own[nearest] < ratio * own[runner_up]:
            found.append((row, nearest))
    return found


@pytest.mark.parametrize("ratio", [0.7, 0.9, 1.0])
def test_matches_are_those_of_a_loop_over_all_pairs(ratio: float) -> None:
    random = np.random.default_rng(0)
    first = random.normal(size=(40, 6)).astype(np.float32)
    second = np.concatenate([first[7:25] + random.normal(0, 0.3, (18, 6)), -first[:9]])
    second = second.astype(np.float32)
    found = mutual_nearest(first, second, ratio=ratio)
    wanted = slow_matches(first, second, ratio)
    assert wanted
    assert list(zip(found.first.tolist(), found.second.tolist(), strict=True)) == wanted


def test_matches_of_nothing_are_none() -> None:
    some = MATCHER.features(textured(96))
    for first, second in ((NO_FEATURES, some), (some, NO_FEATURES), (NO_FEATURES, NO_FEATURES)):
        assert len(MATCHER.match(first, second)) == 0


def test_the_only_candidate_is_a_match() -> None:
    rows = np.eye(3, dtype=np.float32)
    found = mutual_nearest(rows, rows[1:2], ratio=0.8)
    assert (found.first.tolist(), found.second.tolist()) == ([1], [0])


def test_what_looks_alike_twice_is_no_match() -> None:
    rows = np.eye(3, dtype=np.float32)
    assert len(mutual_nearest(rows, rows[[0, 0]], ratio=1.0)) == 0


def test_no_more_features_are_kept_than_asked_for() -> None:
    image = textured(200, blur_px=1.5)
    assert len(sift_features(image)) > 150
    assert 40 <= len(sift_features(image, most=40)) <= 44  # ties of contrast stay together


class PointMatcher:
    """Pairs points by their rows; what they look like does not matter."""

    def features(self, image: NDArray, valid: NDArray | None = None) -> LocalFeatures:
        raise NotImplementedError

    def match(self, first: LocalFeatures, second: LocalFeatures) -> Matches:
        rows = np.arange(min(len(first), len(second)))
        return Matches(rows, rows)


def features_with(agreeing: int) -> LocalFeatures:
    """Points of which the first `agreeing` lie where those of the photo do, 40 to the right."""
    points = random_points(30, seed=agreeing + 1)
    points[:agreeing] = random_points(30)[:agreeing] + np.float32([40, 0])
    return LocalFeatures(points, np.empty((30, 0), np.float32))


PHOTO = LocalFeatures(random_points(30), np.empty((30, 0), np.float32))


def test_candidates_come_by_inliers_and_the_others_stay_behind_in_their_order() -> None:
    candidates = [features_with(count) for count in (0, 12, 4, 20, 12, 3)]
    reranking = rerank(PHOTO, candidates, matcher=PointMatcher(), least_inliers=8)
    assert reranking.inliers[[1, 3, 4]].tolist() == [12, 20, 12]
    assert (reranking.inliers[[0, 2, 5]] < 8).all()
    assert reranking.order.tolist() == [3, 1, 4, 0, 2, 5]


def test_the_fit_of_each_candidate_is_kept() -> None:
    reranking = rerank(PHOTO, [features_with(15)], matcher=PointMatcher())
    (fit,) = reranking.fits
    assert isinstance(fit, SimilarityFit)
    np.testing.assert_allclose(fit.matrix, similarity(0, 1, (40, 0)), atol=0.01)


def test_no_candidate_and_a_photo_without_features_are_fine() -> None:
    assert rerank(PHOTO, []).order.shape == (0,)
    some = MATCHER.features(textured(96))
    reranking = rerank(NO_FEATURES, [some, NO_FEATURES, some])
    assert reranking.order.tolist() == [0, 1, 2]
    assert reranking.inliers.tolist() == [0, 0, 0]
    assert reranking.fits == (None, None, None)


def test_the_right_place_is_found_among_others() -> None:
    tiles = [textured(160, seed=seed, blur_px=2.5) for seed in range(4)]
    photo = photo_of(tiles[2], similarity(75, 0.9, (120, 10)), side=110)
    reranking = rerank(MATCHER.features(photo), [MATCHER.features(tile) for tile in tiles])
    assert reranking.order.tolist() == [2, 0, 1, 3]
