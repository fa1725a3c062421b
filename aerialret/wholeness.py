"""Whether an artefact is whole: a folder and its manifest go in, the first damage comes out."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from aerialret.comparison.contents import MODEL_FOLDER, run_folders
from aerialret.ingestion.ingest_staging import read_date
from aerialret.manifest import Manifest, hash_file, hash_files, hash_value, read_manifest
from aerialret.tiles.tileset import CATALOGUE_NAME, date_folder


def damage(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong with the artefact's files, or None where they are those it was made with."""
    if manifest.kind == "tile_set":
        return next(_tileset_damage(folder, manifest), None)
    names = list(manifest.facts.get("content", []))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        return f"{missing[0]} is missing"
    found = hash_files([folder / name for name in names], root=folder)
    return None if found == manifest.content_hash else f"one of {', '.join(names)} was changed"


def damaged_run(folder: Path) -> str | None:
    """What is wrong with the first damaged model of a comparison; None where all are whole."""
    for run in run_folders(folder):
        model = run / MODEL_FOLDER
        if not model.exists():
            continue  # not trained yet
        found = damage(model, read_manifest(model, kind="model"))
        if found:
            return f"{found} in {model}"
    return None


def _tileset_damage(folder: Path, manifest: Manifest) -> Iterator[str]:
    if not (folder / CATALOGUE_NAME).is_file():
        yield f"{CATALOGUE_NAME} is missing"
    hashes = {}
    for label in manifest.facts["dates"]:
        record = read_date(date_folder(folder, label))
        if record is None:
            yield f"date {label} is missing"
            continue
        yield from _changed_files(date_folder(folder, label), record["content"])
        hashes[label] = hash_value(record["content"])
    if hash_value({"grid": manifest.facts["grid"], "dates": hashes}) != manifest.content_hash:
        yield "its dates are not those its manifest names"


def _changed_files(folder: Path, digests: Mapping[str, str]) -> Iterator[str]:
    for name, digest in sorted(digests.items()):
        if not (folder / name).is_file():
            yield f"{folder.name}/{name} is missing"
        elif hash_file(folder / name) != digest:
            yield f"{folder.name}/{name} was changed"
