"""Orthophotos of a source: paths, folders and patterns go in, the imagery files come out.

A delivery holds more than imagery: tile indexes, quicklooks, checksums. What is left out and may be
missed is told.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import rasterio

from aerialret.errors import MissingInputError, UnreadableInputError
from aerialret.ingestion.imagery.bdortho_names import parse_name
from aerialret.ingestion.imagery.ortho_files import ORTHO_SUFFIXES
from aerialret.ingestion.imagery.sidecars import beside, world_file
from aerialret.ingestion.imagery.tile_index import DATA_FOLDER, SUPPLEMENT_FOLDER
from aerialret.ingestion.source_files import files_below, matches

PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg"})
"""Endings that are imagery where something tells the position, else illustrations."""

ECW_SUFFIXES = frozenset({".ecw"})
"""Endings that need a GDAL with a licensed library."""

_ARCHIVE = re.compile(r".+\.(7z(\.\d{3})?|zip|tar(\.gz)?|tgz)", re.IGNORECASE)
_QUICKLOOKS = frozenset({"quicklook", "quicklooks", "ql", "apercu", "apercus", "vignettes"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOrthos:
    """The imagery of a source.

    Attributes:
        paths: The files, in the order of the entries, then of names; each once.
        warnings: What was left out and may be missed.
    """

    paths: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def find_orthos(entries: Sequence[str], *, base: Path, option: str = "--ortho") -> FoundOrthos:
    """The imagery that `entries` name.

    Of an unpacked delivery only what lies in its data folders is taken.

    Args:
        entries: Files, folders (searched to the bottom) or patterns.
        base: The folder that relative entries refer to.
        option: The option the entries were given to, for messages.

    Raises:
        MissingInputError: An entry names nothing, or a folder without imagery.
        UnreadableInputError: All that an entry names needs a library that is not there.
    """
    found: dict[Path, Path] = {}
    warnings: list[str] = []
    for entry in entries:
        named = matches(entry, base=base)
        if not named:
            raise MissingInputError(
                f"{option} {entry}: there is no such file or folder, and no file fits it as a "
                "pattern"
            )
        for path in named:
            here = _in_folder(path, option=option) if path.is_dir() else _as_file(path)
            warnings += here.warnings
            for each in here.paths:
                found.setdefault(each.resolve(), each)
    return FoundOrthos(paths=tuple(found.values()), warnings=tuple(dict.fromkeys(warnings)))


def _as_file(path: Path) -> FoundOrthos:
    if path.suffix.lower() in ECW_SUFFIXES and not _reads_ecw():
        raise UnreadableInputError(_ecw_line([path]))
    return FoundOrthos(paths=(path,))


def _in_folder(folder: Path, *, option: str) -> FoundOrthos:
    wanted = ORTHO_SUFFIXES | PICTURE_SUFFIXES | ECW_SUFFIXES
    files = files_below(folder, suffixes=wanted)
    data = [path for path in files if not _is_supplement(path, folder)]
    plain = [path for path in data if _is_imagery(path)]
    stems = {path.stem.casefold() for path in plain}
    ecw = [
        path
        for path in data
        if path.suffix.lower() in ECW_SUFFIXES and path not in plain
        if path.stem.casefold() not in stems
    ]
    if not plain:
        raise _nothing(folder, ecw=ecw, option=option)
    warnings = [_ecw_line(ecw)] if ecw else []
    lost = [
        path
        for path in data
        if path.suffix.lower() in PICTURE_SUFFIXES and path not in plain
        if path.stem.casefold() not in stems
    ]
    if lost:
        warnings.append(
            f"{_named(lost)} in {folder.name}: left out, as neither a world file nor the name "
            "tells the position"
        )
    return FoundOrthos(paths=tuple(plain), warnings=tuple(warnings))


def _is_imagery(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in PICTURE_SUFFIXES:
        return _has_position(path)
    return suffix in ORTHO_SUFFIXES or (suffix in ECW_SUFFIXES and _reads_ecw())


def _has_position(path: Path) -> bool:
    return bool(
        parse_name(path)
        or path.with_name(f"{path.name}.aux.xml").is_file()
        or world_file(path)
        or beside(path, ".tab")
    )


def _is_supplement(path: Path, folder: Path) -> bool:
    """Whether a file of `folder` belongs to what a delivery holds beside its imagery."""
    above = path.relative_to(folder).parts[:-1]
    if any(SUPPLEMENT_FOLDER.fullmatch(part) or part.lower() in _QUICKLOOKS for part in above):
        return True
    if any(DATA_FOLDER.fullmatch(part) for part in above):
        return False
    return any(_has_data_folder(parent) for parent in _between(path, folder))


def _between(path: Path, folder: Path) -> Iterator[Path]:
    for parent in path.parents:
        yield parent
        if parent == folder:
            return


@lru_cache(maxsize=1024)
def _data_folders(folder: Path, changed_ns: int) -> bool:
    """Whether a folder holds a data folder; `changed_ns` makes a changed folder a new one."""
    return any(DATA_FOLDER.fullmatch(each.name) and each.is_dir() for each in folder.iterdir())


def _has_data_folder(folder: Path) -> bool:
    return _data_folders(folder, folder.stat().st_mtime_ns)


def _nothing(folder: Path, *, ecw: Sequence[Path], option: str) -> Exception:
    if ecw:
        return UnreadableInputError(f"{option} {folder}: {_ecw_line(ecw)}")
    archives = [path for path in folder.rglob("*") if _ARCHIVE.fullmatch(path.name)]
    if archives:
        return MissingInputError(
            f"{option} {folder}: the folder holds no imagery but archives ({_named(archives)}); "
            "unpack them first"
        )
    endings = ", ".join(sorted(ORTHO_SUFFIXES))
    pictures = ", ".join(sorted(PICTURE_SUFFIXES))
    return MissingInputError(
        f"{option} {folder}: the folder holds no file that ends in {endings}, and none in "
        f"{pictures} with a world file; give another folder, or name the files"
    )


def _ecw_line(ecw: Sequence[Path]) -> str:
    return (
        f"{_named(ecw)} cannot be read: ECW needs a licensed library that rasterio's wheels lack; "
        "convert with 'gdal_translate -of COG IN.ecw OUT.tif' of a GDAL that has the ECW driver"
    )


def _named(paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return paths[0].name
    return f"{len(paths)} files (the first is {min(path.name for path in paths)})"


@lru_cache(maxsize=1)
def _reads_ecw() -> bool:
    with rasterio.Env() as environment:
        return "ECW" in environment.drivers()
