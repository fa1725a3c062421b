"""The folder of an export: OUT and a request go in, the folder to write to comes out.

A new export grows in a folder beside OUT and takes its name when it is finished. What a killed
one left there is kept where the request is the same; a finished one of the same request gets only
the files that it lacks.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from aerialret import atomic
from aerialret.errors import WouldOverwriteError
from aerialret.export.layout import RECORD_NAME
from aerialret.export.selection import Selection
from aerialret.manifest import hash_value
from aerialret.tiles.tileset import TileSet, grid_facts

FORMAT_VERSION = 1
"""Of the layout of an export's folder; another one is another request."""


@dataclass(slots=True, kw_only=True)
class ExportFolder:
    """Where files go; each is written once.

    Attributes:
        out: The name of the finished folder.
        work: The folder that is written to.
        written: How many files were written, those found not counted.
    """

    out: Path
    work: Path
    written: int = 0

    def path(self, name: PurePosixPath | str) -> Path:
        """The path of a file of this export."""
        return self.work / name

    def lacks(self, name: PurePosixPath | str) -> bool:
        """Whether the file is still to be written."""
        return not self.path(name).exists()

    def write(self, name: PurePosixPath | str, content: bytes | str) -> None:
        """Writes a file in one step."""
        data = content.encode() if isinstance(content, str) else content
        atomic.write_bytes(self.path(name), data)
        self.written += 1

    def publish(self) -> None:
        """Gives the folder its final name."""
        if self.work != self.out:
            atomic.publish_folder(self.work, self.out)


def open_export(out: Path, request: Mapping[str, Any], *, replace: bool) -> ExportFolder:
    """The folder to write the export to.

    Args:
        out: Where it shall lie.
        request: What makes two exports the same.
        replace: Whether an export of another request may be replaced.

    Raises:
        WouldOverwriteError: `out` holds something else.
    """
    if _occupied(out):
        found = _record(out)
        if found == request:
            return ExportFolder(out=out, work=out)
        _refuse(out, found, replace=replace)
    staging = atomic.staging_folder(out)
    if staging.exists() and _record(staging) != request:
        shutil.rmtree(staging)
    folder = ExportFolder(out=out, work=staging)
    if folder.lacks(RECORD_NAME):
        text = json.dumps(request, indent=2, sort_keys=True, ensure_ascii=False)
        folder.write(RECORD_NAME, text + "\n")
    return folder


def export_request(
    kind: str, tileset: TileSet, selection: Selection, **options: Any
) -> dict[str, Any]:
    """What `export.json` says: the tile set, its tiles that were chosen, and the options."""
    places = {
        date: [record.tile.place for record in records]
        for date, records in selection.records.items()
    }
    return {
        "kind": f"aerialret export {kind}",
        "format_version": FORMAT_VERSION,
        "tile_set": tileset.content_hash,
        "grid": grid_facts(tileset.grid),
        "tiles": {date: len(names) for date, names in places.items()},
        "places": hash_value(places),
        **options,
    }


def _occupied(out: Path) -> bool:
    return out.exists() and not (out.is_dir() and not any(out.iterdir()))


def _record(folder: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / RECORD_NAME).read_text())
    except (OSError, ValueError):
        return None
    is_export = isinstance(found, dict) and str(found.get("kind", "")).startswith(
        "aerialret export"
    )
    return found if is_export else None


def _refuse(out: Path, found: Mapping[str, Any] | None, *, replace: bool) -> None:
    if found is None:
        raise WouldOverwriteError(
            f"{out} exists and is no export of a tile set; give another folder"
        )
    if not replace:
        raise WouldOverwriteError(
            f"{out} holds another export ({found['kind'].removeprefix('aerialret ')} of other "
            "tiles or with other options); add '--replace' or give another folder"
        )
