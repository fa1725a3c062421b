"""The workspace: the current folder goes in, its `aerialret.toml` with usable paths comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aerialret.config import Pipeline, override, parse_pipeline
from aerialret.config.model import WEIGHT_LIBRARIES
from aerialret.config.sources import SourceConfig
from aerialret.config.toml import read_document
from aerialret.errors import ConfigurationError
from aerialret.recipes import read_recipe
from aerialret.services.entries import is_rectangle, is_service

WORKSPACE_FILE = "aerialret.toml"

_KEYWORD_WEIGHTS = ("imagenet", "none")
_MAPPINGS = ("bdtopo", "osm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """What a command works with when its options say nothing else.

    Attributes:
        pipeline: The configuration; every path in it is relative to the current folder or absolute.
        file: The workspace file it came from, or None outside a workspace.
    """

    pipeline: Pipeline
    file: Path | None

    def path(self, given: Path | None, key: str, *, what: str) -> Path:
        """The path that an option gives, else the workspace's `paths.<key>`.

        Raises:
            ConfigurationError: Neither is there.
        """
        if given is not None:
            return given
        if self.file is None:
            raise ConfigurationError(
                f"no {what} was given and this folder has no {WORKSPACE_FILE}; give the {what}, "
                "or start a workspace with 'aerialret init'"
            )
        return Path(getattr(self.pipeline.paths, key))


def find_workspace(start: Path | None = None) -> Path | None:
    """The workspace file in `start` or in the nearest folder above it."""
    folder = (start or Path.cwd()).resolve()
    for candidate in (folder, *folder.parents):
        if (candidate / WORKSPACE_FILE).is_file():
            return candidate / WORKSPACE_FILE
    return None


def open_workspace(
    *,
    start: Path | None = None,
    recipe: Path | None = None,
    assignments: list[str] | None = None,
) -> Workspace:
    """The workspace around a folder, with a recipe's sections and assignments on top.

    Args:
        start: The folder; the current one if None.
        recipe: A pipeline file whose sections replace the workspace's.
        assignments: As `train.epochs=20`; they win.

    Raises:
        MissingInputError: The recipe is not there.
        ConfigurationError: A key or value is not legal.
    """
    file = find_workspace(start)
    pipeline = _read(file) if file else Pipeline()
    if recipe is not None:
        sections = read_recipe(recipe)
        pipeline = _anchored(_merged(pipeline, sections, recipe), recipe.parent, sections)
    if assignments:
        pipeline = override(pipeline, assignments)
    return Workspace(pipeline=pipeline, file=file)


def _read(path: Path) -> Pipeline:
    sections = read_document(path)
    pipeline = parse_pipeline(sections, origin=str(path))
    everything = {**sections, "paths": sections.get("paths", {})}
    return _anchored(pipeline, path.parent, everything)


def _merged(pipeline: Pipeline, sections: Mapping[str, Any], path: Path) -> Pipeline:
    """`pipeline` with every section that the recipe has replaced as a whole."""
    parsed = parse_pipeline(sections, origin=str(path))
    return replace(pipeline, **{name: getattr(parsed, name) for name in sections})


def _anchored(pipeline: Pipeline, folder: Path, sections: Mapping[str, Any]) -> Pipeline:
    """`pipeline` with the relative paths of `sections` made relative to the current folder."""
    changes: dict[str, Any] = {}
    if "paths" in sections:
        names = pipeline.paths.__dataclass_fields__
        anchored = {name: _from(folder, getattr(pipeline.paths, name)) for name in names}
        changes["paths"] = replace(pipeline.paths, **anchored)
    if "sources" in sections:
        changes["sources"] = {
            date: _anchored_source(source, folder) for date, source in pipeline.sources.items()
        }
    if pipeline.split.file and "split" in sections:
        changes["split"] = replace(pipeline.split, file=_from(folder, pipeline.split.file))
    if "model" in sections and _is_path(pipeline.model.weights):
        changes["model"] = replace(pipeline.model, weights=_from(folder, pipeline.model.weights))
    return replace(pipeline, **changes)


def _anchored_source(source: SourceConfig, folder: Path) -> SourceConfig:
    return replace(
        source,
        ortho=tuple(_from(folder, path) for path in source.ortho),
        vectors=tuple(_from(folder, path) for path in source.vectors),
        classes=source.classes if source.classes in _MAPPINGS else _from(folder, source.classes),
        vector_coverage=_file_from(folder, source.vector_coverage),
        date_graph=_file_from(folder, source.date_graph),
        area=source.area if is_rectangle(source.area) else _file_from(folder, source.area),
    )


def _is_path(weights: str) -> bool:
    return weights not in _KEYWORD_WEIGHTS and not weights.startswith(WEIGHT_LIBRARIES)


def _file_from(folder: Path, path: str) -> str:
    """A path that may be left out, as seen from the current folder."""
    return _from(folder, path) if path else ""


def _from(folder: Path, path: str) -> str:
    """`path` as seen from the current folder: relative where it lies below it; services stay."""
    if is_service(path):
        return path
    joined = folder / path
    try:
        return str(joined.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(joined)
