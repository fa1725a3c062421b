"""Photos are cut out of a synthetic map by a known transform, which must be found again."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
import torch
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.tiles.grid import Bounds, TileId
from aerialret.verification.chance import log10_false_alarms
from aerialret.verification.dense import DenseMatcher
from aerialret.verification.intensity import align
from aerialret.verification.location import Location
from aerialret.verification.pose import Pose, as_square, corners, moved
from aerialret.verification.reference import Reference, ReferenceReader
from aerialret.verification.refine import locate
from aerialret.verification.transform import fit_transform, is_sound, least_squares
from aerialret.verification.warp import centred, warped
from tests.textures import textured
from tests.tiny_tileset import FIRST, tiny_tileset

LEFT, TOP, RESOLUTION = 652_013.0, 6_860_207.0, 0.5
WIDTH, HEIGHT = 230, 170
POSE = Pose(x=LEFT + 84, y=TOP - 71, rotation_deg=-107, metres_per_px=0.37)
REAL = Path(__file__).parents[2] / "shared" / "data" / "clcd"


def chart(*, seed: int = 0, side: int = 320, blur_px: float = 3) -> Reference:
    image = textured(side, seed=seed, blur_px=blur_px)
    valid = np.ones(image.shape[1:], bool)
    return Reference(image=image, valid=valid, left=LEFT, top=TOP, resolution_m=RESOLUTION)


def lay(pose: Pose = POSE) -> NDArray:
    return as_square(pose.to_map(width=WIDTH, height=HEIGHT))


def photo_of(reference: Reference, matrix: NDArray) -> NDArray[np.uint8]:
    """What a photo that lies by `matrix` shows of the map."""
    pixels = cv2.warpPerspective(
        np.moveaxis(reference.image, 0, -1),
        centred(reference.from_map @ matrix),
        (WIDTH, HEIGHT),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
    )
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def found_in(photo: NDArray, reference: Reference, **options: object) -> Location:
    location = locate(photo, np.ones(photo.shape[1:], bool), reference, **options)  # type: ignore[arg-type]
    assert location is not None
    return location


def corner_error_px(location: Location, matrix: NDArray) -> float:
    wanted = moved(corners(width=WIDTH, height=HEIGHT), matrix)
    return float(np.linalg.norm(location.corners - wanted, axis=1).max() / RESOLUTION)


SHEAR = np.array([[1.12, 0.1, -15], [-0.03, 0.95, 6], [0, 0, 1]])
TILT = np.array([[1, 0.05, 0], [0.02, 1, 0], [5e-4, -4e-4, 1]])


def test_a_pose_puts_known_pixels_on_known_places() -> None:
    pose = Pose(x=1000, y=2000, rotation_deg=90, metres_per_px=2)
    # 10 wide, 6 high; a quarter turn counter-clockwise brings the right side to the north.
    wanted = [[1000, 2000], [1000, 2010], [1006, 2000]]
    pixels = np.array([[5, 3], [10, 3], [5, 6]])
    np.testing.assert_allclose(moved(pixels, as_square(pose.to_map(width=10, height=6))), wanted)


def test_a_pose_that_is_not_turned_is_a_world_file() -> None:
    pose = Pose(x=1000, y=2000, rotation_deg=0, metres_per_px=2)
    np.testing.assert_allclose(pose.to_map(width=10, height=6), [[2, 0, 990], [0, -2, 2006]])


def test_poses_come_back_from_their_matrices() -> None:
    there, back = (
        as_square(way) for way in (
            POSE.to_map(width=WIDTH, height=HEIGHT), POSE.to_photo(width=WIDTH, height=HEIGHT)
        )
    )  # fmt: skip
    np.testing.assert_allclose(back @ there, np.eye(3), atol=1e-9)
    again = Pose.of(there, width=WIDTH, height=HEIGHT)
    assert (again.x, again.y) == pytest.approx((POSE.x, POSE.y))
    assert (again.rotation_deg, again.metres_per_px) == pytest.approx((-107, 0.37))


@pytest.mark.parametrize("change", [{"metres_per_px": 0.0}, {"x": math.nan}])
def test_impossible_poses_are_refused(change: dict[str, float]) -> None:
    values = {"x": 1.0, "y": 2.0, "rotation_deg": 3.0, "metres_per_px": 4.0, **change}
    with pytest.raises(ConfigurationError, match="is no pose"):
        Pose(**values)


@pytest.mark.parametrize(
    ("kind", "change"),
    [("similarity", np.eye(3)), ("affine", SHEAR), ("homography", TILT)],
)
def test_a_known_transform_is_found(kind: str, change: NDArray) -> None:
    reference, matrix = chart(), lay() @ change
    location = found_in(photo_of(reference, matrix), reference)
    assert location.kind == kind
    assert location.believable
    assert corner_error_px(location, matrix) < 0.5
    assert location.rmse_m < 0.5 * RESOLUTION
    assert location.inliers >= 40


@pytest.mark.parametrize("metres_per_px", [0.2, 0.5, 0.8])
def test_photos_finer_and_coarser_than_the_map_are_found(metres_per_px: float) -> None:
    reference = chart(blur_px=4)
    matrix = lay(Pose(x=LEFT + 80, y=TOP - 79, rotation_deg=20, metres_per_px=metres_per_px))
    location = found_in(photo_of(reference, matrix), reference)
    assert location.believable
    assert corner_error_px(location, matrix) < 1


def test_a_photo_is_found_from_a_start_that_is_a_little_off() -> None:
    reference = chart()
    start = Pose(x=POSE.x + 6, y=POSE.y - 5, rotation_deg=-100, metres_per_px=0.4)
    location = found_in(photo_of(reference, lay()), reference, start=start)
    assert corner_error_px(location, lay()) < 0.2


@pytest.mark.parametrize("start", [
    Pose(x=LEFT + 1e6, y=TOP, rotation_deg=0, metres_per_px=1),
    Pose(x=LEFT + 20, y=TOP - 150, rotation_deg=60, metres_per_px=0.1),
])  # fmt: skip
def test_a_start_that_is_wrong_does_no_harm(start: Pose) -> None:
    reference = chart()
    location = found_in(photo_of(reference, lay()), reference, start=start)
    assert corner_error_px(location, lay()) < 0.5


def test_the_same_photo_is_found_at_the_same_place_bit_for_bit() -> None:
    reference, matrix = chart(), lay() @ TILT
    photo = photo_of(reference, matrix)
    first = found_in(photo, reference)
    cv2.setRNGSeed(17)
    np.testing.assert_array_equal(first.matrix, found_in(photo, reference).matrix)


@pytest.mark.parametrize("seed", range(1, 5))
def test_a_photo_of_another_place_is_not_believed(seed: int) -> None:
    photo = photo_of(chart(seed=seed), lay())
    location = locate(photo, np.ones(photo.shape[1:], bool), chart())
    assert location is None or not location.believable


def test_a_mirrored_photo_is_not_believed() -> None:
    photo = np.ascontiguousarray(photo_of(chart(), lay())[:, :, ::-1])
    location = locate(photo, np.ones(photo.shape[1:], bool), chart())
    assert location is None or not location.believable


def test_a_photo_or_a_map_without_image_is_found_nowhere() -> None:
    reference, black = chart(), np.zeros((3, HEIGHT, WIDTH), np.uint8)
    assert locate(black, np.zeros(black.shape[1:], bool), reference) is None
    empty = Reference(
        image=reference.image, valid=np.zeros_like(reference.valid), left=LEFT, top=TOP,
        resolution_m=RESOLUTION,
    )  # fmt: skip
    photo = photo_of(reference, lay())
    assert locate(photo, np.ones(photo.shape[1:], bool), empty) is None


def test_a_frame_around_the_photo_is_not_matched() -> None:
    reference = chart()
    photo = photo_of(reference, lay())
    valid = np.zeros(photo.shape[1:], bool)
    valid[20:-20, 30:-30] = True
    photo[:, ~valid] = photo_of(chart(seed=5), lay())[:, ~valid]
    location = locate(photo, valid, reference)
    assert location is not None
    assert corner_error_px(location, lay()) < 0.5
    assert (location.points.photo > [30, 20]).all()
    assert (location.points.photo < [WIDTH - 30, HEIGHT - 20]).all()


def test_control_points_lie_where_the_fit_puts_them() -> None:
    reference = chart()
    location = found_in(photo_of(reference, lay()), reference)
    off = np.linalg.norm(moved(location.points.photo, lay()) - location.points.map, axis=1)
    assert np.median(off) < 0.2 * RESOLUTION
    assert len(off) == location.inliers <= location.matches


def slow_choices(of: int, many: int) -> int:
    return math.factorial(of) // math.factorial(many) // math.factorial(of - many)


def test_chance_is_counted_as_the_formula_says() -> None:
    found = log10_false_alarms(
        agreeing=5, matches=14, kind="similarity", tolerance_px=3, area_px=1e4
    )
    hit = math.pi * 9 / 1e4
    wanted = 12 * slow_choices(14, 5) * slow_choices(5, 2) * hit**3
    assert found == pytest.approx(math.log10(wanted))
    alone = {"matches": 14, "kind": "affine", "tolerance_px": 3, "area_px": 1e4}
    assert log10_false_alarms(agreeing=3, **alone) == math.inf  # type: ignore[arg-type]


def test_random_pairs_agree_about_as_often_as_is_counted() -> None:
    random = np.random.default_rng(0)
    side, count, rounds = 100, 12, 300
    best = 0
    for _ in range(rounds):
        first, second = random.uniform(0, side, (2, count, 2))
        fit = fit_transform(first, second, width=side, height=side, tolerance_px=2)
        best = max(best, fit.count if fit else 0)
    alarms = log10_false_alarms(
        agreeing=best + 1, matches=count, kind="similarity", tolerance_px=2, area_px=side**2
    )
    assert best >= 3
    assert alarms < math.log10(rounds)  # what never happened is not counted as common


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([1.0, -1.0, 1.0]),
        np.diag([3.0, 1.0, 1.0]),
        np.array([[1, 0, 0], [0, 1, 0], [-1 / 100, 0, 1]]),
        np.array([[1, 0, 0], [0, 1, 0], [-1 / 205, 0, 1]]),
        np.full((3, 3), np.nan),
    ],
    ids=["mirrored", "stretched", "folded", "oblique", "not a number"],
)
def test_absurd_shapes_are_not_sound(matrix: NDArray) -> None:
    assert not is_sound(matrix, width=200, height=100)
    assert is_sound(np.diag([7.0, 7.0, 1.0]), width=200, height=100)


@pytest.mark.parametrize("kind", ["similarity", "affine", "homography"])
def test_least_squares_of_exact_pairs_is_exact_on_the_map(kind: str) -> None:
    matrix = lay() @ {"similarity": np.eye(3), "affine": SHEAR, "homography": TILT}[kind]
    if kind == "similarity":
        matrix = np.diag([1, -1, 1]) @ matrix
    first = np.random.default_rng(0).uniform(0, 200, (15, 2))
    found = least_squares(kind, first, moved(first, matrix))  # type: ignore[arg-type]
    assert found is not None
    np.testing.assert_allclose(moved(first, found), moved(first, matrix), atol=1e-5)


def test_a_few_odd_pairs_do_not_make_a_similarity_an_affine_transform() -> None:
    random = np.random.default_rng(0)
    first = random.uniform(0, 200, (60, 2))
    second = first @ np.array([[0.6, -0.8], [0.8, 0.6]]) + random.normal(0, 0.7, (60, 2))
    second[:6] += random.uniform(-40, 40, (6, 2))
    fit = fit_transform(first, second, width=200, height=200, tolerance_px=3)
    assert fit is not None
    assert fit.kind == "similarity"
    assert fit.count >= 53


def test_warping_moves_what_it_should_and_only_shows_what_is_there() -> None:
    image = np.zeros((3, 20, 30), np.uint8)
    image[:, 4, 9] = 200
    valid = np.ones((20, 30), bool)
    valid[:, :5] = False
    turned, seen = warped(
        image, valid, np.array([[0, -1, 25.0], [1, 0, 3], [0, 0, 1]]), width=28, height=40
    )
    # The pixel's centre (9.5, 4.5) goes to (20.5, 12.5).
    assert np.argwhere(turned[0]).tolist() == [[12, 20]]
    assert seen.sum() == 20 * 25
    assert not seen[:8].any()


def other_radiometry(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Dark where it was bright, and grey, with grain: as another season, on film."""
    grey = 255 * (1 - photo.mean(axis=0) / 255) ** 1.6
    grain = np.random.default_rng(0).normal(0, 3, grey.shape)
    return np.repeat((0.6 * grey + 40 + grain).clip(0, 255).astype(np.uint8)[None], 3, axis=0)


def test_edges_bring_a_photo_of_other_radiometry_closer() -> None:
    reference = chart(blur_px=4)
    photo = other_radiometry(photo_of(reference, lay()))
    off = Pose(x=POSE.x + 1.1, y=POSE.y - 0.8, rotation_deg=-106.2, metres_per_px=0.373)
    wanted = reference.from_map @ lay()
    found = align(photo, np.ones(photo.shape[1:], bool), reference, reference.from_map @ lay(off))
    assert found is not None
    assert found.after > found.before + 0.05
    ends = corners(width=WIDTH, height=HEIGHT)
    error = np.linalg.norm(moved(ends, found.matrix) - moved(ends, wanted), axis=1)
    assert error.max() < 0.7  # it was 3 pixels
    assert error.mean() < 0.5


def test_edges_change_nothing_where_nothing_gets_better() -> None:
    reference = chart(blur_px=4)
    start = reference.from_map @ lay()
    seen = np.ones((HEIGHT, WIDTH), bool)
    assert align(photo_of(reference, lay()), seen, reference, start) is None
    assert align(photo_of(chart(seed=9), lay()), seen, reference, start) is None
    assert align(photo_of(reference, lay()), np.zeros_like(seen), reference, start) is None


def gradients(images: torch.Tensor) -> torch.Tensor:
    """A map of cells of 8 pixels: each cell's pixels, smoothed, without their mean."""
    cells = torch.nn.functional.unfold(
        torch.nn.functional.avg_pool2d(images, 3, stride=1, padding=1), 16, stride=8, padding=4
    )
    shape = len(images), -1, images.shape[2] // 8, images.shape[3] // 8
    maps = cells - cells.mean(dim=1, keepdim=True)
    return torch.nn.functional.normalize(maps, dim=1).reshape(shape)


def test_cells_of_a_network_bring_a_photo_from_its_start_to_its_place() -> None:
    reference = chart(blur_px=6)
    start = Pose(x=POSE.x + 1, y=POSE.y - 1.5, rotation_deg=-105, metres_per_px=0.365)
    location = found_in(
        photo_of(reference, lay()), reference, start=start, matcher=DenseMatcher(maps=gradients)
    )
    assert location.believable
    assert corner_error_px(location, lay()) < 1


def test_a_shift_of_less_than_a_cell_is_seen_between_cells() -> None:
    matcher = DenseMatcher(maps=gradients)
    image = textured(128, blur_px=6)
    later = np.roll(image, (-1, 2), axis=(1, 2))
    first, second = (matcher.features(each) for each in (image, later))
    own, theirs = matcher.match(first, second).points(first, second)
    # To the nearest cell it would be 0, 0.
    away = np.median(theirs - own, axis=0) - [2, -1]
    assert (np.abs(away) < [0.5 * 2, 0.5 * 1]).all()


def test_cells_without_image_match_nothing() -> None:
    matcher = DenseMatcher(maps=gradients)
    image, valid = textured(128, blur_px=6), np.ones((128, 128), bool)
    valid[:, :64] = False
    half = matcher.features(image, valid)
    assert len(half) == 16 * 8
    assert half.points[:, 0].min() == 67.5
    pairs = matcher.match(matcher.features(image), half)
    assert (matcher.features(image).points[pairs.first] == half.points[pairs.second]).all()
    nothing = matcher.features(image, np.zeros_like(valid))
    assert len(matcher.match(nothing, half)) == len(matcher.match(half, nothing)) == 0


def test_a_reference_is_the_tiles_side_by_side(tmp_path: Path) -> None:
    gap = TileId(FIRST.col + 1, FIRST.row)
    tileset = tiny_tileset(tmp_path / "t", cols=3, rows=2, missing=(gap,))
    cell = tileset.grid.bounds(FIRST)
    found = ReferenceReader(tileset).around(cell, date="2004", margin_m=10)
    assert (found.left, found.top) == (cell.left - 64, cell.top + 64)
    assert found.image.shape == (3, 96, 96)
    own = tileset.read("2004", [FIRST]).images[0]
    np.testing.assert_array_equal(found.image[:, 32:64, 32:64], own)
    below = tileset.read("2004", [TileId(FIRST.col + 1, FIRST.row + 1)]).images[0]
    np.testing.assert_array_equal(found.image[:, 64:, 64:], below)
    assert found.valid.sum() == 3 * 32 * 32  # the others are outside, or missing
    inside = ReferenceReader(tileset).around(
        Bounds(cell.left + 5, cell.bottom + 5, cell.right - 5, cell.top - 5),
        date="2004",
        margin_m=1,
    )
    np.testing.assert_array_equal(inside.image, own)
    np.testing.assert_allclose(moved(np.array([[32, 32]]), inside.to_map), [cell[2:0:-1]])


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the development imagery beside the checkout")
@pytest.mark.parametrize("date", ["2019", "2017"])
def test_a_real_cut_is_found_in_its_tile(date: str) -> None:
    place = "p0212"
    with rasterio.open(REAL / "2019" / f"{place}.tif") as tile:
        image = tile.read()
    with rasterio.open(REAL / date / f"{place}.tif") as tile:
        t = tile.transform
        reference = Reference(
            image=tile.read(), valid=np.ones(tile.shape, bool), left=t.c, top=t.f, resolution_m=t.a
        )
    pose = Pose(x=t.c + 120, y=t.f - 131, rotation_deg=140, metres_per_px=0.55)
    matrix = lay(pose)
    cut = cv2.warpPerspective(
        np.moveaxis(image, 0, -1), centred(reference.from_map @ matrix), (WIDTH, HEIGHT),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    location = found_in(np.ascontiguousarray(np.moveaxis(cut, -1, 0)), reference)
    assert location.believable
    assert corner_error_px(location, matrix) < (0.3 if date == "2019" else 4)
