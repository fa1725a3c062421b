"""Photos between years: laid on the map by all cells at once, from about where they lie."""

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from aerialret.verification.by_cells import CellLocator
from aerialret.verification.cells import Cells, GradientCells
from aerialret.verification.location import Location
from aerialret.verification.overlay import Overlay, best_on_grid, between_cells, climbed
from aerialret.verification.patches import patches_of
from aerialret.verification.pose import Pose, as_square, corners, moved
from aerialret.verification.reference import Reference
from aerialret.verification.warp import centred
from tests.textures import textured

LEFT, TOP, RESOLUTION = 652_013.0, 6_860_207.0, 0.5
WIDTH, HEIGHT = 230, 170
POSE = Pose(x=LEFT + 84, y=TOP - 71, rotation_deg=-107, metres_per_px=0.37)
START = Pose(x=POSE.x + 4, y=POSE.y - 3, rotation_deg=-101, metres_per_px=0.4)


def chart(*, seed: int = 0) -> Reference:
    image = textured(320, seed=seed, blur_px=3)
    return Reference(
        image=image, valid=np.ones(image.shape[1:], bool), left=LEFT, top=TOP,
        resolution_m=RESOLUTION,
    )  # fmt: skip


def photo_of(reference: Reference) -> NDArray[np.uint8]:
    """What a photo at `POSE` shows, bright where it was dark, grey and grainy."""
    matrix = as_square(POSE.to_map(width=WIDTH, height=HEIGHT))
    pixels = cv2.warpPerspective(
        np.moveaxis(reference.image, 0, -1), centred(reference.from_map @ matrix),
        (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )  # fmt: skip
    grain = np.random.default_rng(0).normal(0, 4, pixels.shape[:2])
    grey = (200 - 0.6 * pixels.mean(axis=2) + grain).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[None], 3, axis=0)


def located(photo: NDArray, reference: Reference, valid: NDArray | None = None) -> Location | None:
    seen = np.ones(photo.shape[1:], bool) if valid is None else valid
    return CellLocator().locate(photo, seen, reference, start=START)


def corner_error_px(location: Location) -> float:
    ends = corners(width=WIDTH, height=HEIGHT)
    wanted = moved(ends, as_square(POSE.to_map(width=WIDTH, height=HEIGHT)))
    return float(np.linalg.norm(location.corners - wanted, axis=1).max() / RESOLUTION)


def test_a_photo_of_other_radiometry_is_brought_from_its_start_to_its_place() -> None:
    reference = chart()
    location = located(photo_of(reference), reference)
    assert location is not None
    assert location.believable
    assert corner_error_px(location) < 1  # it started 20 pixels off
    assert location.score is not None
    assert 0.3 < location.score <= 1
    again = located(photo_of(reference), reference)
    assert again is not None
    np.testing.assert_array_equal(location.matrix, again.matrix)


def test_control_points_are_where_the_parts_of_the_photo_lie() -> None:
    reference = chart()
    location = located(photo_of(reference), reference)
    assert location is not None
    wanted = moved(location.points.photo, as_square(POSE.to_map(width=WIDTH, height=HEIGHT)))
    off = np.linalg.norm(location.points.map - wanted, axis=1)
    assert np.median(off) < RESOLUTION
    assert 8 <= len(off) == location.inliers <= location.matches
    assert len(location.others) == location.matches - location.inliers


@pytest.mark.parametrize("seed", [3, 4])
def test_a_photo_of_another_place_is_not_believed(seed: int) -> None:
    location = located(photo_of(chart(seed=seed)), chart())
    assert location is not None
    assert not location.believable
    assert "hardly better than beside it" in location.doubt


def test_a_frame_around_the_photo_does_not_count() -> None:
    reference = chart()
    photo = photo_of(reference)
    valid = np.zeros(photo.shape[1:], bool)
    valid[20:-20, 30:-30] = True
    photo[:, ~valid] = photo_of(chart(seed=5))[:, ~valid]
    location = located(photo, valid=valid, reference=reference)
    assert location is not None
    assert corner_error_px(location) < 2


def test_nothing_is_found_without_a_start_or_an_image_or_a_map() -> None:
    reference, nowhere = chart(), Pose(x=0, y=0, rotation_deg=0, metres_per_px=0.4)
    photo, seen = photo_of(reference), np.ones((HEIGHT, WIDTH), bool)
    locate = CellLocator().locate
    assert locate(photo, seen, reference, start=None) is None
    assert locate(photo, seen, reference, start=nowhere) is None
    assert locate(photo, np.zeros_like(seen), reference, start=START) is None
    empty = Reference(
        image=reference.image, valid=np.zeros_like(reference.valid), left=LEFT, top=TOP,
        resolution_m=RESOLUTION,
    )  # fmt: skip
    assert locate(photo, seen, empty, start=START) is None


def test_an_edge_looks_alike_whichever_side_is_brighter() -> None:
    image, seen = textured(96, blur_px=3), np.ones((96, 96), bool)
    own, turned = (GradientCells()(each, seen) for each in (image, 255 - image))
    assert np.square(own.values).sum(axis=0).mean() > 0.5
    cosines = (own.values * turned.values).sum(axis=0)
    np.testing.assert_allclose(cosines, np.square(own.values).sum(axis=0), atol=0.05)


def test_cells_without_image_are_nothing() -> None:
    valid = np.ones((64, 96), bool)
    valid[:, :40] = False
    cells = GradientCells(stride_px=4)(textured(96)[:, :64], valid)
    assert cells.seen.shape == (16, 24)
    assert not cells.seen[:, :10].any()
    assert cells.seen[:, 10:].all()
    assert not cells.values[:, :, :10].any()


def noise_cells(rows: int, columns: int, *, seed: int) -> Cells:
    values = np.random.default_rng(seed).normal(size=(5, rows, columns)).astype(np.float32)
    unit = values / np.linalg.norm(values, axis=0)
    return Cells(values=unit, seen=np.ones((rows, columns), bool), stride_px=3)


def shifted_pair() -> Overlay:
    """A photo whose cells lie 2 columns right of and 1 row above where the map has them."""
    theirs = noise_cells(24, 27, seed=0)
    own = Cells(values=np.roll(theirs.values, (-1, 2), axis=(1, 2)), seen=theirs.seen, stride_px=3)
    overlay = Overlay.of(own, theirs, most=1000)
    assert overlay is not None
    return overlay


def test_scores_are_means_of_cosines() -> None:
    own, theirs = noise_cells(9, 11, seed=1), noise_cells(12, 10, seed=2)
    overlay = Overlay.of(own, theirs, most=1000)
    assert overlay is not None
    found = overlay.scores(np.array([[1.0, 2.0, 0.0, 0.0], [0.25, 0.0, 0.0, 0.0]]))
    met = [
        own.values[:, row, column] @ theirs.values[:, row + 2, column + 1]
        for row in range(9)
        for column in range(9)
    ]
    assert found[0] == pytest.approx(np.mean(met), abs=1e-6)
    there, right = (
        [own.values[:, r, c] @ theirs.values[:, r, c + s] for r in range(9) for c in range(10 - s)]
        for s in (0, 1)
    )
    wanted = (0.75 * sum(there) + 0.25 * sum(right)) / (0.75 * 90 + 0.25 * 81)
    assert found[1] == pytest.approx(wanted, abs=1e-6)


def test_a_shift_is_found_on_the_grid_and_stays_when_climbing() -> None:
    overlay = shifted_pair()
    score, step = best_on_grid(overlay, turns=[-0.3, 0.0, 0.3], logs=[-0.2, 0.0, 0.2], reach=3)
    assert score == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(step, [-2, 1, 0, 0])
    better, near = climbed(overlay, step)
    assert better >= score - 1e-6
    np.testing.assert_allclose(near, step, atol=0.05)


def test_half_a_cell_is_seen_between_cells() -> None:
    rows, columns = np.indices((20, 24), np.float32)
    waves = [np.sin(rows / 3), np.cos(rows / 3), np.sin(columns / 4), np.cos(columns / 4)]
    later = [np.sin(rows / 3), np.cos(rows / 3)]
    later += [np.sin((columns - 0.4) / 4), np.cos((columns - 0.4) / 4)]
    seen = np.ones((20, 24), bool)
    own, theirs = (
        Cells(values=np.array(each, np.float32) / 2**0.5, seen=seen, stride_px=2)
        for each in (waves, later)
    )
    overlay = Overlay.of(own, theirs, most=1000)
    assert overlay is not None
    step = climbed(overlay, np.zeros(4))[1]
    np.testing.assert_allclose(between_cells(overlay, step)[:2], [0.4, 0], atol=0.05)


def test_a_step_is_the_same_for_cells_and_for_pixels() -> None:
    overlay = shifted_pair()
    step = np.array([1.5, -0.7, 0.4, math.log(1.2)])
    pixels = moved((overlay.places + 0.5) * 3, overlay.matrix(step))
    np.testing.assert_allclose(pixels / 3 - 0.5, overlay.moved(step[None])[0], atol=1e-9)


def test_patches_say_where_each_part_fits() -> None:
    patches = patches_of(shifted_pair(), np.zeros(4))
    assert len(patches) == 9  # those whose surroundings are all on the map
    away = patches.found - patches.laid
    np.testing.assert_allclose(np.median(away, axis=0), [-2, 1], atol=0.3)
    assert not patches.agreeing(1).any()
    assert patches.agreeing(3).mean() > 0.9


def test_too_few_cells_are_no_overlay() -> None:
    one = Cells(values=np.ones((5, 3, 3), np.float32), seen=np.ones((3, 3), bool), stride_px=3)
    assert Overlay.of(one, noise_cells(9, 9, seed=0), most=100) is None
