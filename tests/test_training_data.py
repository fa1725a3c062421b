"""Training pixels are what the evaluation sees, wherever they lie."""

import numpy as np
import pytest
import torch

from aerialret.config import ModelConfig
from aerialret.network.inputs import pictures
from aerialret.tiles.tileset import TileSet
from aerialret.training import training_data
from aerialret.training.training_data import DatePixels, PlacePixels, fits, load_places
from tests.tiny_tileset import tiny_tileset

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tiles") / "set", cols=3, rows=2)


def loaded(tileset: TileSet, *, side: int = 0, encoding: str = "grey") -> PlacePixels:
    places = sorted(tileset.tiles("2004"))
    return load_places(tileset, places, dates=("2019", "2004"), encoding=encoding, side=side)


def test_rows_are_places_and_sides_are_dates(tileset: TileSet) -> None:
    places = sorted(tileset.tiles("2004"))
    found = loaded(tileset)
    assert np.array_equal(found.query.images.numpy(), tileset.read("2019", places).images)
    assert np.array_equal(found.gallery.images.numpy(), tileset.read("2004", places).images)


@pytest.mark.parametrize("encoding", ["grey", "rgb"])
def test_tiles_are_resized_as_the_evaluation_resizes_them(tileset: TileSet, encoding: str) -> None:
    places = sorted(tileset.tiles("2004"))
    config = ModelConfig(input_px=20, trunk="layer3", mask_encoding=encoding)
    seen = pictures(tileset.read("2019", places), config=config, device=CPU)
    found = loaded(tileset, side=20, encoding=encoding).query
    assert found.images.dtype == found.masks.dtype == torch.uint8
    assert (found.images.float() / 255 - seen.image).abs().max() <= 0.501 / 255
    torch.testing.assert_close(found.masks.float() / 255, seen.mask)


def test_a_batch_holds_the_rows_asked_for(tileset: TileSet) -> None:
    pixels = loaded(tileset).to(CPU).query
    rows = np.array([4, 1, 1])
    batch = pixels.take(rows, device=CPU)
    assert torch.equal(batch.images, pixels.images[[4, 1, 1]])
    assert torch.equal(batch.masks, pixels.masks[[4, 1, 1]])
    assert torch.equal(batch.has_mask, pixels.has_mask[[4, 1, 1]])
    assert len(pixels.take(np.empty(0, np.int64), device=CPU)) == 0


def test_a_batch_from_ordinary_memory_is_copied_to_its_device(tileset: TileSet) -> None:
    pixels = loaded(tileset).query
    batch = pixels.take(np.array([2, 0]), device=torch.device("meta"))
    assert batch.images.device.type == "meta"
    assert batch.images.shape == (2, 3, 32, 32)


def test_tiles_stay_where_they_are_if_a_gpu_has_no_room(
    tileset: TileSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = loaded(tileset)
    needed = pixels.query.nbytes + pixels.gallery.nbytes
    assert needed == 2 * 6 * 4 * 32 * 32
    gpu = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * needed - 1, 10**12))
    assert not fits(needed, gpu)
    assert pixels.to(gpu) is pixels
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2 * needed, 10**12))
    assert fits(needed, gpu)
    assert fits(10**15, CPU)


def test_no_place_gives_no_pixel(tileset: TileSet) -> None:
    none = load_places(tileset, [], dates=("2019", "2004"), encoding="grey", side=16)
    assert len(none) == 0
    assert none.query.images.shape == (0, 3, 16, 16)
    assert isinstance(none.gallery, DatePixels)


def test_tiles_are_read_in_portions_and_the_progress_tells(
    tileset: TileSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_data, "READ_AT_ONCE", 4)
    told: list[tuple[int, int]] = []
    places = sorted(tileset.tiles("2004"))
    load_places(
        tileset, places, dates=("2019", "2004"), encoding="grey",
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(4, 12), (6, 12), (10, 12), (12, 12)]
