"""A model's content is its configuration, too: what was made with another one is out of date."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aerialret.config import EvaluateConfig, IndexConfig, ModelConfig, Pipeline, as_plain
from aerialret.errors import (
    ConfigurationError,
    NotAnArtefactError,
    StaleArtefactError,
    WouldOverwriteError,
)
from aerialret.evaluation.evaluate import evaluate
from aerialret.manifest import hash_files, read_manifest, write_manifest
from aerialret.network.checkpoint import CONFIG_NAME, Model, load_model
from aerialret.retrieval.index_build import build_index
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import load_index
from aerialret.tiles.tileset import TileSet
from aerialret.training.train import train
from aerialret.wholeness import damage
from tests.tiny_tileset import tiny_model, tiny_tileset

FEW = ModelConfig(method="hog", input="image", hog_cells=2)
MORE = replace(FEW, hog_cells=3)


@pytest.fixture(scope="module")
def tileset(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    return tiny_tileset(tmp_path_factory.mktemp("tileset") / "t")


@pytest.fixture
def few(tmp_path: Path, tileset: TileSet) -> Model:
    return load_model(tiny_model(tmp_path / "few", tileset, config=FEW))


@pytest.fixture
def more(tmp_path: Path, tileset: TileSet) -> Model:
    return load_model(tiny_model(tmp_path / "more", tileset, config=MORE))


def index(tileset: TileSet, model: Model, out: Path, *, replace: bool = False) -> bool:
    """Whether an index was built."""
    config, recipe = IndexConfig(), Recipe()
    return build_index(tileset, model, out, config=config, recipe=recipe, replace=replace).built


def aged(folder: Path) -> Model:
    """The model in `folder` as it was written before it had a `config.json`."""
    (folder / CONFIG_NAME).unlink()
    manifest = read_manifest(folder)
    content = [name for name in manifest.facts["content"] if name != CONFIG_NAME]
    write_manifest(
        folder,
        replace(
            manifest,
            content_hash=hash_files([folder / name for name in content], root=folder),
            facts={**manifest.facts, "content": content},
        ),
    )
    return load_model(folder)


def test_an_index_of_other_cells_is_refused_and_rebuilt_if_told(
    tileset: TileSet, few: Model, more: Model, tmp_path: Path
) -> None:
    weights = [(model.folder / "model.safetensors").read_bytes() for model in (few, more)]
    assert weights[0] == weights[1]
    out = tmp_path / "index"
    assert index(tileset, few, out)
    assert not index(tileset, few, out)
    with pytest.raises(WouldOverwriteError, match="an index of another tile set, model"):
        index(tileset, more, out)
    assert load_index(out).vectors.dimensions == 2 * 2 * 8
    assert index(tileset, more, out, replace=True)
    assert load_index(out).vectors.dimensions == 3 * 3 * 8


def test_a_report_of_other_cells_is_refused_and_measured_anew_if_told(
    tileset: TileSet, few: Model, more: Model, tmp_path: Path
) -> None:
    config, out = EvaluateConfig(worst=0), tmp_path / "report"
    evaluate(tileset, few, out, config=config)
    with pytest.raises(WouldOverwriteError, match="a report of another tile set, model"):
        evaluate(tileset, more, out, config=config)
    anew = evaluate(tileset, more, out, config=config, replace=True)
    assert anew == evaluate(tileset, more, tmp_path / "other", config=config)
    assert read_manifest(out).parents["model"] == more.content_hash


def test_an_evaluation_refuses_an_index_of_other_cells(
    tileset: TileSet, few: Model, more: Model, tmp_path: Path
) -> None:
    index(tileset, few, tmp_path / "index")
    with pytest.raises(StaleArtefactError, match=r"built from model .* --replace'"):
        evaluate(
            tileset, more, tmp_path / "report", config=EvaluateConfig(),
            index=load_index(tmp_path / "index"),
        )  # fmt: skip


def test_two_trainings_that_differ_in_cells_alone_have_different_content(
    tileset: TileSet, tmp_path: Path
) -> None:
    base = Pipeline()
    base = replace(base, train=replace(base.train, epochs=0))
    for name, config in {"few": FEW, "again": FEW, "more": MORE}.items():
        train(tileset, tmp_path / name, pipeline=replace(base, model=config))
    hashes = {name: load_model(tmp_path / name).content_hash for name in ("few", "again", "more")}
    assert hashes["few"] == hashes["again"] != hashes["more"]
    assert json.loads((tmp_path / "more" / CONFIG_NAME).read_text()) == as_plain(MORE)


def test_a_model_and_the_copy_in_an_index_are_whole_until_the_configuration_is_changed(
    tileset: TileSet, few: Model, tmp_path: Path
) -> None:
    index(tileset, few, tmp_path / "index")
    copy = tmp_path / "index" / "model"
    for folder in (few.folder, copy, tmp_path / "index"):
        assert damage(folder, read_manifest(folder)) is None
    path = copy / CONFIG_NAME
    path.write_text(path.read_text().replace('"hog_cells": 2', '"hog_cells": 3'))
    for folder in (copy, tmp_path / "index"):
        assert "config.json" in (damage(folder, read_manifest(folder)) or "")
    path.unlink()
    assert damage(copy, read_manifest(copy)) == "config.json is missing"


def test_a_model_of_an_earlier_version_describes_and_is_indexed_as_before(
    tileset: TileSet, few: Model, tmp_path: Path
) -> None:
    index(tileset, few, tmp_path / "new")
    shutil.copytree(few.folder, tmp_path / "old-model")
    old = aged(tmp_path / "old-model")
    assert old.config == FEW
    assert damage(old.folder, old.manifest) is None
    index(tileset, old, tmp_path / "old")
    found = load_index(tmp_path / "old")
    assert found.model.config == FEW
    assert damage(found.folder, found.manifest) is None
    np.testing.assert_array_equal(
        found.vectors.vectors(), load_index(tmp_path / "new").vectors.vectors()
    )


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '"hog"'])
def test_a_torn_configuration_is_one_clear_line(few: Model, text: str) -> None:
    (few.folder / CONFIG_NAME).write_text(text)
    with pytest.raises(NotAnArtefactError, match=r"is a damaged model \(config\.json: ") as caught:
        load_model(few.folder)
    assert "\n" not in str(caught.value)


def test_a_configuration_of_unknown_keys_is_named(few: Model) -> None:
    (few.folder / CONFIG_NAME).write_text('{"hog_cell": 2}')
    with pytest.raises(ConfigurationError, match=r"config\.json.*hog_cell"):
        load_model(few.folder)
