"""What an ingest was asked to do: inputs and a grid go in, their fingerprint comes out.

A file is known by its name, its size and the SHA-256 of its content. Neither paths nor times take
part, so that a moved delivery stays the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerialret.config.toml import as_plain
from aerialret.ingestion.crs import crs_name
from aerialret.ingestion.gathered import Gathered
from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.ingestion.source_files import matches
from aerialret.ingestion.source_hashes import SourceHashes
from aerialret.ingestion.vectors.class_mapping import BUILT_IN, mapping_text
from aerialret.ingestion.vectors.vector_plan import vector_entries
from aerialret.manifest import hash_value
from aerialret.tiles.grid import Grid
from aerialret.tiles.tileset import grid_facts

SAMPLING = 2
"""Grows when the same files give other pixels: 1 was the average at full detail, 2 is that of
wavelet levels."""

_SHAPEFILE_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})
_NAMED_BY_FILES = (
    "ortho", "vectors", "vector_coverage", "area", "gsd_m", "date_graph",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """What makes the tiles of a date what they are.

    Attributes:
        settings: The source's settings, without paths.
        files: Fingerprints of all files that are read.
        grid: The grid.
        orthos: Content and position of each orthophoto, the uppermost first; without names.
    """

    settings: dict[str, Any]
    files: dict[str, Any]
    grid: dict[str, Any]
    orthos: tuple[dict[str, Any], ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the request."""
        return hash_value(
            {
                "settings": self.settings, "files": self.files, "grid": self.grid,
                "orthos": self.orthos,
            }
        )  # fmt: skip


def source_members(gathered: Gathered, *, base: Path) -> list[Path]:
    """Every file that a date is made from, each once."""
    source = gathered.source
    paths = [member for ortho in gathered.orthos for member in ortho.members]
    for entry in vector_entries(source, base=base):
        paths += [part for path, _ in entry.files() for part in _parts(path)]
    for text in (source.vector_coverage, source.date_graph):
        paths += (
            [part for path in matches(text, base=base) for part in _parts(path)] if text else []
        )
    return list(dict.fromkeys(path for path in paths if path.is_file()))


def request_of(
    gathered: Gathered, *, base: Path, grid: Grid, hashes: SourceHashes
) -> IngestRequest:
    """The request that ingesting these inputs on `grid` is.

    Args:
        gathered: The inputs.
        base: The folder that relative paths refer to.
        grid: The tile set's grid.
        hashes: Contents of files.

    Raises:
        MissingInputError: A vector path names nothing.
        ConfigurationError: The class mapping is neither built in nor a file.
    """
    source = gathered.source
    settings = as_plain(source)
    for key in _NAMED_BY_FILES:
        del settings[key]
    settings["classes"] = Path(source.classes).name
    settings["sampling"] = SAMPLING
    files: dict[str, Any] = {
        "ortho": [
            [_identity(member, hashes) for member in ortho.members] for ortho in gathered.orthos
        ]
    }
    if source.vectors:
        text = mapping_text(source.classes, base=base)
        files["mapping"] = "" if source.classes in BUILT_IN else Path(source.classes).name
        files["mapping_sha256"] = hash_value(text)
        files["vectors"] = [
            {
                "class": entry.code,
                "files": [
                    [_identity(part, hashes) for part in _parts(path)] for path, _ in entry.files()
                ],
            }
            for entry in vector_entries(source, base=base)
        ]
    for key in ("vector_coverage", "date_graph"):
        named = getattr(source, key)
        if named:
            found = [part for path in matches(named, base=base) for part in _parts(path)]
            files[key] = [_identity(part, hashes) for part in found if part.is_file()]
    if gathered.intervals:
        files["flown"] = sorted(
            [path.name, str(first), str(last)] for path, (first, last) in gathered.intervals.items()
        )
    return IngestRequest(
        settings=settings,
        files=files,
        grid=grid_facts(grid),
        orthos=tuple(_drawn(ortho, hashes) for ortho in gathered.orthos),
    )


def _drawn(ortho: OrthoFile, hashes: SourceHashes) -> dict[str, Any]:
    """What decides on the pixels that an orthophoto gives."""
    return {
        "content": [hashes.of(member) for member in ortho.members],
        "crs": crs_name(ortho.crs),
        "transform": list(ortho.transform)[:6],
        "bands": list(ortho.bands),
    }


def _parts(path: Path) -> list[Path]:
    """A vector file with what belongs to it."""
    if path.suffix.lower() != ".shp":
        return [path]
    beside = path.parent.glob(f"{_escape(path.stem)}.*")
    return sorted(part for part in beside if part.suffix.lower() in _SHAPEFILE_PARTS)


def _identity(path: Path, hashes: SourceHashes) -> dict[str, Any]:
    return {"name": path.name, "size": path.stat().st_size, "sha256": hashes.of(path)}


def _escape(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
