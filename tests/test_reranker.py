"""A reranker judges photos that are laid on places; it is learnt, kept by its model, and used."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize
from typer.testing import CliRunner

from aerialret.cli.app import app
from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError, NotAnArtefactError, NothingToDoError
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.photos import photos_of
from aerialret.evaluation.reranker.examples import WRONG, Example, Examples, true_pose
from aerialret.evaluation.reranker.fitting import fitted
from aerialret.evaluation.reranker.train import train_reranker, trained_places
from aerialret.network.checkpoint import Model, load_model, with_reranker
from aerialret.network.gradient_cells import ORIENTATIONS
from aerialret.network.reranker import (
    RERANKER_NAME,
    CellReranker,
    copy_reranker,
    read_reranker,
    save_reranker,
)
from aerialret.tiles.tileset import TileSet
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import SecondLook

from .tiny_tileset import tiny_model, tiny_tileset

LEARNT, EDGES = 6, ORIENTATIONS
DATES = Dates(queries="2019", gallery="2004")
GRID = ModelConfig(
    backbone="resnet18", trunk="layer3", weights="none", head="grid", grid_channels=LEARNT,
    grid_gradients=0.2, input="image", input_px=64,
)  # fmt: skip


def cells(count: int, *, seed: int, side: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, LEARNT + EDGES, side, side, generator=generator), dim=1)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    folder = tmp_path_factory.mktemp("reranker") / "tiles"
    return tiny_tileset(folder, tile_px=64, cols=9, rows=4, masks=False)


@pytest.fixture
def model(tileset: TileSet, tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path / "model", tileset, config=GRID), device="cpu")


def test_untrained_it_is_the_mean_cosine_of_what_the_photo_shows() -> None:
    photo, place = cells(4, seed=1), cells(4, seed=2)
    photo[:, :, :2] = 0
    expected = (photo * place).sum(dim=1)[:, 2:].mean(dim=(1, 2))
    reranker = CellReranker(learnt=LEARNT, edges=EDGES)
    torch.testing.assert_close(reranker(photo, place), expected)


def test_a_photo_that_shows_nothing_agrees_with_nothing() -> None:
    reranker = CellReranker(learnt=LEARNT, edges=EDGES)
    assert reranker(torch.zeros_like(cells(1, seed=1)), cells(1, seed=2)).tolist() == [0.0]


def examples_with_a_road(count: int, *, seed: int) -> list[Example]:
    """Half of each photo is a road that all wrong places have; the rest agrees a little."""
    rng = np.random.default_rng(seed)
    road = cells(1, seed=99)[0]
    examples = []
    for number in range(count):
        own, other = cells(2, seed=1000 * seed + number)
        photo = own.clone()
        photo[:, :3] = road[:, :3]
        right = normalize(own + 1.5 * other, dim=0)
        wrong = cells(3, seed=50_000 * seed + number)
        wrong[:, :, :3] = normalize(road[:, :3] + 0.3 * wrong[:, :, :3], dim=1)
        order = torch.from_numpy(rng.permutation(3))
        place = torch.cat([right[None], wrong[order]])
        examples.append(
            Example(photo=photo.expand(4, -1, -1, -1).bfloat16(), place=place.bfloat16(),
                    kept=torch.ones(4))
        )  # fmt: skip
    return examples


def share_right(reranker: CellReranker, examples: list[Example]) -> float:
    with torch.no_grad():
        firsts = [
            int(reranker(each.photo.float(), each.place.float()).argmax()) for each in examples
        ]
    return firsts.count(0) / len(firsts)


def test_it_learns_what_tells_nothing_of_a_place() -> None:
    known, unseen = examples_with_a_road(160, seed=1), examples_with_a_road(40, seed=2)
    before = CellReranker(learnt=LEARNT, edges=EDGES)
    after = fitted(known, learnt=LEARNT, edges=EDGES, seed=0, device=torch.device("cpu"))
    assert share_right(before, unseen) < 0.2
    assert share_right(after, unseen) > 0.8


def test_examples_may_have_fewer_wrong_places_than_others() -> None:
    some = examples_with_a_road(20, seed=3)
    few = replace(some[0], photo=some[0].photo[:2], place=some[0].place[:2], kept=torch.ones(2))
    reranker = fitted([few, *some], learnt=LEARNT, edges=EDGES, seed=0, device=torch.device("cpu"))
    assert all(torch.isfinite(value).all() for value in reranker.state_dict().values())


def test_it_is_read_as_it_was_saved_beside_its_model_alone(tmp_path: Path) -> None:
    reranker = fitted(
        examples_with_a_road(16, seed=4), learnt=LEARNT, edges=EDGES, seed=0,
        device=torch.device("cpu"),
    )  # fmt: skip
    assert read_reranker(tmp_path, model="a", learnt=LEARNT, edges=EDGES) is None
    save_reranker(reranker, tmp_path, model="a")
    again = read_reranker(tmp_path, model="a", learnt=LEARNT, edges=EDGES)
    assert again is not None
    photo, place = cells(3, seed=1), cells(3, seed=2)
    torch.testing.assert_close(again(photo, place), reranker(photo, place))
    assert read_reranker(tmp_path, model="b", learnt=LEARNT, edges=EDGES) is None
    (tmp_path / RERANKER_NAME).write_bytes(b"no tensors")
    with pytest.raises(NotAnArtefactError, match=f"{RERANKER_NAME} is no readable reranker"):
        read_reranker(tmp_path, model="a", learnt=LEARNT, edges=EDGES)


def test_a_copy_of_a_model_follows_it(tmp_path: Path) -> None:
    model, copy = tmp_path / "model", tmp_path / "copy"
    model.mkdir()
    copy.mkdir()
    save_reranker(CellReranker(learnt=LEARNT, edges=EDGES), model, model="a")
    copy_reranker(model, copy)
    assert (copy / RERANKER_NAME).read_bytes() == (model / RERANKER_NAME).read_bytes()
    (model / RERANKER_NAME).unlink()
    copy_reranker(model, copy)
    assert not (copy / RERANKER_NAME).exists()


def test_an_example_is_the_photo_on_its_place_and_on_others(tileset: TileSet, model: Model) -> None:
    places = trained_places(tileset, model, dates=DATES)
    source = Examples(
        tileset=tileset, model=model, dates=DATES, tiles=frozenset(places),
        known=GalleryCache(tileset, model),
    )  # fmt: skip
    (example,) = source.of(places[5:6], protocol="aligned", modality="image", seed=3)
    assert example.photo.shape == example.place.shape == (1 + WRONG, LEARNT + EDGES, 4, 4)
    look = SecondLook(model, tile_px=64, modality="image")
    photos = photos_of(tileset, dates=DATES, protocol="aligned", seed=3, tiles=places[5:6])
    batch = photos.cut(tileset, slice(0, 1)).batch
    (laid,) = look.laid_at(batch, [true_pose(photos, 0)], ["2004"], ReferenceReader(tileset))
    torch.testing.assert_close(example.place[0].float(), laid.place, atol=0.01, rtol=0.01)
    torch.testing.assert_close(example.photo[0].float(), laid.photo, atol=0.01, rtol=0.01)
    mean = (laid.photo * laid.place).sum(dim=0).mean() * laid.kept
    assert float(mean) == pytest.approx(laid.mean, abs=0.05)


def test_second_looks_are_judged_by_the_reranker_that_lies_beside_the_model(
    tileset: TileSet, model: Model
) -> None:
    tile = tileset.tiles("2004")[3]
    photos = photos_of(tileset, dates=DATES, protocol="aligned", seed=3, tiles=[tile])
    batch = photos.cut(tileset, slice(0, 1)).batch
    poses, reader = [true_pose(photos, 0)], ReferenceReader(tileset)

    def fit(judging: Model) -> float:
        look = SecondLook(judging, tile_px=64, modality="image")
        return look.fits_at(batch, poses, ["2004"], reader)[0].score

    plain = fit(model)
    reranker = CellReranker(learnt=LEARNT, edges=EDGES)
    torch.nn.init.constant_(list(reranker.pattern.parameters())[-1], 0.25)
    save_reranker(reranker, model.folder, model=model.content_hash)
    judged = fit(with_reranker(model))
    assert judged == pytest.approx(plain + 0.25, abs=0.05)
    save_reranker(reranker, model.folder, model="another model")
    assert fit(with_reranker(model)) == plain


def test_training_one_sees_training_places_only_and_repeats_to_the_bit(
    tileset: TileSet, model: Model
) -> None:
    report = train_reranker(tileset, model, dates=DATES, seed=1)
    split = model.split.set_index("place")["split"]
    places = trained_places(tileset, model, dates=DATES)
    assert {split[tile.place] for tile in places} == {"train"}
    assert (report.places, report.photos) == (len(places), 2 * len(places))
    first = (model.folder / RERANKER_NAME).read_bytes()
    train_reranker(tileset, model, dates=DATES, seed=1)
    assert (model.folder / RERANKER_NAME).read_bytes() == first


def test_too_few_places_and_other_heads_are_refused(tileset: TileSet, tmp_path: Path) -> None:
    small = tiny_tileset(tmp_path / "tiles", tile_px=64, cols=5, rows=2, masks=False)
    few = load_model(tiny_model(tmp_path / "few", small, config=GRID), device="cpu")
    with pytest.raises(NothingToDoError, match=r"^4 places .* but a reranker needs 20"):
        train_reranker(small, few, dates=DATES, seed=0)
    pooled = load_model(tiny_model(tmp_path / "pooled", tileset), device="cpu")
    with pytest.raises(ConfigurationError, match="has no head 'grid'"):
        train_reranker(tileset, pooled, dates=DATES, seed=0)


def test_the_command_trains_one(tileset: TileSet, tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "model", tileset, config=GRID)
    run = CliRunner().invoke(
        app, ["train-reranker", str(tileset.folder), "--model", str(folder), "--seed", "2"]
    )
    assert run.exit_code == 0, run.output
    assert "reranker trained on 48 photos of 24 training places" in run.output
    assert load_model(folder, device="cpu").reranker is not None
