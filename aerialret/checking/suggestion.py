"""Commands that would ingest what was found: dates go in, command lines and TOML come out."""

import math
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shapely

from aerialret.checking.dates import DateParts
from aerialret.checking.extents import is_metric
from aerialret.checking.findings import listed
from aerialret.checking.imagery import Imagery
from aerialret.checking.layers import Vectors
from aerialret.checking.parts import Part, paths_to_name
from aerialret.checking.rasters import crs_of
from aerialret.checking.report import Suggestion
from aerialret.config.sources import GridConfig, SourceConfig
from aerialret.errors import AerialretError
from aerialret.ingestion.imagery.ortho_folders import find_orthos
from aerialret.ingestion.source_files import files_below
from aerialret.ingestion.vectors.vector_layers import VECTOR_SUFFIXES

UNKNOWN_DATE = "YYYY"
"""Stands for a date that no name tells."""

_TILESET = "tiles"
_AUTO = "auto"  # the grid begins at the corner of the first date's imagery
_TILES_ACROSS = 8
_SOURCE, _GRID = SourceConfig(), GridConfig()


def suggest(dates: Sequence[DateParts], *, source: SourceConfig) -> list[Suggestion]:
    """A command for each date that has usable imagery; all with one grid.

    Args:
        dates: What was found.
        source: Settings that were given to the check; they are repeated.
    """
    usable = [date for date in dates if any(part.usable for part in date.imagery)]
    pieces = [piece for date in usable for part in date.imagery for piece in _pieces(part)]
    if not pieces:
        return []
    grid = _grid(usable, pieces)
    return [_suggestion(date, grid=grid, source=source) for date in usable]


def command(suggestion: Suggestion, *, tileset: str = _TILESET) -> str:
    """The command line of a suggestion."""
    words = ["aerialret", "ingest", tileset, "--date", suggestion.date]
    for name, value in {**suggestion.source, **suggestion.grid}.items():
        words.append(f"--{name.replace('_', '-')}")
        words += value if isinstance(value, tuple) else [_plain(value)]
    return shlex.join(words)


def toml(suggestions: Sequence[Suggestion]) -> str:
    """The `[grid]` and `[sources.DATE]` sections of a pipeline file."""
    lines: list[str] = []
    sections = {f'sources."{one.date}"': one.source for one in suggestions}
    grid = suggestions[0].grid if suggestions else {}
    for title, values in {**({"grid": grid} if grid else {}), **sections}.items():
        lines += [f"[{title}]", *(f"{key} = {_literal(value)}" for key, value in values.items())]
        lines.append("")
    return "\n".join(lines)


def _suggestion(date: DateParts, *, grid: dict[str, Any], source: SourceConfig) -> Suggestion:
    conditions: list[str] = []
    orthos = _ortho_paths(date.imagery, conditions)
    vectors = [part for part in date.vectors if part.is_usable]
    values: dict[str, Any] = {"ortho": orthos}
    if vectors:
        values["vectors"] = tuple(
            text for part in vectors for text in _vector_paths(part, conditions)
        )
        mappings = {part.mapping for part in vectors if not part.guessed_class}
        classes = next(iter(mappings), _SOURCE.classes)
        if classes != _SOURCE.classes:
            values["classes"] = classes
    for name in ("ortho_crs", "vector_crs"):
        if getattr(source, name):
            values[name] = getattr(source, name)
    if not date.date:
        conditions.append(f"no name tells the date: write the imagery's year for {UNKNOWN_DATE}")
    return Suggestion(
        date=date.date or UNKNOWN_DATE, source=values, grid=grid, conditions=tuple(conditions)
    )


def _ortho_paths(imagery: Sequence[Imagery], conditions: list[str]) -> tuple[str, ...]:
    found: list[str] = []
    for part in imagery:
        wanted = [file.path for file in part.usable]
        named = (
            paths_to_name(wanted, root=_highest(part.part), below=_orthos_below) if wanted else ()
        )
        if named is None:
            named = (str(part.part.folder),)
            unusable = [file.path for file in part.files if not file.is_usable]
            conditions.append(_move_away(unusable, folder=part.part.folder))
        found += named
    return tuple(found)


def _highest(part: Part) -> Path:
    """The highest folder that a command should name: the delivery's, else the one asked about."""
    return part.folder if part.delivery else part.root


def _orthos_below(folder: Path) -> Sequence[Path]:
    try:
        return find_orthos([str(folder)], base=Path()).paths
    except AerialretError:
        return ()


def _vector_paths(part: Vectors, conditions: list[str]) -> tuple[str, ...]:
    if part.guessed_class:
        conditions.append(
            f"the class {part.guessed_class!r} is a guess from the names of the vector files"
        )
        return tuple(f"{path}={part.guessed_class}" for path in part.part.files)
    bad = {item.path for item in part.damaged}
    named = paths_to_name(
        [path for path in part.part.files if path not in bad],
        root=_highest(part.part),
        below=lambda folder: files_below(folder, suffixes=VECTOR_SUFFIXES),
    )
    if named is None and bad:
        conditions.append(_move_away(sorted(bad), folder=part.part.folder))
    return named or (str(part.part.folder),)


def _move_away(paths: Sequence[Path], *, folder: Path) -> str:
    names = listed([path.name for path in paths]) if paths else "what is of another date"
    return f"first move away from {folder}: {names}"


def _grid(dates: Sequence[DateParts], pieces: Sequence[Any]) -> dict[str, Any]:
    imagery = [part for date in dates for part in date.imagery if part.usable]
    values: dict[str, Any] = {}
    if not is_metric(crs_of(imagery[0].usable[0])):
        values["crs"] = imagery[0].crs
    pixel = max(part.pixel_m for part in imagery)
    size, origin = _tile_size(pieces, pixel_m=pixel)
    if size != _GRID.tile_size_m:
        values["tile_size_m"] = size
    if origin:
        values["origin"] = _AUTO
    return values


def _pieces(part: Imagery) -> list[Any]:
    """Connected pieces of ground."""
    area = shapely.union_all([shapely.box(*box) for box in part.boxes])
    return list(getattr(area, "geoms", [area])) if not area.is_empty else []


def _tile_size(pieces: Sequence[Any], *, pixel_m: float) -> tuple[float, bool]:
    """Side of a tile in metres, and whether the grid should begin at the imagery's corner.

    Eight tiles or more across the ground if there are as many source pixels as tiles have, and
    never more than the default. Ground in many small squares of one size: one tile for each.
    """
    sides = [_sides(piece) for piece in pieces]
    shortest = sorted(min(side) for side in sides)[len(sides) // 2]
    if len(sides) >= 3 * _TILES_ACROSS and all(_alike(side, shortest) for side in sides):
        left, _, _, top = pieces[0].bounds
        return round(shortest, 6), any(value % shortest for value in (left, top))
    largest = max(min(side) for side in sides)
    wanted = max(largest / _TILES_ACROSS, min(_GRID.tile_px * pixel_m, largest))
    return _round_down(min(wanted, _GRID.tile_size_m)), False


def _sides(piece: Any) -> tuple[float, float]:
    left, bottom, right, top = piece.bounds
    return right - left, top - bottom


def _alike(sides: tuple[float, float], side: float) -> bool:
    return all(abs(value - side) < 0.01 * side for value in sides)


def _round_down(value: float) -> float:
    """The next lower of 1, 2, 5, 10, 20, 50… (or a little higher)."""
    unit = 10.0 ** math.floor(math.log10(value * 1.05))
    return max(step * unit for step in (1, 2, 5) if step * unit <= value * 1.05)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _literal(value: Any) -> str:
    if isinstance(value, tuple):
        return "[" + ", ".join(_literal(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
