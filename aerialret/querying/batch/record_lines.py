"""Records as text: a record goes in, a line of JSON comes out, and back.

Numbers keep all their digits, so that a resumed batch writes what an undisturbed one would.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from aerialret.querying.batch.file_state import FileState
from aerialret.querying.batch.record import PhotoRecord
from aerialret.verification.location import ControlPoints, Location


def to_line(record: PhotoRecord) -> bytes:
    """The record as one line of JSON, with its line break."""
    values = {
        "name": record.name,
        "file": asdict(record.file),
        "seconds": record.seconds,
        "status": record.status,
        "crs": record.crs,
        "notes": record.notes,
        "table": record.table,
        "columns": record.columns,
        "results": record.results,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "metres_per_px": record.metres_per_px,
        "outline": record.outline,
        "location": _plain(record.location) if record.location else None,
        "thumbnail": base64.b64encode(record.thumbnail).decode(),
    }
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> PhotoRecord:
    """The record that `to_line` wrote."""
    values = json.loads(line)
    location = values["location"]
    size = {"width": values["width_px"], "height": values["height_px"]}
    parts = {
        "file": FileState(**values["file"]),
        "notes": tuple(values["notes"]),
        "columns": tuple(values["columns"]),
        "results": tuple(values["results"]),
        "outline": tuple((x, y) for x, y in values["outline"]),
        "location": _location(location, **size) if location else None,
        "thumbnail": base64.b64decode(values["thumbnail"]),
    }
    return PhotoRecord(**{**values, **parts})


def _plain(location: Location) -> dict[str, Any]:
    return {
        "kind": location.kind,
        "matrix": location.matrix.tolist(),
        "photo": location.points.photo.tolist(),
        "map": location.points.map.tolist(),
        "matches": location.matches,
        "rounds": location.rounds,
        "aligned": location.aligned,
    }


def _location(values: Mapping[str, Any], *, width: int, height: int) -> Location:
    points = ControlPoints(
        photo=np.array(values["photo"], np.float64).reshape(-1, 2),
        map=np.array(values["map"], np.float64).reshape(-1, 2),
    )
    return Location(
        kind=values["kind"],
        matrix=np.array(values["matrix"], np.float64),
        points=points,
        matches=values["matches"],
        width=width,
        height=height,
        rounds=values["rounds"],
        aligned=values["aligned"],
    )
