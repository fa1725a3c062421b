"""Matchers of networks: kornia's with random weights, and the cells of a model of our own."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.methods import build_network
from aerialret.querying.verify import require_locators
from aerialret.verification.dense import DenseMatcher
from aerialret.verification.learned import weights
from aerialret.verification.learned.lightglue import LightGluePairing, lightglue
from aerialret.verification.learned.loftr import LoftrMatcher
from aerialret.verification.learned.named import LEARNED, learned_matcher
from aerialret.verification.learned.points import (
    LearnedMatcher,
    PicturePoints,
)
from aerialret.verification.learned.weights import WeightsFile, fill, read_weights, renamed
from aerialret.verification.locator import PointLocator
from aerialret.verification.matching import Matcher, Matches
from aerialret.verification.model_maps import MOST_CELLS, ModelMaps
from tests.textures import textured
from tests.tiny_tileset import tiny_model, tiny_tileset

CPU = torch.device("cpu")
SHARED_WEIGHTS = Path(__file__).parents[2] / "shared" / "weights"
HEIGHT, WIDTH = 96, 128
IMAGE = textured(WIDTH, blur_px=2)[:, :HEIGHT]
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)

needs_kornia = pytest.mark.skipif(
    not weights.has_kornia(), reason="kornia is not installed (the extra 'kornia')"
)


def kornia() -> Any:
    return weights.require_kornia("a test")


def random_matcher(name: str) -> Matcher:
    """One of kornia's with random weights."""
    torch.manual_seed(3)
    return LEARNED[name](kornia(), CPU, lambda network, _: network.eval())


def peaks(image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A detector that sees red pixels; each looks like its other two channels."""
    rows, columns = torch.nonzero(image[0, 0] == 1, as_tuple=True)
    looks = image[0, :, rows, columns].T
    return torch.stack([columns, rows], dim=1).float(), torch.nn.functional.normalize(looks, dim=1)


def spotted(*spots: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A picture with a red pixel at each column and row, greener by the third."""
    image = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    for column, row, green in spots:
        image[:, row, column] = 255, green, 0
    return image


def test_points_are_columns_and_rows_and_alike_ones_are_paired() -> None:
    matcher = LearnedMatcher(detect=peaks, device=CPU)
    first = matcher.features(spotted((20, 40, 10), (70, 30, 200)))
    second = matcher.features(spotted((90, 15, 190), (33, 80, 20)))
    own, theirs = matcher.match(first, second).points(first, second)
    found = sorted(map(tuple, np.hstack([own, theirs]).astype(int).tolist()))
    assert found == [(20, 40, 33, 80), (70, 30, 90, 15)]
    assert first.size == (WIDTH, HEIGHT)


def test_points_beside_pixels_without_image_are_left_out() -> None:
    matcher = LearnedMatcher(detect=peaks, device=CPU)
    valid = EVERYWHERE.copy()
    valid[:, :60] = False
    kept = matcher.features(spotted((20, 40, 10), (62, 30, 0), (64, 50, 9), (127, 95, 5)), valid)
    assert kept.points.tolist() == [[64, 50], [127, 95]]
    assert len(kept.descriptors) == 2


def test_nothing_pairs_with_nothing() -> None:
    matcher = LearnedMatcher(detect=peaks, device=CPU)
    none, some = matcher.features(spotted()), matcher.features(spotted((20, 40, 10)))
    assert len(none) == 0
    for pair in ((none, none), (none, some), (some, none)):
        assert len(matcher.match(*pair)) == 0


@needs_kornia
@pytest.mark.parametrize("name", sorted(LEARNED))
def test_a_network_gives_the_same_points_and_pairs_each_time(name: str) -> None:
    matcher = random_matcher(name)
    later = np.roll(IMAGE, (3, -5), axis=(1, 2))
    runs = []
    for _ in range(2):
        first, second = matcher.features(IMAGE, EVERYWHERE), matcher.features(later, EVERYWHERE)
        runs.append((first.points, *matcher.match(first, second).points(first, second)))
    for one, again in zip(*runs, strict=True):
        assert one.tobytes() == again.tobytes()
    assert len(runs[0][0]) > 10
    assert (runs[0][0] >= -0.5).all()
    assert (runs[0][0] <= [WIDTH - 0.5, HEIGHT - 0.5]).all()


@needs_kornia
@pytest.mark.parametrize("name", ["aliked", "disk-lightglue"])
def test_descriptors_are_unit_vectors_one_for_each_point(name: str) -> None:
    features = random_matcher(name).features(IMAGE)
    assert features.descriptors.shape == (len(features), 128)
    np.testing.assert_allclose(np.linalg.norm(features.descriptors, axis=1), 1, atol=1e-5)


class FakeLoftr:
    """Stands in for LoFTR: pairs cells by what their upper left pixel shows."""

    def extract_features(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"coarse": image[..., ::8, ::8]}

    def __call__(self, asked: dict[str, Any]) -> dict[str, torch.Tensor]:
        first, second = (asked[f"features{n}"]["coarse"][0, 0] for n in (0, 1))
        pairs = [
            (column, row, other_column, other_row)
            for row, column in torch.nonzero(first).tolist()
            for other_row, other_column in torch.nonzero(second).tolist()
            if first[row, column] == second[other_row, other_column]
        ]
        table = torch.tensor(pairs, dtype=torch.float32).reshape(-1, 4)
        shift = torch.tensor([3.0, -2.5])  # what the fine stage adds
        return {"keypoints0": table[:, :2] * 8, "keypoints1": table[:, 2:] * 8 + shift}


def test_loftr_counts_pixels_by_their_corners_and_features_by_their_centres() -> None:
    matcher = LoftrMatcher(network=FakeLoftr(), device=CPU)
    first, second = np.zeros((2, 3, HEIGHT, WIDTH), np.uint8)
    first[:, 24, 40], second[:, 48, 16] = 90, 90  # cells 5, 3 and 2, 6
    first[:, 32, 72], second[:, 16, 96] = 200, 200
    features = matcher.features(first), matcher.features(second)
    own, theirs = matcher.match(*features).points(*features)
    assert own.tolist() == [[39.5, 23.5], [71.5, 31.5]]
    assert theirs.tolist() == [[18.5, 45.0], [98.5, 13.0]]


def test_loftr_leaves_out_cells_without_image() -> None:
    matcher = LoftrMatcher(network=FakeLoftr(), device=CPU)
    first, second = np.zeros((2, 3, HEIGHT, WIDTH), np.uint8)
    first[:, 24, 40], second[:, 48, 16] = 90, 90
    first[:, 32, 72], second[:, 16, 96] = 200, 200
    valid = EVERYWHERE.copy()
    valid[:, :60] = False
    half, whole = matcher.features(first, valid), matcher.features(second)
    assert matcher.match(half, whole).points(half, whole)[0].tolist() == [[71.5, 31.5]]
    nothing = matcher.features(first, ~EVERYWHERE)
    assert len(matcher.match(nothing, whole)) == len(matcher.match(whole, nothing)) == 0


@needs_kornia
def test_lightglue_pairs_no_point_twice_and_nothing_with_nothing() -> None:
    torch.manual_seed(0)
    network = lightglue(kornia(), "disk")
    network.conf.filter_threshold = 0.0  # random weights are sure of nothing
    pairing = LightGluePairing(network, CPU)
    rng = np.random.default_rng(2)
    first, second = (
        PicturePoints(
            rng.uniform(0, 90, (count, 2)).astype(np.float32),
            rng.normal(size=(count, 128)).astype(np.float32), (WIDTH, HEIGHT),
        )
        for count in (17, 23)
    )  # fmt: skip
    pairs = pairing(first, second)
    assert len(pairs) > 0
    assert (np.diff(pairs.first) > 0).all()
    assert len(set(pairs.second.tolist())) == len(pairs)
    assert pairs.first.max() < 17
    assert pairs.second.max() < 23
    none = PicturePoints(np.empty((0, 2), np.float32), np.empty((0, 128), np.float32), (9, 9))
    assert len(pairing(none, second)) == len(pairing(first, none)) == 0


@needs_kornia
def test_published_weights_of_lightglue_have_other_names() -> None:
    torch.manual_seed(1)
    wanted = lightglue(kornia(), "aliked").state_dict()
    published = {
        name.replace("transformers.4.self_attn", "self_attn.4")
        .replace("transformers.2.cross_attn", "cross_attn.2"): each
        for name, each in wanted.items()
        if name != "confidence_thresholds"
    }  # fmt: skip
    assert set(published) - set(wanted)
    assert set(renamed(published)) == set(wanted) - {"confidence_thresholds"}
    network = lightglue(kornia(), "aliked")
    fill(network, published)
    for name, each in network.state_dict().items():
        assert torch.equal(each, wanted[name]), name


def saved(folder: Path, file: WeightsFile, tensors: dict[str, torch.Tensor]) -> None:
    folder.mkdir(exist_ok=True)
    torch.save({file.part: tensors} if file.part else tensors, folder / file.names[-1])


@needs_kornia
def test_every_matcher_is_made_of_the_files_in_a_folder(tmp_path: Path) -> None:
    torch.manual_seed(5)
    made = kornia()
    loftr = {f"matcher.{name}": each for name, each in made.LoFTR(None).state_dict().items()}
    saved(tmp_path, weights.LOFTR, loftr)
    saved(tmp_path, weights.DISK, made.DISK().state_dict())
    saved(tmp_path, weights.DISK_LIGHTGLUE, lightglue(made, "disk").state_dict())
    saved(tmp_path, weights.ALIKED, made.ALIKED("aliked-n16").state_dict())
    saved(tmp_path, weights.ALIKED_TURNED, made.ALIKED("aliked-n16rot").state_dict())
    saved(tmp_path, weights.ALIKED_LIGHTGLUE, lightglue(made, "aliked").state_dict())
    for name in LEARNED:
        matcher = learned_matcher(name, device=CPU, folder=tmp_path)
        assert len(matcher.features(IMAGE)) > 0, name
        if isinstance(matcher, LoftrMatcher):
            assert not matcher.network.training
            filled = matcher.network.state_dict()
            assert all(torch.equal(filled[name], loftr[f"matcher.{name}"]) for name in filled)


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch hub's cache would be, but is not."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch" / "hub" / "checkpoints"


def test_weights_that_are_nowhere_are_told_in_one_line(tmp_path: Path, no_cache: Path) -> None:
    with pytest.raises(MissingInputError) as told:
        read_weights(weights.LOFTR, matcher="loftr", folder=tmp_path / "w")
    assert str(told.value) == (
        f"matcher 'loftr' needs loftr_outdoor.ckpt, which is neither in {tmp_path / 'w'} nor in "
        f"{no_cache}; put it into a folder and name that by '--matcher-weights', or, with a "
        "network, run: python -c 'import kornia.feature as f; f.LoFTR(\"outdoor\")'"
    )


def test_weights_are_found_in_the_folder_and_then_in_the_cache(
    tmp_path: Path, no_cache: Path
) -> None:
    no_cache.mkdir(parents=True)
    for place, value in ((no_cache, 1.0), (tmp_path / "w", 2.0)):
        saved(place, weights.DISK, {"a": torch.tensor(value)})
    read = [
        read_weights(weights.DISK, matcher="disk-lightglue", folder=folder)["a"]
        for folder in (None, tmp_path / "w", tmp_path / "elsewhere")
    ]
    assert read == [1.0, 2.0, 1.0]


def test_files_that_hold_no_weights_are_told(tmp_path: Path) -> None:
    (tmp_path / "loftr_outdoor.ckpt").write_text("not found")
    with pytest.raises(UnreadableInputError, match=r"loftr_outdoor\.ckpt holds no weights"):
        read_weights(weights.LOFTR, matcher="loftr", folder=tmp_path)


@needs_kornia
def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    saved(tmp_path, weights.ALIKED_TURNED, {"conv1.weight": torch.zeros(3)})
    with pytest.raises(UnreadableInputError, match="does not fit matcher 'aliked'") as told:
        learned_matcher("aliked", device=CPU, folder=tmp_path)
    assert "\n" not in str(told.value)
    torch.manual_seed(0)
    saved(tmp_path, weights.ALIKED_TURNED, kornia().ALIKED("aliked-t16").state_dict())
    with pytest.raises(UnreadableInputError, match="does not fit matcher 'aliked'"):
        learned_matcher("aliked", device=CPU, folder=tmp_path)


def test_kornia_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kornia", None)
    with pytest.raises(ConfigurationError, match=r"which is not installed; run pip install"):
        learned_matcher("disk-lightglue", device=CPU)


@needs_kornia
def test_trained_points_find_a_picture_that_is_turned_and_shifted() -> None:
    if not (SHARED_WEIGHTS / "aliked-n16rot.pth").is_file():
        pytest.skip("the weights of ALIKED are not there")
    matcher = learned_matcher("aliked", device=CPU, folder=SHARED_WEIGHTS)
    image = textured(160, blur_px=2)
    turn = cv2.getRotationMatrix2D((79.5, 79.5), 15, 1.1)  # by pixels' centres
    pixels = cv2.warpAffine(np.moveaxis(image, 0, -1), turn, (160, 160), flags=cv2.INTER_CUBIC)
    turned = np.ascontiguousarray(np.moveaxis(pixels, -1, 0))
    first, second = matcher.features(image), matcher.features(turned)
    own, theirs = matcher.match(first, second).points(first, second)
    off = theirs - (own @ turn[:, :2].T + turn[:, 2])
    right = np.linalg.norm(off, axis=1) < 1
    assert right.sum() > 50
    assert right.mean() > 0.7
    assert np.abs(np.median(off[right], axis=0)).max() < 0.25


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("matchers")
    tileset = tiny_tileset(folder / "tiles", cols=2, rows=2, tile_px=64)
    return load_model(tiny_model(folder / "model", tileset, network_input="image"))


def of_config(model: Model, **values: Any) -> Model:
    torch.manual_seed(4)
    config = replace(ModelConfig(backbone="resnet18", weights="none", input="image"), **values)
    network = build_network(config, tile_px=64).eval()
    return replace(model, config=config, network=network)


GRID = {"head": "grid", "grid_channels": 6, "input_px": 64, "gallery_scales": (0.5, 1.0)}


@pytest.mark.parametrize(
    ("values", "cells"),
    [
        # Twice the search's size; a search of half a tile sees it as large as a tile: 4 times.
        ({**GRID, "trunk": "layer3"}, (24, 32)),
        ({"head": "max", "trunk": "layer3", "input_px": 64}, (12, 16)),
        ({"head": "max", "trunk": "layer4", "input_px": 128}, (12, 16)),
        ({"head": "max", "trunk": "layer4", "input": "image+mask", "input_px": 128}, (12, 16)),
    ],
)
def test_cells_of_a_model_are_unit_vectors_in_the_layout_of_the_picture(
    model: Model, values: dict[str, Any], cells: tuple[int, int]
) -> None:
    maps = ModelMaps(of_config(model, **values))
    with torch.inference_mode():
        found = maps(torch.from_numpy(IMAGE[None].astype(np.float32) / 255))
    assert found.shape[2:] == cells
    np.testing.assert_allclose(np.linalg.norm(found.numpy(), axis=1), 1, atol=1e-4)


def test_a_large_picture_has_no_more_cells_than_can_be_compared(model: Model) -> None:
    maps = ModelMaps(of_config(model, **GRID, trunk="layer3"))
    with torch.inference_mode():
        found = maps(torch.zeros(1, 3, 600, 900))
    assert 0.9 * MOST_CELLS < found.shape[2] * found.shape[3] < 1.1 * MOST_CELLS


def test_cells_of_a_picture_match_themselves(model: Model) -> None:
    matcher = DenseMatcher(maps=ModelMaps(of_config(model, **GRID, trunk="layer3")))
    features = matcher.features(IMAGE, EVERYWHERE)
    assert len(features) == 24 * 32
    pairs = matcher.match(features, features)
    assert len(pairs) > 0.9 * len(features)
    assert (pairs.first == pairs.second).all()


def test_a_model_that_sees_no_images_has_no_cells_to_match(model: Model) -> None:
    for values in ({"input": "mask"}, {"method": "hog"}):
        other = replace(model, config=replace(model.config, **values), network=torch.nn.Identity())  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="has no network that sees images"):
            require_locators("cells", model=other)


def test_every_matcher_that_needs_no_download_is_there(model: Model) -> None:
    assert [len(require_locators(name, model=model)) for name in ("auto", "sift")] == [2, 1]
    (located,) = require_locators("cells", model=model)
    assert isinstance(located, PointLocator)
    assert isinstance(located.matcher, DenseMatcher)
    assert isinstance(located.matcher.match(*[located.matcher.features(IMAGE)] * 2), Matches)
