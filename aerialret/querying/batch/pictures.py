"""The georeferenced photos of a batch: records go in, their pictures lie in a folder.

Each photo that is located has one, made from its file as it is; no other photo has.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aerialret.errors import AerialretError
from aerialret.querying.batch.photo_files import PhotoFile
from aerialret.querying.batch.record import PhotoRecord
from aerialret.querying.georeferenced_files import write_picture

_BESIDE = (".tif", ".tif.aux.xml", ".points", ".json")  # the summary last: it vouches for the rest


def bring_up_to_date(
    picture: Path,
    *,
    photo: PhotoFile,
    record: PhotoRecord,
    fresh: bool,
    remark: Callable[[str], None],
) -> None:
    """Writes the picture of a photo that is located, and removes that of one that no longer is.

    Args:
        picture: Where it goes.
        photo: The photo.
        record: What is known of it.
        fresh: Whether it was asked about just now, so that a picture that is there is of the file
            as it was before.
        remark: Told what a person must know.
    """
    told = _summary(picture)
    if record.location is None:
        if Path(str(told.get("query", ""))).name == photo.path.name:  # ours, and of this photo
            _remove(picture)
            remark(f"removed {picture}, as {photo.path} is no longer located")
        return
    if not fresh and told.get("matrix") == record.location.matrix.tolist():
        return
    first = record.results[0]
    facts = {name: first[name] for name in ("tile", "date", "score")}
    try:
        write_picture(photo.path, record.location, picture, crs=record.crs, facts=facts)
    except AerialretError as error:
        remark(str(error))


def _summary(picture: Path) -> dict[str, Any]:
    """What lies beside a picture that was written to its end; nothing where none was."""
    try:
        found = json.loads(picture.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remove(picture: Path) -> None:
    for ending in _BESIDE:
        picture.with_suffix(ending).unlink(missing_ok=True)
