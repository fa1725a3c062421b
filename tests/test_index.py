import shutil
import signal
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from aerialret import atomic
from aerialret.config import IndexConfig
from aerialret.errors import (
    ConfigurationError,
    NotAnArtefactError,
    StaleArtefactError,
    UnknownDateError,
    WouldOverwriteError,
)
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import describe_tiles
from aerialret.retrieval.engines import measure_recall
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import load_index
from aerialret.retrieval.parents import require_parents
from aerialret.retrieval.vector_index import build_vector_index
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from tests.tiny_tileset import FIRST, tiny_model, tiny_tileset

CONFIG = IndexConfig(batch_size=1)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tileset") / "t", missing=(TileId(-1, 6),))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet) -> Model:
    return load_model(tiny_model(tmp_path_factory.mktemp("model") / "m", tileset))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tileset: TileSet, model: Model) -> Path:
    out = tmp_path_factory.mktemp("index") / "i"
    build_index(tileset, model, out, config=CONFIG, recipe=Recipe())
    return out


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_vector_i_is_the_descriptor_of_tile_i(built: Path, tileset: TileSet, model: Model) -> None:
    index = load_index(built)
    tiles = [TileId(c, r) for c, r in zip(index.tiles["col"], index.tiles["row"], strict=True)]
    assert tiles == tileset.tiles("2004")
    wanted = describe_tiles(model, tileset, date="2004", tiles=tiles, modality="image+mask")
    np.testing.assert_allclose(index.vectors.vectors(), wanted, atol=1e-5)


def test_the_tiles_are_geoparquet_with_the_squares_of_the_grid(
    built: Path, tileset: TileSet
) -> None:
    tiles = gpd.read_parquet(built / "tiles.parquet")
    assert list(tiles.columns) == ["place", "col", "row", "date", "geometry"]
    assert tiles.crs == tileset.grid.crs
    assert tuple(tiles.geometry[0].bounds) == tileset.grid.bounds(FIRST)


def test_an_index_works_without_its_model_and_tile_set(built: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "index"
    shutil.copytree(built, moved)
    index = load_index(moved)
    assert index.tileset is None
    assert index.model.content_hash == load_index(built).model.content_hash


def test_an_index_finds_its_tile_set(built: Path, tileset: TileSet) -> None:
    found = load_index(built).tileset
    assert found is not None
    assert found.content_hash == tileset.content_hash


def test_a_killed_build_ends_as_an_undisturbed_one(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    out = tmp_path / "killed"
    script = f"""
import os, signal
from pathlib import Path
from aerialret.network.checkpoint import load_model
from aerialret.config import IndexConfig
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.tiles.tileset import TileSet

def kill_midway(done, total):
    if done > total // 2:
        os.kill(os.getpid(), signal.SIGKILL)

build_index(
    TileSet(Path({str(tileset.folder)!r})), load_model(Path({str(model.folder)!r})),
    Path({str(out)!r}), config=IndexConfig(batch_size=1), recipe=Recipe(), progress=kill_midway,
)
"""
    ended = subprocess.run([sys.executable, "-c", script], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert not out.exists()
    assert list(tmp_path.glob(".killed.partial/*.npy"))
    for folder in (out, tmp_path / "undisturbed"):
        build_index(tileset, model, folder, config=CONFIG, recipe=Recipe())
    assert contents(out) == contents(tmp_path / "undisturbed")
    assert not (tmp_path / ".killed.partial").exists()


def test_a_resumed_build_keeps_the_finished_chunks(
    tileset: TileSet, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "i"

    def stop_late(staging: Path, path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "publish_folder", stop_late)
        with pytest.raises(KeyboardInterrupt):
            build_index(tileset, model, out, config=CONFIG, recipe=Recipe())
    monkeypatch.setattr("aerialret.retrieval.gallery.describe_tiles", None)
    summary = build_index(tileset, model, out, config=CONFIG, recipe=Recipe())
    assert summary.built
    assert len(load_index(out)) == summary.tiles == 27


def test_the_same_request_builds_nothing(built: Path, tileset: TileSet, model: Model) -> None:
    before = contents(built)
    summary = build_index(tileset, model, built, config=CONFIG, recipe=Recipe())
    assert not summary.built
    assert summary.tiles == 27
    assert contents(built) == before


def test_another_request_does_not_overwrite_unless_told(
    built: Path, tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    out = tmp_path / "i"
    shutil.copytree(built, out)
    before = contents(out)
    other = IndexConfig(batch_size=1, dates=("2019", "2004"))
    with pytest.raises(WouldOverwriteError, match="another tile set, model, recipe, dates or"):
        build_index(tileset, model, out, config=other, recipe=Recipe())
    assert contents(out) == before
    build_index(tileset, model, out, config=other, recipe=Recipe(), replace=True)
    assert load_index(out).dates == ["2004", "2019"]
    assert len(load_index(out)) == 27 + 28


def test_a_folder_that_is_no_index_is_never_replaced(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    with pytest.raises(WouldOverwriteError, match="exists and is no index"):
        build_index(tileset, model, tmp_path, config=CONFIG, recipe=Recipe(), replace=True)
    assert contents(tmp_path) == {"diary.txt": b"mine"}


def test_an_unknown_date_is_refused(tileset: TileSet, model: Model, tmp_path: Path) -> None:
    with pytest.raises(UnknownDateError, match="date 1950 was asked for"):
        build_index(
            tileset, model, tmp_path / "i", config=IndexConfig(dates=("1950",)), recipe=Recipe()
        )
    assert not list(tmp_path.iterdir())


def test_a_model_of_another_tile_size_is_refused(model: Model, tmp_path: Path) -> None:
    other = tiny_tileset(tmp_path / "t", tile_px=16)
    with pytest.raises(ConfigurationError, match=r"sees tiles of 32 px, but .* tiles of 16 px"):
        build_index(other, model, tmp_path / "i", config=CONFIG, recipe=Recipe())


def test_a_modality_that_the_model_does_not_see_is_refused(
    tileset: TileSet, tmp_path: Path
) -> None:
    blind = load_model(tiny_model(tmp_path / "m", tileset, network_input="image"))
    with pytest.raises(ConfigurationError, match=r"index\.modalities is 'mask', but .* sees image"):
        build_index(
            tileset, blind, tmp_path / "i", config=IndexConfig(modalities="mask"), recipe=Recipe()
        )


def test_an_index_of_another_model_is_refused_with_the_command_that_mends(
    built: Path, tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    require_parents(load_index(built), model=model, tileset=tileset)
    other = load_model(tiny_model(tmp_path / "m", tileset, seed=1))
    with pytest.raises(StaleArtefactError, match=r"was built from model .* run 'aerialret index "):
        require_parents(load_index(built), model=other, tileset=tileset)


def test_an_index_of_another_tile_set_is_refused(built: Path, model: Model, tmp_path: Path) -> None:
    other = tiny_tileset(tmp_path / "t", seed=1)
    with pytest.raises(StaleArtefactError, match="was built from tile set"):
        require_parents(load_index(built), model=model, tileset=other)


def test_an_index_whose_model_was_exchanged_is_refused(
    built: Path, tileset: TileSet, tmp_path: Path
) -> None:
    out = tmp_path / "i"
    shutil.copytree(built, out)
    shutil.rmtree(out / "model")
    tiny_model(out / "model", tileset, seed=1)
    with pytest.raises(StaleArtefactError, match="but the index was built with"):
        load_index(out).model  # noqa: B018 - the property checks


@pytest.mark.parametrize("name", ["vectors.faiss", "tiles.parquet", "manifest.json"])
def test_a_truncated_index_is_refused(name: str, built: Path, tmp_path: Path) -> None:
    out = tmp_path / "i"
    shutil.copytree(built, out)
    content = (out / name).read_bytes()
    (out / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(NotAnArtefactError, match=name):
        load_index(out)


def test_a_factory_that_cannot_be_built_is_a_configuration_error() -> None:
    vectors = np.eye(8, dtype=np.float32)
    with pytest.raises(ConfigurationError, match="factory 'Nonsense' does not fit"):
        build_vector_index(vectors, recipe=Recipe(factory="Nonsense"))
    with pytest.raises(ConfigurationError, match="factory 'IVF99,Flat' does not fit 8 vectors"):
        build_vector_index(vectors, recipe=Recipe(factory="IVF99,Flat"))


def test_an_index_below_its_recall_floor_is_refused(
    tileset: TileSet, model: Model, tmp_path: Path
) -> None:
    coarse = Recipe(factory="IVF13,Flat", nprobe=1, recall_floor=1.0)
    with pytest.raises(ConfigurationError, match=r"returns 0\.\d+ of the exact neighbours"):
        build_index(tileset, model, tmp_path / "i", config=CONFIG, recipe=coarse)
    assert not (tmp_path / "i").exists()


@pytest.mark.parametrize(("nprobe", "exact"), [(1, False), (20, True)])
def test_the_recipe_decides_how_thoroughly_an_inverted_file_searches(
    nprobe: int, exact: bool
) -> None:
    vectors = np.random.default_rng(0).normal(size=(800, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    index = build_vector_index(vectors, recipe=Recipe(factory="IVF20,Flat", nprobe=nprobe))
    assert (measure_recall(index, vectors) == 1.0) is exact
    np.testing.assert_array_equal(index.vectors(), vectors)
