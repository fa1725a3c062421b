"""Files of a source: paths, folders and patterns go in, the list of files comes out."""

import glob
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from aerialret.errors import MissingInputError


def find_files(
    entries: Sequence[str], *, base: Path, suffixes: frozenset[str], option: str
) -> list[Path]:
    """The files that `entries` name, in their order; each file once.

    Args:
        entries: Files, folders (searched to the bottom, in the order of names) or patterns.
        base: The folder that relative entries refer to.
        suffixes: Endings of the files to take from folders, in lower case, with the dot.
        option: The option the entries were given to, for messages.

    Raises:
        MissingInputError: An entry names nothing.
    """
    found: dict[Path, Path] = {}
    for entry in entries:
        for path in _expand(entry, base=base, suffixes=suffixes, option=option):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def files_below(folder: Path, *, suffixes: frozenset[str]) -> list[Path]:
    """The files of a folder and its subfolders, in the order of names, without hidden ones."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in suffixes and path.is_file() and not _is_hidden(path, folder)
    )


def matches(entry: str, *, base: Path) -> list[Path]:
    """What a path or a pattern names: files and folders, in the order of names."""
    path = base / Path(entry).expanduser()
    if path.exists():
        return [path]
    return sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 (a pattern may begin with a drive or a root)


def _expand(entry: str, *, base: Path, suffixes: frozenset[str], option: str) -> Iterator[Path]:
    named = matches(entry, base=base)
    if not named:
        raise MissingInputError(
            f"{option} {entry}: there is no such file or folder, and no file fits it as a pattern"
        )
    for path in named:
        yield from _files_at(path, suffixes=suffixes, option=option)


def _files_at(path: Path, *, suffixes: frozenset[str], option: str) -> Iterable[Path]:
    if not path.is_dir():
        return [path]
    found = files_below(path, suffixes=suffixes)
    if not found:
        endings = ", ".join(sorted(suffixes))
        raise MissingInputError(
            f"{option} {path}: the folder holds no file that ends in {endings}; give another "
            "folder, or name the files"
        )
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
