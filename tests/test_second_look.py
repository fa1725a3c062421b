"""A second look finds where exactly a photo lies, and tells it from where it does not."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import (
    adaptive_avg_pool2d,
    grid_sample,
    interpolate,
    normalize,
    pixel_unshuffle,
)

from aerialret.config import ModelConfig
from aerialret.network.checkpoint import load_model
from aerialret.network.inputs import Pictures
from aerialret.network.peaks import peak_offset, vertices
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification import second_look
from aerialret.verification.looking import SURE, behind, settled, until_sure
from aerialret.verification.pose import Pose
from aerialret.verification.reference import Reference
from aerialret.verification.second_look import Fit, SecondLook

from .tiny_tileset import tiny_model, tiny_tileset

PX = 128
LEFT, TOP = 5_000.0, 9_000.0
TRUE = Pose(x=5_150.0, y=8_830.0, rotation_deg=33.0, metres_per_px=1.1)


def texture(seed: int) -> torch.Tensor:
    """A map of 320 m, in pixels of 1 m: blotches of all sizes, float [1, 3, 320, 320]."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        interpolate(torch.rand(1, 3, side, side, generator=generator), (320, 320), mode="bicubic")
        for side in (10, 20, 40, 80)
    ]
    return (sum(layers) / len(layers)).clamp(0, 1)  # type: ignore[call-overload,no-any-return]


def reference(seed: int) -> Reference:
    pixels = (texture(seed)[0] * 255).byte().numpy()
    valid = np.ones(pixels.shape[1:], bool)
    return Reference(image=pixels, valid=valid, left=LEFT, top=TOP, resolution_m=1.0)


def photo_of(place: Reference, pose: Pose) -> TileBatch:
    """What a camera at `pose` sees of `place`, pixel by pixel."""
    to_map = pose.to_map(width=PX, height=PX)
    cols, rows = np.meshgrid(np.arange(PX) + 0.5, np.arange(PX) + 0.5)
    x, y = np.einsum("ij,jhw->ihw", to_map, np.stack([cols, rows, np.ones_like(cols)]))
    side = place.valid.shape[0]
    points = np.stack([(x - LEFT) / side * 2 - 1, (TOP - y) / side * 2 - 1], axis=-1)
    seen = grid_sample(
        torch.from_numpy(place.image)[None].float(),
        torch.from_numpy(points)[None].float(),
        align_corners=False,
    )
    image = seen.round().byte().numpy()
    return TileBatch(image, np.full((1, PX, PX), NO_COVERAGE, np.uint8), np.ones((1, PX, PX), bool))


@dataclass(frozen=True)
class Errors:
    centre_m: float
    turn_deg: float
    scale: float

    @classmethod
    def of(cls, pose: Pose) -> "Errors":
        return cls(
            float(np.hypot(pose.x - TRUE.x, pose.y - TRUE.y)),
            abs((pose.rotation_deg - TRUE.rotation_deg + 180) % 360 - 180),
            abs(pose.metres_per_px / TRUE.metres_per_px - 1),
        )


def colours_of_quarters(network: object, seen: Pictures, modality: object) -> torch.Tensor:
    """Cells that a person can follow: the colours of their quarters, against the picture's mean."""
    side = seen.image.shape[-1] // 8
    quarters = adaptive_avg_pool2d(seen.image, side)
    return normalize(pixel_unshuffle(quarters - 0.5, 2), dim=1)


@pytest.fixture
def look(looks: SecondLook, monkeypatch: pytest.MonkeyPatch) -> SecondLook:
    """Random weights tell cells badly apart, so a simpler network stands in."""
    monkeypatch.setattr(second_look, "grid_cells", colours_of_quarters)
    return looks


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> SecondLook:
    folder = tmp_path_factory.mktemp("second-look")
    tileset = tiny_tileset(folder / "tiles", tile_px=PX, cols=4, rows=1)
    config = ModelConfig(
        backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=16,
        input="image", input_px=64,
    )  # fmt: skip
    model = load_model(tiny_model(folder / "model", tileset, config=config), device="cpu")
    return SecondLook(model, tile_px=PX, modality="image")


@pytest.mark.parametrize(
    ("turn_deg", "zoom", "across_m", "down_m"),
    [(6.0, 1.0, 0.0, 0.0), (-4.0, 1.08, 5.0, -9.0), (2.0, 0.93, -12.0, 6.0)],
)
def test_a_second_look_brings_a_photo_nearer_to_where_it_lies(
    look: SecondLook, turn_deg: float, zoom: float, across_m: float, down_m: float
) -> None:
    place = reference(1)
    start = Pose(
        x=TRUE.x + across_m, y=TRUE.y + down_m, rotation_deg=TRUE.rotation_deg + turn_deg,
        metres_per_px=TRUE.metres_per_px * zoom,
    )  # fmt: skip
    photo = photo_of(place, TRUE)
    fit, elsewhere = look.fits(photo, [start, start], [place, reference(2)])
    found, before = Errors.of(fit.pose), Errors.of(start)
    assert found.centre_m < 5  # a third of a cell
    assert found.turn_deg < 2.5
    assert found.scale < 0.06
    assert found.turn_deg < before.turn_deg
    assert fit.score > elsewhere.score + 0.1


def test_what_a_photo_does_not_show_does_not_count(look: SecondLook) -> None:
    place = reference(1)
    photo = photo_of(place, TRUE)
    framed = replace(photo, images=photo.images.copy(), valid=photo.valid.copy())
    framed.images[..., :32] = 0
    hidden = replace(framed, valid=framed.valid.copy())
    hidden.valid[..., :32] = False
    shown, masked = (look.fits(each, [TRUE], [place])[0].score for each in (framed, hidden))
    assert masked > shown


def test_nothing_at_a_candidate_scores_nothing(look: SecondLook) -> None:
    place = reference(1)
    empty = replace(place, valid=np.zeros_like(place.valid))
    assert look.fits(photo_of(place, TRUE), [TRUE], [empty])[0].score == 0


def test_no_candidates_have_no_fits(look: SecondLook) -> None:
    assert look.fits(photo_of(reference(1), TRUE), [], []) == []


def test_what_was_not_looked_at_again_stays_behind_what_was() -> None:
    looked = np.array([0.5, 0.6, 0.4], np.float32)
    assert behind(looked, np.array([0.5, 0.3])).tolist() == pytest.approx([0.4, 0.35])
    assert behind(looked, np.array([])).tolist() == []
    assert behind(looked[:0], np.array([0.5])).tolist() == pytest.approx([0.75])


@pytest.mark.parametrize(
    ("scores", "seen"),
    [
        ([0.5, *[0.3] * 19], 8),  # sure after the first few
        ([*[0.3] * 9, 0.5, *[0.3] * 10], 16),
        ([0.5, *[0.41] * 19], 20),  # never
        ([0.5], 1),
        ([], 0),
    ],
)
def test_no_more_is_looked_at_than_needed_to_be_sure(scores: list[float], seen: int) -> None:
    taken: list[int] = []

    def look(some: Sequence[int]) -> list[Fit]:
        taken.extend(some)
        return [Fit(score=scores[number], pose=TRUE) for number in some]

    looked = until_sure(iter(range(len(scores))), look, place=lambda number: number, sure=SURE)
    assert [number for number, _ in looked] == taken == list(range(seen))
    assert [fit.score for _, fit in looked] == scores[:seen]


def test_a_fit_settles_where_no_further_look_fits_better() -> None:
    def settling(scores: list[float]) -> tuple[float, float, int]:
        """Score and place of the last fit, and the looks it took."""
        asked: list[float] = []

        def again(pose: Pose) -> Fit:
            asked.append(pose.x)
            return Fit(score=scores[len(asked)], pose=replace(pose, x=pose.x + 1))

        fit = settled(Fit(score=scores[0], pose=replace(TRUE, x=0.0)), again)
        return fit.score, fit.pose.x, len(asked)

    assert settling([0.5, 0.6, 0.55]) == (0.6, 1.0, 2)
    assert settling([0.5, 0.5]) == (0.5, 0.0, 1)
    assert settling([0.5, 0.6, 0.7, 0.8]) == (0.7, 2.0, 2)


def test_a_place_is_no_rival_of_itself() -> None:
    scores = [0.6, 0.58, *[0.3] * 18]

    def look(some: Sequence[int]) -> list[Fit]:
        return [Fit(score=scores[number], pose=TRUE) for number in some]

    assert len(until_sure(range(20), look, place=lambda number: max(number, 1), sure=SURE)) == 9
    assert len(until_sure(range(20), look, place=lambda number: number, sure=SURE)) == 20
    sure = until_sure(range(20), look, place=lambda number: max(number, 1), sure=math.inf)
    assert len(sure) == 20


def test_a_peak_lies_at_the_vertex_of_its_parabola() -> None:
    line = -((np.arange(7) - 3.3) ** 2)
    assert 3 + peak_offset(line, 3) == pytest.approx(3.3)
    assert peak_offset(line, 0) == peak_offset(line, 6) == peak_offset(np.zeros(3), 1) == 0
    assert peak_offset(-line, 3) == 0


def test_many_peaks_are_those_of_their_lines() -> None:
    lines = np.random.default_rng(4).normal(size=(40, 3)).astype(np.float32)
    lines[0] = 2.5
    found = vertices(*lines.T)
    assert found.tolist() == pytest.approx([peak_offset(line, 1) for line in lines], rel=1e-4)
    assert 5 < np.count_nonzero(found) < 39
    assert len(vertices(*np.empty((3, 0)))) == 0


def test_a_deeper_trunk_has_larger_cells(tmp_path: Path) -> None:
    tileset = tiny_tileset(tmp_path / "tiles", tile_px=PX, cols=4, rows=1)
    config = ModelConfig(
        backbone="resnet18", trunk="layer4", weights="none", head="grid", grid_channels=4,
        input="image", input_px=64,
    )  # fmt: skip
    model = load_model(tiny_model(tmp_path / "model", tileset, config=config), device="cpu")
    look = SecondLook(model, tile_px=PX, modality="image")
    place = reference(1)
    assert look.fits(photo_of(place, TRUE), [TRUE], [place])[0].score > 0
