"""What lies at a path: files go in, sorted by what they are to `ingest`."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aerialret.checking.delivery_names import is_archive
from aerialret.ingestion.ortho_files import ORTHO_SUFFIXES
from aerialret.ingestion.vector_layers import VECTOR_SUFFIXES
from aerialret.manifest import MANIFEST_NAME

_NEED_ANOTHER_DRIVER = frozenset({".ecw", ".sid", ".mrsid"})
_PICTURES = frozenset({".jpg", ".jpeg", ".png", ".gif", ".bmp"})
_OTHER_VECTORS = frozenset(
    {".gml", ".kml", ".kmz", ".dxf", ".dwg", ".mif", ".sql", ".gdb", ".sqlite", ".json"}
)
_QUICKLOOK_WORDS = ("quicklook", "preview", "thumbnail", "apercu", "overview")

TILE_INDEXES = frozenset({"dalles", "dalle", "tableau_assemblage"})
"""Stems of vector files that outline the sheets of a delivery of imagery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedFile:
    """A file that `ingest` will not read.

    Attributes:
        path: Where it lies.
        reason: Why, and what can be done.
    """

    path: Path
    reason: str


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
    kinds: dict[str, list[Path]] = {}
    skipped: list[SkippedFile] = []
    others: Counter[str] = Counter()
    for path in [root] if root.is_file() else _walk(root):
        kind = _kind(path)
        if kind == "skipped":
            skipped.append(SkippedFile(path=path, reason=_why_skipped(path)))
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


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    if is_archive(path.name):
        return "archive"
    if suffix != ".gdb" and path.is_dir():
        return "artefact"
    if suffix in ORTHO_SUFFIXES:
        return "skipped" if _is_quicklook(path) else "ortho"
    if suffix in VECTOR_SUFFIXES:
        return "tile index" if path.stem.lower() in TILE_INDEXES else "vector"
    known = suffix in _NEED_ANOTHER_DRIVER or suffix in _PICTURES or suffix in _OTHER_VECTORS
    return "skipped" if known else ""


def _why_skipped(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix in _NEED_ANOTHER_DRIVER:
        return (
            f"{suffix[1:].upper()} needs a proprietary driver; convert it to GeoTIFF, or order "
            "the delivery as JPEG2000"
        )
    if suffix in _OTHER_VECTORS:
        return "not a format that ingest takes from folders; convert it with ogr2ogr to GPKG"
    if _is_quicklook(path):
        return "a quicklook, no orthophoto"
    return "a picture without georeference; search for it with 'aerialret query'"


def _is_quicklook(path: Path) -> bool:
    return any(word in path.stem.lower() for word in _QUICKLOOK_WORDS)
