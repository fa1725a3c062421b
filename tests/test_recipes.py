from pathlib import Path

import pytest

from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.recipes import find_recipe, shipped_recipes
from aerialret.retrieval.index_recipe import Recipe, read_recipe


@pytest.mark.parametrize("name", ["flat", "flat.toml", "index/flat.toml"])
def test_a_shipped_recipe_is_found_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_recipe(find_recipe("index", name)) == Recipe()


def test_a_file_that_exists_wins_over_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flat.toml").write_text('factory = "HNSW8"\nrecall_floor = 0.9\n')
    monkeypatch.chdir(tmp_path)
    assert read_recipe(find_recipe("index", "flat.toml")).factory == "HNSW8"


def test_a_missing_recipe_names_those_that_exist() -> None:
    with pytest.raises(MissingInputError, match=r"index/nothing\.toml does not.*index/flat\.toml"):
        find_recipe("index", "index/nothing.toml")


def test_a_path_is_no_name_of_a_shipped_recipe(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        find_recipe("index", str(tmp_path / "flat.toml"))


def test_the_shipped_index_recipes_can_all_be_read() -> None:
    recipes = [read_recipe(find_recipe("index", name)) for name in shipped_recipes("index")]
    assert recipes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('factori = "Flat"', "unknown key 'factori'; did you mean 'factory'"),
        ('metric = "l2"', "metric is 'l2', but must be one of inner_product"),
        ("recall_floor = 1.5", "recall_floor is 1.5, but must be from 0 to 1"),
        ('factory = ""', "factory is empty"),
        ("factory = ", "not valid TOML"),
    ],
)
def test_a_recipe_is_read_strictly(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        read_recipe(path)
