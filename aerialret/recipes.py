"""Where recipes lie: a kind and a name go in, the path of a TOML file comes out.

A recipe is found where its path says, else in the checkout (`pipelines/`, `index/`), else in the
data folder of the installation.
"""

import sysconfig
from pathlib import Path
from typing import Literal, TypeAlias

from aerialret.errors import MissingInputError

RecipeKind: TypeAlias = Literal["pipelines", "index"]


def find_recipe(kind: RecipeKind, name: str) -> Path:
    """The file that `name` means: a path, or the name of a recipe that ships with aerialret.

    Args:
        kind: Which recipes to look among.
        name: As in `index/flat.toml`, `flat.toml`, `flat` or `/home/me/mine.toml`.

    Raises:
        MissingInputError: There is no such file.
    """
    given = Path(name)
    if given.is_file():
        return given
    shipped = given.name if given.suffix == ".toml" else f"{given.name}.toml"
    if given.parent in (Path(), Path(kind)):
        for folder in recipe_folders(kind):
            if (folder / shipped).is_file():
                return folder / shipped
    known = ", ".join(f"{kind}/{recipe}" for recipe in shipped_recipes(kind)) or "none"
    raise MissingInputError(f"{name} does not exist; recipes that ship with aerialret: {known}")


def shipped_recipes(kind: RecipeKind) -> list[str]:
    """File names of the recipes that ship with aerialret, sorted."""
    return sorted({path.name for folder in recipe_folders(kind) for path in folder.glob("*.toml")})


def recipe_folders(kind: RecipeKind) -> list[Path]:
    """The folders in which shipped recipes may lie, the checkout's first."""
    checkout = Path(__file__).resolve().parent.parent
    folders = [checkout / kind] if (checkout / "pyproject.toml").is_file() else []
    return [*folders, Path(sysconfig.get_path("data")) / "share" / "aerialret" / kind]
