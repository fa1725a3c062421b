"""What lies at a path: files go in, sorted by what they are to `ingest`."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aerialret.checking.delivery_names import is_archive
from aerialret.errors import AerialretError
from aerialret.ingestion.imagery.ortho_files import ORTHO_SUFFIXES
from aerialret.ingestion.imagery.ortho_folders import PICTURE_SUFFIXES, find_orthos
from aerialret.ingestion.vectors.vector_layers import VECTOR_SUFFIXES
from aerialret.manifest import MANIFEST_NAME

_NEED_ANOTHER_DRIVER = frozenset({".ecw", ".sid", ".mrsid"})
_PICTURES = PICTURE_SUFFIXES | {".gif", ".bmp"}
_OTHER_VECTORS = frozenset(
    {".gml", ".kml", ".kmz", ".dxf", ".dwg", ".mif", ".sql", ".gdb", ".sqlite", ".json"}
)

TILE_INDEXES = frozenset({"dalles", "dalle", "tableau_assemblage"})
"""Stems of vector files that outline the sheets of a delivery of imagery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that `ingest` will not read.

    Attributes:
        path: Where it lies.
        reason: Why, and what can be done.
        is_expected: Whether nothing is lost with it, as with a quicklook.
    """

    path: Path
    reason: str
    is_expected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The files at one path.

    Attributes:
        root: The path.
        orthos: Files that may be orthophotos.
        vectors: Files that may hold vector layers.
        tile_indexes: Vector files that outline the sheets of imagery.
        archives: Packed archives and parts of them.
        skipped: Files that look like imagery or vectors, but are not read.
        artefacts: Folders that aerialret wrote.
        others: How many other files there are, by ending.
    """

    root: Path
    orthos: tuple[Path, ...] = ()
    vectors: tuple[Path, ...] = ()
    tile_indexes: tuple[Path, ...] = ()
    archives: tuple[Path, ...] = ()
    skipped: tuple[SkippedFile, ...] = ()
    artefacts: tuple[Path, ...] = ()
    others: dict[str, int] = field(default_factory=dict)


def take_inventory(root: Path) -> Inventory:
    """The files at `root`, a file or a folder, in the order of names; hidden ones are left out."""
    if root.is_dir() and (root / MANIFEST_NAME).is_file():
        return Inventory(root=root, artefacts=(root,))
    files = [root] if root.is_file() else list(_walk(root))
    imagery = _imagery(root, files)
    kinds: dict[str, list[Path]] = {}
    skipped: list[SkippedFile] = []
    others: Counter[str] = Counter()
    for path in files:
        kind = "ortho" if path in imagery else _kind(path)
        if kind == "skipped":
            skipped.append(_skipped(path))
        elif kind:
            kinds.setdefault(kind, []).append(path)
        else:
            others[path.suffix.lower()] += 1
    return Inventory(
        root=root,
        orthos=tuple(kinds.get("ortho", ())),
        vectors=tuple(kinds.get("vector", ())),
        tile_indexes=tuple(kinds.get("tile index", ())),
        archives=tuple(kinds.get("archive", ())),
        skipped=tuple(skipped),
        artefacts=tuple(kinds.get("artefact", ())),
        others=dict(sorted(others.items())),
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Files below a folder, and folders that are artefacts or file geodatabases, as one each."""
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.name.startswith("."):
            continue
        path = Path(entry.path)
        if not entry.is_dir() or path.suffix.lower() == ".gdb" or (path / MANIFEST_NAME).is_file():
            yield path
        else:
            yield from _walk(path)


def _imagery(root: Path, files: Sequence[Path]) -> set[Path]:
    """The files that `ingest` takes for imagery."""
    endings = ORTHO_SUFFIXES | PICTURE_SUFFIXES
    if not any(path.suffix.lower() in endings for path in files):
        return set()
    try:
        return set(find_orthos([str(root)], base=Path()).paths) & set(files)
    except AerialretError:
        return set()


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if is_archive(path.name):
        return "archive"
    if suffix != ".gdb" and path.is_dir():
        return "artefact"
    if suffix in VECTOR_SUFFIXES:
        return "tile index" if path.stem.lower() in TILE_INDEXES else "vector"
    raster = suffix in ORTHO_SUFFIXES or suffix in _NEED_ANOTHER_DRIVER or suffix in _PICTURES
    return "skipped" if raster or suffix in _OTHER_VECTORS else ""


def _skipped(path: Path) -> SkippedFile:
    suffix = path.suffix.lower()
    if suffix in _NEED_ANOTHER_DRIVER:
        reason = (
            f"{suffix[1:].upper()} needs a licensed library; convert it with 'gdal_translate' of "
            "a GDAL that has its driver, or order the delivery as JPEG2000"
        )
        return SkippedFile(path=path, reason=reason)
    if suffix in _OTHER_VECTORS:
        reason = "no format that is taken from folders; convert it to GPKG with 'ogr2ogr'"
        return SkippedFile(path=path, reason=reason)
    if suffix in ORTHO_SUFFIXES:
        reason = "it lies beside the imagery of its delivery (quicklook, supplement)"
        return SkippedFile(path=path, reason=reason, is_expected=True)
    reason = "a picture without position; search for it with 'aerialret query'"
    return SkippedFile(path=path, reason=reason, is_expected=_is_quicklook(path))


def _is_quicklook(path: Path) -> bool:
    words = ("quicklook", "preview", "thumbnail", "apercu", "vignette")
    return any(word in part.lower() for part in path.parts[-3:] for word in words)
