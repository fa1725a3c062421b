from pathlib import Path

import pytest

from aerialret.errors import ConfigurationError, MissingInputError
from aerialret.recipes import find_recipe, read_recipe, recipe_folders, shipped_recipes
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_recipe import read_recipe as read_index_recipe
from aerialret.workspace import open_workspace


@pytest.mark.parametrize("name", ["flat", "flat.toml", "index/flat.toml"])
def test_a_shipped_recipe_is_found_by_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_index_recipe(find_recipe("index", name)) == Recipe()


def test_a_file_that_exists_wins_over_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flat.toml").write_text('factory = "HNSW8"\nrecall_floor = 0.9\n')
    monkeypatch.chdir(tmp_path)
    assert read_index_recipe(find_recipe("index", "flat.toml")).factory == "HNSW8"


def test_a_missing_recipe_names_those_that_exist() -> None:
    with pytest.raises(MissingInputError, match=r"index/nothing\.toml does not.*in index/.*flat"):
        find_recipe("index", "index/nothing.toml")
    with pytest.raises(MissingInputError, match=r"did you mean 'image-siamese'\?"):
        find_recipe("pipelines", "image-siames")


def test_a_path_is_no_name_of_a_shipped_recipe(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        find_recipe("index", str(tmp_path / "flat.toml"))


def test_the_shipped_index_recipes_can_all_be_read() -> None:
    recipes = [read_index_recipe(find_recipe("index", name)) for name in shipped_recipes("index")]
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
        read_index_recipe(path)


def written(folder: Path, **texts: str) -> Path:
    """Recipes NAME.toml in `folder`; the first one's path."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(text)
    return folder / f"{next(iter(texts))}.toml"


def test_the_extending_recipe_wins_key_by_key(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        top='extends = "middle"\n[model]\ndimensions = 64\n[split]\nseed = 5\n',
        middle='extends = "base.toml"\n[model]\nhead = "spatial"\ndimensions = 32\n',
        base='[model]\nhead = "max"\ntrunk = "layer3"\n[train]\nepochs = 0\n',
    )
    assert read_recipe(path) == {
        "model": {"dimensions": 64, "head": "spatial", "trunk": "layer3"},
        "split": {"seed": 5},
        "train": {"epochs": 0},
    }


def test_a_recipe_that_extends_nothing_is_read_as_it_stands(tmp_path: Path) -> None:
    assert read_recipe(written(tmp_path, empty="")) == {}
    assert read_recipe(written(tmp_path, one="[train]\nepochs = 3\n")) == {"train": {"epochs": 3}}


def test_a_shipped_recipe_can_be_extended_even_under_its_own_name(tmp_path: Path) -> None:
    other = read_recipe(written(tmp_path, mine='extends = "resnet50"\n[model]\nhead = "gem"\n'))
    same = read_recipe(written(tmp_path, resnet50='extends = "resnet50"\n[train]\nseed = 4\n'))
    assert (other["model"]["head"], other["train"]["epochs"]) == ("gem", 0)
    assert (same["model"]["head"], same["train"]["seed"]) == ("max", 4)


def test_a_circle_of_recipes_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, a='extends = "b"', b='extends = "c"', c='extends = "a"')
    with pytest.raises(
        ConfigurationError, match=r"in a circle: a\.toml .*b\.toml .*c\.toml .*a\.toml$"
    ):
        read_recipe(path)
    with pytest.raises(ConfigurationError, match=r"circle: own\.toml extends own\.toml$"):
        read_recipe(written(tmp_path, own='extends = "own"'))


def test_what_is_extended_must_be_there_and_be_a_name(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"a\.toml extends nothing, but nothing does not"):
        read_recipe(written(tmp_path, a='extends = "nothing"'))
    with pytest.raises(ConfigurationError, match="extends is 3, but must be a recipe's name"):
        read_recipe(written(tmp_path, a="extends = 3"))


def test_a_workspace_takes_the_sections_that_a_recipe_inherits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path / "r", a='extends = "b"\n[train]\nseed = 2\n', b="[train]\nepochs = 7")
    train = open_workspace(recipe=path).pipeline.train
    assert (train.epochs, train.seed) == (7, 2)


def test_studies_are_a_kind_of_their_own() -> None:
    assert recipe_folders("pipelines/studies")[0].parent == recipe_folders("pipelines")[0]
    with pytest.raises(MissingInputError, match="nothing does not exist"):
        find_recipe("pipelines/studies", "nothing")
