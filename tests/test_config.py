"""The configuration is read strictly, explained wholly, and lives in one place."""

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from aerialret.config import Pipeline, as_plain, override, parse_pipeline, read_pipeline
from aerialret.config.explain import explained
from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.recipes import read_recipe, recipe_folders
from aerialret.workspace import open_workspace

RECIPES = sorted(recipe_folders("pipelines")[0].glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_pipeline_is_legal(path: Path) -> None:
    assert isinstance(parse_pipeline(read_recipe(path), origin=path.name), Pipeline)


def test_the_published_recipe_differs_from_the_defaults_in_its_split_only() -> None:
    recipe = next(path for path in RECIPES if path.stem == "rfiap2020")
    published, default = as_plain(read_pipeline(recipe)), as_plain(Pipeline())
    assert {key for key in default if published[key] != default[key]} == {"split"}


def test_an_unknown_key_is_named_with_the_nearest_legal_one() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown key 'train\.epoch'.*'epochs'"):
        parse_pipeline({"train": {"epoch": 3}}, origin="a.toml")


def test_a_value_of_the_wrong_type_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"train\.epochs is 'many'.*int"):
        parse_pipeline({"train": {"epochs": "many"}}, origin="a.toml")


def test_a_truth_value_is_no_number() -> None:
    with pytest.raises(ConfigurationError, match=r"train\.epochs is True"):
        parse_pipeline({"train": {"epochs": True}}, origin="a.toml")


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        ("model", "backbone", "vgg", "must be one of resnet18, resnet34, resnet50"),
        ("train", "hard_share", 1.5, "from 0 to 1"),
        ("split", "method", "file", "names no file"),
        ("model", "head_strides", [1, 2], "one stride for each"),
        ("grid", "tile_px", 8, "from 16"),
        ("model", "input_px", 31, "must be at least 32, the stride of layer4, or 0"),
        ("model", "head_filters", [-4, 3, 2], r"model\.head_filters is -4, but must be at least 1"),
        ("model", "head_strides", [1, 0, 1], r"model\.head_strides is 0, but must be at least 1"),
        ("train", "weight_decay", -1, "at least 0"),
        ("train", "threads", -1, "at least 0"),
        ("train", "seed", -1, "at least 0"),
        ("train", "hard_below", 7, "from 0 to 1"),
        ("train", "rate_head", -1, r"train\.rate_head is -1, but must be from 0 to 1"),
        ("train", "rate_trunk", float("nan"), r"train\.rate_trunk is nan"),
        ("train", "margin", float("inf"), r"train\.margin is inf, but must be at least 0"),
        ("split", "seed", -1, "at least 0"),
        ("evaluate", "seed", -1, r"evaluate\.seed is -1"),
    ],
)
def test_an_illegal_value_says_what_is_legal(
    section: str, key: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_pipeline({section: {key: value}}, origin="a.toml")


@pytest.mark.parametrize(
    ("method", "least", "what"),
    [
        ({"trunk": "layer3"}, 16, "the stride of layer3"),
        ({"method": "hog", "input": "image", "hog_cells": 9}, 9, r"model\.hog_cells"),
        ({"method": "colour-histogram", "input": "image"}, 1, None),
    ],
)
def test_tiles_are_not_made_smaller_than_what_describes_them(
    method: dict[str, object], least: int, what: str | None
) -> None:
    for legal in (0, least, 4096):
        parse_pipeline({"model": {**method, "input_px": legal}}, origin="a.toml")
    if what:
        with pytest.raises(ConfigurationError, match=f"is {least - 1}, but.*{least}, {what}"):
            parse_pipeline({"model": {**method, "input_px": least - 1}}, origin="a.toml")


def test_the_explained_defaults_read_back_as_the_defaults() -> None:
    assert parse_pipeline(tomllib.loads(explained(Pipeline())), origin="init") == Pipeline()


def test_the_explanation_covers_every_key() -> None:
    text = explained(Pipeline())
    sections = [getattr(Pipeline(), spec.name) for spec in fields(Pipeline)]
    names = [f.name for s in sections if not isinstance(s, dict) for f in fields(s)]
    assert [name for name in names if f"\n{name} = " not in text] == []


def test_assignments_override_one_key_and_keep_the_others() -> None:
    changed = override(
        Pipeline(), ["train.epochs=3", "model.weights=none", "train.dates=[2019,2004]"]
    )
    assert (changed.train.epochs, changed.model.weights) == (3, "none")
    assert changed.train.dates == ("2019", "2004")
    assert changed.split == Pipeline().split


@pytest.mark.parametrize("text", ["epochs=3", "train.epochs", "nothing.at.all=1"])
def test_an_assignment_that_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        override(Pipeline(), [text])


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="aerialret init"):
        read_pipeline(tmp_path / "none.toml")


def test_paths_of_a_workspace_are_relative_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aerialret.toml").write_text('[sources.2004]\northo = ["ortho/2004"]\n')
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    workspace = open_workspace()
    assert Path(workspace.pipeline.sources["2004"].ortho[0]) == tmp_path / "ortho/2004"
    assert Path(workspace.pipeline.paths.tileset) == tmp_path / "tileset"


def test_a_recipe_replaces_whole_sections_of_the_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aerialret.toml").write_text("[train]\nepochs = 7\nseed = 5\n[query]\ntop = 9\n")
    (tmp_path / "recipe.toml").write_text("[train]\nepochs = 3\n")
    monkeypatch.chdir(tmp_path)
    pipeline = open_workspace(recipe=tmp_path / "recipe.toml").pipeline
    assert (pipeline.train.epochs, pipeline.train.seed, pipeline.query.top) == (3, 0, 9)
