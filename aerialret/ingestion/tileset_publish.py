"""Finished dates to a tile set: date folders go in, the catalogue and the manifest come out.

Everything here can be done again: a kill between two steps is repaired by the next ingest.
"""

import shutil
from pathlib import Path
from typing import Any

from aerialret.errors import NotAnArtefactError
from aerialret.ingestion.catalogue import join_catalogues, write_catalogue
from aerialret.ingestion.ingest_staging import TILES_NAME, read_date
from aerialret.manifest import (
    MANIFEST_NAME,
    hash_value,
    new_manifest,
    read_manifest,
    write_manifest,
)
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.grid import Grid
from aerialret.tiles.tileset import CATALOGUE_NAME, DATES_FOLDER, date_folder

_RETIRED = ".retired"


def published_dates(folder: Path) -> dict[str, dict[str, Any]]:
    """The `date.json` of each finished date of a tile set, the oldest first."""
    found = {}
    for path in sorted((folder / DATES_FOLDER).glob("*")):
        content = None if path.name.startswith(".") else read_date(path)
        if content:
            found[path.name] = content
    return dict(sorted(found.items(), key=lambda item: (_chronological(item[0]), item[0])))


def existing_grid(folder: Path) -> Grid | None:
    """The grid of the tile set in `folder`, or None where there is none yet.

    Raises:
        NotAnArtefactError: The folder is something else.
        ArtefactVersionError: The tile set is of a newer format.
    """
    if (folder / MANIFEST_NAME).exists():
        return Grid(**read_manifest(folder, kind="tile_set").facts["grid"])
    if folder.exists() and (not folder.is_dir() or _foreign(folder)):
        raise NotAnArtefactError(
            f"{folder} is no tile set, and it is not empty; give the folder of a tile set, or one "
            "that does not exist yet"
        )
    for content in published_dates(folder).values():
        return Grid(**content["grid"])
    return None


def restore_retired(folder: Path) -> None:
    """Puts back a date whose replacement was cut short between its two renames."""
    for retired in sorted((folder / DATES_FOLDER).glob(f".*{_RETIRED}")):
        label = retired.name.removeprefix(".").removesuffix(_RETIRED)
        if date_folder(folder, label).exists():
            shutil.rmtree(retired, ignore_errors=True)
        else:
            retired.replace(date_folder(folder, label))


def refresh(folder: Path) -> None:
    """Writes the catalogue, then the manifest, unless they already tell the finished dates."""
    dates = published_dates(folder)
    grid = next(iter(dates.values()))["grid"]
    hashes = {label: content["content_hash"] for label, content in dates.items()}
    content_hash = hash_value({"grid": grid, "dates": hashes})
    if _is_current(folder, content_hash):
        return
    rows = join_catalogues({label: date_folder(folder, label) / TILES_NAME for label in dates})
    write_catalogue(folder / CATALOGUE_NAME, rows)
    manifest = new_manifest(
        "tile_set",
        content_hash=content_hash,
        configuration={
            "grid": grid,
            "sources": {label: content["settings"] for label, content in dates.items()},
        },
        facts={
            "grid": grid,
            "dates": list(dates),
            "tiles": {
                label: content["report"]["tiles_written"] for label, content in dates.items()
            },
        },
    )
    write_manifest(folder, manifest)


def _is_current(folder: Path, content_hash: str) -> bool:
    if not (folder / MANIFEST_NAME).exists() or not (folder / CATALOGUE_NAME).exists():
        return False
    return read_manifest(folder, kind="tile_set").content_hash == content_hash


def _foreign(folder: Path) -> bool:
    """Whether the folder holds what no ingest writes, even one that was killed."""
    own = {DATES_FOLDER, CATALOGUE_NAME}
    own |= {f".{name}.partial" for name in (CATALOGUE_NAME, MANIFEST_NAME)}
    return any(path.name not in own for path in folder.iterdir())


def _chronological(label: str) -> tuple[Any, Any]:
    interval = parse_interval(label)
    return interval.first, interval.last
