"""Where recipes lie: a kind and a name go in, the path of a TOML file or its content comes out.

A recipe is found where its path says, else in the checkout (`pipelines/`, `index/`), else in the
data folder of the installation. A pipeline may name another one that it `extends`.
"""

import difflib
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

from aerialret.config.toml import read_document
from aerialret.errors import ConfigurationError, MissingInputError

RecipeKind: TypeAlias = Literal["pipelines", "pipelines/studies", "index"]

DEFAULT_PIPELINE = "aerialret"
"""The recipe of a training that names none, outside a workspace, and of a new workspace."""

EXTENDS = "extends"
"""The top-level key by which a recipe names the one that it changes."""


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
    stems = [Path(recipe).stem for recipe in shipped_recipes(kind)]
    near = difflib.get_close_matches(Path(name).stem, stems, n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    known = ", ".join(stems) or "none"
    raise MissingInputError(f"{name} does not exist; {meant}in {kind}/ aerialret ships {known}")


def read_recipe(path: Path) -> dict[str, Any]:
    """The sections of the pipeline in `path`, those of the recipe that it extends underneath.

    Keys of the extending file win, key by key. Relative paths in either are relative to `path`.

    Args:
        path: A TOML file, whose key `extends` may name a file beside it or a shipped recipe.

    Raises:
        MissingInputError: The file, or one that it extends, is not there.
        ConfigurationError: One of them is not TOML, or they extend each other in a circle.
    """
    return _resolved(path, below=())


def shipped_recipes(kind: RecipeKind) -> list[str]:
    """File names of the recipes that ship with aerialret, sorted."""
    return sorted({path.name for folder in recipe_folders(kind) for path in folder.glob("*.toml")})


def recipe_folders(kind: RecipeKind) -> list[Path]:
    """The folders in which shipped recipes may lie, the checkout's first."""
    checkout = Path(__file__).resolve().parent.parent
    folders = [checkout / kind] if (checkout / "pyproject.toml").is_file() else []
    return [*folders, Path(sysconfig.get_path("data")) / "share" / "aerialret" / kind]


def _resolved(path: Path, *, below: tuple[Path, ...]) -> dict[str, Any]:
    """The content of `path`, which the files `below` extend, one after the other."""
    document = read_document(path)
    chain = (*below, path.resolve())
    name = document.pop(EXTENDS, None)
    if name is None:
        return document
    if not isinstance(name, str):
        raise ConfigurationError(f"{path}: {EXTENDS} is {name!r}, but must be a recipe's name")
    base = _extended(path, name)
    if base.resolve() in chain:
        circle = " extends ".join(link.name for link in (*chain, base))
        raise ConfigurationError(f"{path}: recipes extend each other in a circle: {circle}")
    return _overlaid(_resolved(base, below=chain), document)


def _extended(path: Path, name: str) -> Path:
    """The recipe that `path` means by `name`: beside it, or as for the command line.

    A file of a shipped recipe's own name may extend that recipe.
    """
    beside = path.parent / name
    candidates = [beside, beside.with_name(f"{beside.name}.toml")]
    there = [candidate for candidate in candidates if candidate.is_file()]
    for candidate in there:
        if candidate.resolve() != path.resolve():
            return candidate
    try:
        return find_recipe("pipelines", name)
    except MissingInputError as error:
        if there:
            return path
        raise MissingInputError(f"{path} extends {name}, but {error}") from None


def _overlaid(base: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `document` on top, tables merged key by key."""
    merged = dict(base)
    for key, value in document.items():
        below = merged.get(key)
        tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _overlaid(below, value) if tables else value  # type: ignore[arg-type]
    return merged
