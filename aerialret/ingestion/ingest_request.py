"""What an ingest was asked to do: a source and a grid go in, their fingerprint comes out.

A file is known by its name, its size and the SHA-256 of its first and last MiB: imagery is too
large to be read twice. Neither paths nor times take part, so that a moved delivery stays the same.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aerialret.config.sources import SourceConfig
from aerialret.config.toml import as_plain
from aerialret.ingestion.class_mapping import BUILT_IN, mapping_text
from aerialret.ingestion.ortho_files import OrthoFile
from aerialret.ingestion.vector_plan import vector_entries
from aerialret.manifest import hash_value
from aerialret.tiles.grid import Grid
from aerialret.tiles.tileset import grid_facts

_END_BYTES = 1 << 20
_SHAPEFILE_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """What makes the tiles of a date what they are.

    Attributes:
        settings: The source's settings, without paths.
        files: Fingerprints of all files that are read.
        grid: The grid.
    """

    settings: dict[str, Any]
    files: dict[str, Any]
    grid: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the request."""
        return hash_value({"settings": self.settings, "files": self.files, "grid": self.grid})


def request_of(
    source: SourceConfig, *, base: Path, orthos: Sequence[OrthoFile], grid: Grid
) -> IngestRequest:
    """The request that ingesting `source` on `grid` is.

    Args:
        source: Paths and settings.
        base: The folder that relative paths refer to.
        orthos: The orthophotos that were found.
        grid: The tile set's grid.

    Raises:
        MissingInputError: A vector path names nothing.
        ConfigurationError: The class mapping is neither built in nor a file.
    """
    settings = as_plain(source)
    for key in ("ortho", "vectors", "vector_coverage", "area", "gsd_m", "date_graph"):
        del settings[key]  # what they name is among the files
    files: dict[str, Any] = {
        "ortho": [[_identity(member) for member in ortho.members] for ortho in orthos]
    }
    settings["classes"] = Path(source.classes).name
    if source.vectors:
        files["mapping"] = "" if source.classes in BUILT_IN else Path(source.classes).name
        files["mapping_sha256"] = _sha256(mapping_text(source.classes, base=base).encode())
        files["vectors"] = [
            {"class": entry.code, "files": [_vector_identity(path) for path, _ in entry.files()]}
            for entry in vector_entries(source, base=base)
        ]
    if source.vector_coverage:
        path = base / Path(source.vector_coverage).expanduser()
        files["vector_coverage"] = _vector_identity(path) if path.is_file() else []
    return IngestRequest(settings=settings, files=files, grid=grid_facts(grid))


def _vector_identity(path: Path) -> list[dict[str, Any]]:
    if path.suffix.lower() != ".shp":
        return [_identity(path)]
    beside = path.parent.glob(f"{_escape(path.stem)}.*")
    return [_identity(part) for part in sorted(beside) if part.suffix.lower() in _SHAPEFILE_PARTS]


def _identity(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as stream:
        ends = stream.read(_END_BYTES)
        if size > _END_BYTES:
            stream.seek(max(_END_BYTES, size - _END_BYTES))
            ends += stream.read(_END_BYTES)
    return {"name": path.name, "size": size, "sha256": _sha256(ends)}


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _escape(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
