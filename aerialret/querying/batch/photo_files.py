"""Photos of a box: files and folders go in, the pictures in them come out, in order, named.

A file that is named itself is taken whatever its ending; of a folder, searched to the bottom, only
what ends as pictures do. What is left out is counted.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aerialret.errors import MissingInputError
from aerialret.querying.georeferenced_files import FOLDER_SUFFIX

PICTURE_ENDINGS = frozenset(
    {
        ".tif", ".tiff", ".jpg", ".jpeg", ".jpe", ".jp2", ".j2k", ".jpx", ".png", ".bmp", ".gif",
        ".webp", ".pgm", ".ppm", ".pnm", ".vrt",
    }
)  # fmt: skip
"""Endings of the files that are taken from folders, in lower case."""

HIDDEN = "hidden"
OWN_PICTURES = "georeferenced by aerialret"


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoFile:
    """A photo to ask about.

    Attributes:
        path: The file, as it can be opened.
        name: Its path below the deepest folder that holds all photos, with slashes.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPhotos:
    """What files and folders hold.

    Attributes:
        photos: In the order of the entries, then of names; each once.
        skipped: How many files were left out, by ending; `HIDDEN` and `OWN_PICTURES` are such too.
        closed: Folders that cannot be read.
    """

    photos: tuple[PhotoFile, ...]
    skipped: Mapping[str, int]
    closed: tuple[Path, ...] = ()


def find_photos(entries: Sequence[Path], *, leave_out: Sequence[Path] = ()) -> FoundPhotos:
    """The pictures that files and folders hold.

    Args:
        entries: Files and folders. A file that is not there counts as one that is.
        leave_out: Files and folders that are not searched: outputs that lie among the photos.

    Raises:
        MissingInputError: Nothing was given but folders without pictures.
    """
    unwanted = {path.absolute() for path in leave_out}
    skipped: Counter[str] = Counter()
    closed: list[Path] = []
    found: dict[Path, Path] = {}
    for entry in entries:
        files = _below(entry, unwanted, skipped, closed) if entry.is_dir() else [entry]
        for path in files:
            found.setdefault(path.resolve(), path)
    if not found:
        raise MissingInputError(_nothing(entries, skipped, closed))
    photos = named_photos(list(found.values()), entries=entries)
    return FoundPhotos(photos=photos, skipped=dict(sorted(skipped.items())), closed=tuple(closed))


def named_photos(paths: Sequence[Path], *, entries: Sequence[Path] = ()) -> tuple[PhotoFile, ...]:
    """The files with their names.

    Args:
        paths: Of the files.
        entries: Files and folders in which they were found; nothing where they were named.
    """
    root = _shared_folder(entries or paths)
    return tuple(PhotoFile(path=path, name=_name(path, root)) for path in paths)


def skipped_words(skipped: Mapping[str, int]) -> str:
    """How many files were left out, for people: `3 files are no photos (.txt 2, hidden 1)`."""
    total = sum(skipped.values())
    kinds = ", ".join(f"{ending or 'no ending'} {count}" for ending, count in skipped.items())
    return f"{total} file{'s are' if total != 1 else ' is'} no photo{'s'[: total != 1]} ({kinds})"


def _below(
    folder: Path, unwanted: set[Path], skipped: Counter[str], closed: list[Path]
) -> list[Path]:
    files = []
    for path in _files(folder, unwanted, closed):
        kind = _left_out_as(path, folder)
        if kind is None:
            files.append(path)
        else:
            skipped[kind] += 1
    return sorted(files)


def _files(folder: Path, unwanted: set[Path], closed: list[Path]) -> Iterator[Path]:
    """All files; linked folders are followed, each folder once."""
    seen: set[Path] = set()
    walk = os.walk(
        folder, followlinks=True, onerror=lambda error: closed.append(Path(error.filename))
    )
    for name, folders, files in walk:
        here = Path(name)
        if here.absolute() in unwanted or here.resolve() in seen:
            folders.clear()
            continue
        seen.add(here.resolve())
        folders.sort()
        yield from (here / file for file in files if (here / file).absolute() not in unwanted)


def _left_out_as(path: Path, folder: Path) -> str | None:
    """What a file is that is no photo; None for a photo."""
    if any(part.startswith(".") for part in path.relative_to(folder).parts):
        return HIDDEN
    if path.suffix.lower() not in PICTURE_ENDINGS:
        return path.suffix.lower()
    if path.name.endswith(FOLDER_SUFFIX) and path.with_suffix(".points").is_file():
        return OWN_PICTURES
    return None


def _shared_folder(entries: Sequence[Path]) -> Path:
    folders = [entry if entry.is_dir() else entry.parent for entry in entries]
    try:
        return Path(os.path.commonpath([os.path.abspath(folder) for folder in folders]))  # noqa: PTH100 (it also removes ".." without following links)
    except ValueError:  # several drives
        return Path()


def _name(path: Path, root: Path) -> str:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (likewise)
    return (whole.relative_to(root) if whole.is_relative_to(root) else whole).as_posix()


def _nothing(entries: Sequence[Path], skipped: Counter[str], closed: list[Path]) -> str:
    named = ", ".join(map(str, entries)) or "no folder"
    others = f"; {skipped_words(skipped)}" if skipped else ""
    shut = f"; {closed[0]} cannot be read" if closed else ""
    return (
        f"{named}: no picture in there{others}{shut}; give a folder with files that end in "
        f"{', '.join(sorted(PICTURE_ENDINGS))}"
    )
