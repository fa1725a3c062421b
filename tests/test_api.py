"""Three lines of Python load a model, describe pictures and find their places."""

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import aerialret
from aerialret.api import _as_tiles
from aerialret.config import IndexConfig
from aerialret.errors import ConfigurationError, NotAnArtefactError, NothingToDoError
from aerialret.network.checkpoint import load_model
from aerialret.network.descriptors import describe, describe_queries
from aerialret.recipes import find_recipe
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import read_recipe
from aerialret.tiles.pixel_store import TileBatch
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import tiny_model, tiny_tileset


class World:
    """A tile set, a model and an index on disk."""

    def __init__(self, folder: Path, *, network_input: str = "image+mask") -> None:
        self.tileset: TileSet = tiny_tileset(folder / "tiles")
        self.model = tiny_model(folder / "model", self.tileset, network_input=network_input)
        self.index = folder / "index"
        build_index(
            self.tileset, load_model(self.model, device="cpu"), self.index, config=IndexConfig(),
            recipe=read_recipe(find_recipe("index", "flat")),
        )  # fmt: skip

    def tiles(self, date: str) -> TileBatch:
        return self.tileset.read(date, self.tileset.tiles(date))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def test_importing_the_package_brings_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, aerialret; print(aerialret.__version__); "
        "print(sorted({'torch', 'numpy', 'faiss', 'pandas', 'rasterio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [aerialret.__version__, "[]"]


def test_every_name_that_the_package_offers_is_there() -> None:
    for name in aerialret.__all__:
        assert name in dir(aerialret)
        assert getattr(aerialret, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        aerialret.nothing  # noqa: B018
    assert get_type_hints(aerialret.load_model)["return"] is aerialret.LoadedModel


def test_the_vectors_are_those_of_the_index(world: World) -> None:
    model = aerialret.load_model(str(world.model), device="cpu")
    tiles = world.tiles("2004")
    expected = describe(model.model, tiles, modality="image+mask")
    np.testing.assert_array_equal(model.describe(tiles.images, tiles.masks), expected)
    alone = describe(model.model, tiles, modality="image")
    np.testing.assert_array_equal(model.describe(tiles.images), alone)
    assert not np.allclose(alone, expected)
    by_mask = describe(model.model, tiles, modality="mask")
    np.testing.assert_array_equal(model.describe(masks=tiles.masks), by_mask)


def test_vectors_are_float32_of_unit_length(world: World) -> None:
    model = aerialret.load_model(world.model, device="cpu")
    images = world.tiles("2019").images[:3]
    vectors = model.describe(images)
    assert (vectors.dtype, vectors.shape) == (np.float32, (3, model.length))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_no_picture_gives_no_vector(world: World) -> None:
    model = aerialret.load_model(world.model, device="cpu")
    index = aerialret.load_index(world.index, device="cpu")
    none = np.empty((0, 3, 50, 50), np.uint8)
    assert model.describe(none).shape == (0, model.length)
    assert model.describe_queries(none).shape == (0, 1, model.length)
    assert index.search(model.describe(none)) == []


def test_pictures_of_another_side_are_resized(world: World) -> None:
    model = aerialret.load_model(world.model, device="cpu")
    tiles = world.tiles("2004")
    large = tiles.images[:2].repeat(3, axis=2).repeat(3, axis=3)
    masks = tiles.masks[:2].repeat(3, axis=1).repeat(3, axis=2)
    same = model.describe(tiles.images[:2], tiles.masks[:2])
    resized = model.describe(large, masks)
    # Averaging over 3 x 3 equal pixels, with a filter that reaches a little into the next ones.
    assert np.einsum("nr,nr->n", same, resized).min() > 0.99
    swapped = model.describe(large, masks.transpose(0, 2, 1))
    assert np.abs(swapped - same).max() > np.abs(resized - same).max()


def test_resizing_agrees_with_pillow(world: World) -> None:
    picture = world.tiles("2004").images[0]
    small = _as_tiles(picture[None], None, side=20).images[0]
    expected = Image.fromarray(picture.transpose(1, 2, 0)).resize((20, 20), Image.BILINEAR)
    difference = small.transpose(1, 2, 0).astype(int) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= 1


def test_the_batch_size_changes_nothing(world: World) -> None:
    model = aerialret.load_model(world.model, device="cpu")
    images = world.tiles("2004").images[:5]
    np.testing.assert_allclose(
        model.describe(images, batch_size=2), model.describe(images), atol=1e-6
    )


def test_each_tile_of_the_index_finds_itself(world: World) -> None:
    index = aerialret.load_index(str(world.index), device="cpu")
    tiles = world.tiles("2004")
    hits = index.search(index.model.describe(tiles.images, tiles.masks), top=3)
    assert len(hits) == len(index) == len(tiles)
    assert [found[0].tile for found in hits] == world.tileset.tiles("2004")
    assert all([hit.rank for hit in found] == [1, 2, 3] for found in hits)


def test_of_the_turns_that_are_tried_the_best_one_counts(world: World) -> None:
    index = aerialret.load_index(world.index, device="cpu")
    tiles = world.tiles("2004")
    turned = np.ascontiguousarray(np.rot90(tiles.images[4:5], axes=(2, 3)))
    queries = index.model.describe_queries(turned, rotations=4)
    assert queries.shape == (1, 4, index.model.length)
    batch = TileBatch(turned, np.full_like(tiles.masks[4:5], 255), tiles.valid[4:5])
    expected = describe_queries(index.model.model, batch, modality="image", rotations=4)
    np.testing.assert_array_equal(queries, expected)
    straight = index.model.describe(tiles.images[4:5])
    np.testing.assert_allclose(queries[:, 3], straight, atol=1e-5)
    best = index.search(queries, top=1)[0][0]
    singly = [index.search(queries[:, view], top=1)[0][0].score for view in range(4)]
    assert (best.view, best.score) == (int(np.argmax(singly)), max(singly))


def test_a_search_can_be_kept_to_dates(world: World) -> None:
    index = aerialret.load_index(world.index, device="cpu")
    vectors = index.model.describe(world.tiles("2004").images[:1])
    assert len(index.search(vectors, top=2, dates="2000..2010")[0]) == 2
    with pytest.raises(NothingToDoError, match="2019"):
        index.search(vectors, dates="2019")


def pictures(*shape: int, dtype: type = np.uint8) -> NDArray[np.uint8]:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("images", "masks", "message"),
    [
        (pictures(2, 32, 32, 3), None, r"uint8 \[n, 3, h, w\].*uint8 \[2, 32, 32, 3\].*moveaxis"),
        (pictures(3, 32, 32), None, r"uint8 \[3, 32, 32\]"),
        (pictures(1, 3, 32, 40), None, "h = w"),
        (pictures(1, 3, 32, 32, dtype=np.float32), None, "are float32"),
        (pictures(2, 3, 32, 32), pictures(1, 32, 32), "2 images, but 1 masks"),
        (pictures(1, 3, 32, 32), pictures(1, 1, 32, 32), r"masks must be uint8 \[n, h, w\]"),
        (None, None, "given nothing"),
    ],
)
def test_pictures_of_another_form_are_refused(
    images: NDArray[np.uint8] | None, masks: NDArray[np.uint8] | None, message: str, world: World
) -> None:
    model = aerialret.load_model(world.model, device="cpu")
    with pytest.raises(ConfigurationError, match=message):
        model.describe(images, masks)


def test_a_model_is_asked_for_what_it_sees_only(tmp_path: Path) -> None:
    world = World(tmp_path, network_input="image")
    model = aerialret.load_model(world.model, device="cpu")
    assert model.modalities == ("image",)
    assert model.describe(pictures(1, 3, 32, 32)).shape == (1, model.length)
    with pytest.raises(ConfigurationError, match=r"describes by image, but .* given image\+mask"):
        model.describe(pictures(1, 3, 32, 32), pictures(1, 32, 32))


def test_vectors_of_another_length_are_refused(world: World) -> None:
    index = aerialret.load_index(world.index, device="cpu")
    with pytest.raises(ConfigurationError, match=r"shape \[1, 7\].*describe with its own model"):
        index.search(np.zeros((1, 7), np.float32))


def test_a_folder_that_is_no_artefact_is_named(tmp_path: Path) -> None:
    for load in (aerialret.load_model, aerialret.load_index):
        with pytest.raises(NotAnArtefactError, match="gone does not exist"):
            load(tmp_path / "gone")
