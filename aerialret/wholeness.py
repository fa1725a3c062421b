"""Whether an artefact is whole: a folder goes in, the hash of what it holds now comes out."""

from pathlib import Path

from aerialret.manifest import Manifest, hash_files


def content_hash(folder: Path, manifest: Manifest) -> str:
    """The content hash that `folder` has now; equal to the manifest's where nothing was touched."""
    names = manifest.facts.get("content", [])
    return hash_files([folder / name for name in names], root=folder)
