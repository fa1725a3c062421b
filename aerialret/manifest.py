"""The manifest of an artefact: in goes what made it, out comes `manifest.json`, and back."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from aerialret import __version__, atomic
from aerialret.errors import ArtefactVersionError, NotAnArtefactError, WouldOverwriteError

MANIFEST_NAME = "manifest.json"

Kind = Literal["tile_set", "model", "index", "report"]

FORMAT_VERSIONS: dict[Kind, int] = {"tile_set": 2, "model": 1, "index": 1, "report": 1}
"""The newest format of each kind that this version reads, and the one it writes."""

COMMANDS: dict[Kind, str] = {
    "tile_set": "aerialret ingest",
    "model": "aerialret train",
    "index": "aerialret index",
    "report": "aerialret evaluate",
}

_LIBRARIES = ("numpy", "rasterio", "torch", "torchvision", "zarr", "geopandas")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an artefact is, what made it and what it was made from.

    Attributes:
        kind: Which artefact the folder is.
        format_version: Version of the folder's layout.
        content_hash: SHA-256 over the files that carry the artefact's meaning.
        parents: Content hash of each artefact it was made from, by kind.
        configuration: The resolved configuration of the step that made it.
        facts: What the artefact says of itself: counts, dates, grid, scores.
        versions: Versions of aerialret and of the libraries that made it.
    """

    kind: Kind
    format_version: int
    content_hash: str
    parents: Mapping[str, str] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def new_manifest(
    kind: Kind,
    *,
    content_hash: str,
    parents: Mapping[str, str] | None = None,
    configuration: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Manifest:
    """A manifest of the current format with this machine's library versions."""
    return Manifest(
        kind=kind,
        format_version=FORMAT_VERSIONS[kind],
        content_hash=content_hash,
        parents=dict(parents or {}),
        configuration=dict(configuration or {}),
        facts=dict(facts or {}),
        versions=library_versions(),
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes `manifest.json` into `folder` in one step."""
    text = json.dumps(asdict(manifest), indent=2, sort_keys=True, ensure_ascii=False)
    atomic.write_text(folder / MANIFEST_NAME, text + "\n")


def read_manifest(folder: Path, *, kind: Kind | None = None) -> Manifest:
    """The manifest in `folder`.

    Raises:
        NotAnArtefactError: `folder` has no readable manifest, or one of another kind.
        ArtefactVersionError: The format is newer than this version reads.
    """
    wanted = kind.replace("_", " ") if kind else "aerialret artefact"
    hint = f"; make one with '{COMMANDS[kind]}'" if kind else ""
    if not folder.exists():
        raise NotAnArtefactError(
            f"{folder} does not exist, but {_article(wanted)} was expected{hint}"
        )
    if not folder.is_dir():
        raise NotAnArtefactError(f"{folder} is a file, but {_article(wanted)} is a folder{hint}")
    try:
        content = json.loads((folder / MANIFEST_NAME).read_text())
        manifest = Manifest(**content)
    except FileNotFoundError:
        raise NotAnArtefactError(
            f"{folder} is not {_article(wanted)}: it has no {MANIFEST_NAME}{hint}"
        ) from None
    except (ValueError, TypeError, OSError) as error:
        raise NotAnArtefactError(
            f"{folder}/{MANIFEST_NAME} cannot be read as a manifest: {error}{hint}"
        ) from error
    if kind and manifest.kind != kind:
        found = manifest.kind.replace("_", " ")
        raise NotAnArtefactError(
            f"{folder} is {_article(found)}, but {_article(wanted)} was expected{hint}"
        )
    newest = FORMAT_VERSIONS.get(manifest.kind, 0)
    if manifest.format_version > newest:
        raise ArtefactVersionError(
            f"{folder} has format {manifest.format_version}, but this version of aerialret "
            f"({__version__}) reads formats up to {newest}; upgrade aerialret"
        )
    return manifest


def already_made(
    folder: Path,
    *,
    kind: Kind,
    is_ours: Callable[[Manifest], bool],
    made_of: str,
    replace: bool,
) -> Manifest | None:
    """The manifest of what `folder` holds if this request made it; None where it must be made.

    Args:
        folder: Where the request wants its artefact.
        kind: Which artefact.
        is_ours: Whether a manifest is that of this request.
        made_of: What requests differ in, for the message.
        replace: Whether an artefact of another request may be replaced.

    Raises:
        WouldOverwriteError: It holds something else.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    name = kind.replace("_", " ")
    try:
        manifest = read_manifest(folder, kind=kind)
    except NotAnArtefactError as error:
        raise WouldOverwriteError(
            f"{folder} exists and is no {name} ({error}); give another '--out'"
        ) from error
    if is_ours(manifest):
        return manifest
    if not replace:
        raise WouldOverwriteError(
            f"{folder} holds {_article(name)} of another {made_of}; add '--replace' or give "
            "another '--out'"
        )
    return None


def hash_file(path: Path) -> str:
    """SHA-256 over the content of one file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def hash_files(paths: list[Path], *, root: Path) -> str:
    """SHA-256 over names (relative to `root`) and contents of `paths`, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(hash_file(path)))
    return digest.hexdigest()


def hash_value(value: object) -> str:
    """SHA-256 of a JSON-like value, independent of the order of its keys."""
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def library_versions() -> dict[str, str]:
    """Versions of aerialret and the libraries that shape its artefacts, without importing them."""
    found = {"aerialret": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
