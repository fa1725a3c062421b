"""Layers of a batch: what became of the photos goes in, tables for a GeoPackage come out.

answers         a square for each result, as `answer_files` has always written
footprints      the outline of each photo that was located, its facts and its thumbnail
control_points  where a verified photo and the map agree
residuals       from each control point on the map to where the fit puts it
photos          a row without geometry for each photo, whatever became of it
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import shapely

from aerialret.querying.answers import COLUMNS, flat
from aerialret.querying.batch.outcome import Outcome
from aerialret.querying.batch.record import PhotoRecord
from aerialret.tiles.grid import Bounds
from aerialret.verification.location import Location
from aerialret.verification.pose import moved

GEOMETRY = "geom"
STYLED_LAYER = "footprints"

Row = dict[str, Any]

_TEXT, _WHOLE, _REAL, _YES_NO = pa.string(), pa.int64(), pa.float64(), pa.bool_()

_ANSWER_TYPES = {
    "query": _TEXT, "rank": _WHOLE, "tile": _TEXT, "date": _TEXT, "modality": _TEXT, "crs": _TEXT,
    "inliers": _WHOLE, "fitted": _TEXT, "verified": _YES_NO, "verdict": _TEXT,
}  # fmt: skip
"""Of the columns of results; the others are told by their values, real where there is none."""

_FOOTPRINTS = {
    "photo": _TEXT, "status": _TEXT, "place": _TEXT, "date": _TEXT, "score": _REAL,
    "probability": _REAL, "verified": _YES_NO, "inliers": _WHOLE, "rmse_m": _REAL, "fitted": _TEXT,
    "rotation_deg": _REAL, "side_m": _REAL, "metres_per_px": _REAL, "width_px": _WHOLE,
    "height_px": _WHOLE, "size_bytes": _WHOLE, "modified": _TEXT, "sha256": _TEXT, "notes": _TEXT,
    "thumbnail": pa.binary(),
}  # fmt: skip
_CONTROL_POINTS = {"photo": _TEXT, "col": _REAL, "row": _REAL, "residual_m": _REAL}
_RESIDUALS = {"photo": _TEXT, "length_m": _REAL}
_PHOTOS = {
    "photo": _TEXT, "status": _TEXT, "reason": _TEXT, "place": _TEXT, "date": _TEXT,
    "score": _REAL, "probability": _REAL, "verified": _YES_NO, "seconds": _REAL,
    "width_px": _WHOLE, "height_px": _WHOLE, "size_bytes": _WHOLE, "modified": _TEXT,
    "sha256": _TEXT, "notes": _TEXT,
}  # fmt: skip

_OF_FIRST_RESULT = (
    "date", "score", "probability", "inliers", "rmse_m", "fitted", "rotation_deg", "side_m",
)  # fmt: skip

_Types = Mapping[str, pa.DataType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layer of the GeoPackage.

    Attributes:
        name: Its name.
        geometry: Type of its geometries; None for a table without.
        types: Of its columns, in their order.
        rows: The rows of an outcome; geometries under `GEOMETRY`.
        says: What a row is, for people.
    """

    name: str
    geometry: str | None
    types: _Types
    rows: Callable[[Outcome], list[Row]]
    says: str

    def table(self, outcomes: Sequence[Outcome]) -> pa.Table:
        """The rows of all outcomes, with geometries as WKB."""
        rows = [row for outcome in outcomes for row in self.rows(outcome)]
        columns = {name: pa.array([row[name] for row in rows], t) for name, t in self.types.items()}
        if self.geometry:
            shapes = shapely.to_wkb([row[GEOMETRY] for row in rows])
            columns[GEOMETRY] = pa.array(list(shapes), pa.binary())
        return pa.table(columns)


def batch_layers(sample: Sequence[Outcome]) -> tuple[Layer, ...]:
    """The layers, `answers` first.

    Args:
        sample: Some outcomes, which tell the columns of the results and their types.
    """
    return (
        Layer(
            name="answers", geometry="Polygon", types=_answer_types(sample), rows=_answers,
            says="The tile of each result",
        ),
        Layer(
            name=STYLED_LAYER, geometry="Polygon", types=_FOOTPRINTS, rows=_footprints,
            says="Outline of each photo that was located",
        ),
        Layer(
            name="control_points", geometry="Point", types=_CONTROL_POINTS, rows=_control_points,
            says="Where a photo and the map agree; col and row are in the photo",
        ),
        Layer(
            name="residuals", geometry="LineString", types=_RESIDUALS, rows=_residuals,
            says="From each control point on the map to where the fit puts it",
        ),
        Layer(
            name="photos", geometry=None, types=_PHOTOS, rows=_photos,
            says="What became of each photo",
        ),
    )  # fmt: skip


def answer_rows(outcome: Outcome) -> list[Row]:
    """The flat results of an outcome; none where there is no record."""
    record = outcome.record
    if record is None:
        return []
    rows = [flat(values) for values in record.results_of(outcome.photo.path)]
    return [{name: row[name] for name in record.columns} for row in rows]


def square_of(row: Row) -> shapely.Polygon:
    """The tile's square of a flat result."""
    return shapely.box(*Bounds(*(row[side] for side in COLUMNS[-4:])))


def _answers(outcome: Outcome) -> list[Row]:
    return [{**row, GEOMETRY: square_of(row)} for row in answer_rows(outcome)]


def _answer_types(sample: Sequence[Outcome]) -> _Types:
    names = next((each.record.columns for each in sample if each.record), COLUMNS)
    rows = [row for outcome in sample for row in answer_rows(outcome)]
    return {name: _ANSWER_TYPES.get(name) or _type_of(name, rows) for name in names}


def _type_of(name: str, rows: Sequence[Row]) -> pa.DataType:
    kinds = {type(row[name]) for row in rows} - {type(None)}
    known = {bool: _YES_NO, str: _TEXT}
    return known[kinds.pop()] if len(kinds) == 1 and kinds <= known.keys() else _REAL


def _footprints(outcome: Outcome) -> list[Row]:
    record = outcome.record
    if record is None or not record.outline:
        return []
    ring = shapely.geometry.polygon.orient(shapely.Polygon(record.outline))
    known = {**_first_result(record), **_facts(record)}
    return [
        {
            **known,
            "photo": record.name,
            "metres_per_px": record.metres_per_px,
            "thumbnail": record.thumbnail,
            GEOMETRY: ring,
        }
    ]


def _first_result(record: PhotoRecord) -> Row:
    """What the first result says, under the names of the columns of photos."""
    first = record.results[0] if record.results else {}
    names = (
        "date",
        "score",
        "probability",
        "inliers",
        "rmse_m",
        "fitted",
        "rotation_deg",
        "side_m",
    )
    return {
        **{name: first.get(name) for name in names},
        "place": first.get("tile"),
        "verified": bool(first.get("verified")),
    }


def _facts(record: PhotoRecord) -> Row:
    modified = datetime.fromtimestamp(record.file.modified_ns / 1e9, UTC)
    return {
        "status": record.status,
        "width_px": record.width_px,
        "height_px": record.height_px,
        "size_bytes": record.file.size_bytes,
        "modified": modified.isoformat(timespec="seconds"),
        "sha256": record.file.sha256,
        "notes": "; ".join(record.notes),
    }


def _control_points(outcome: Outcome) -> list[Row]:
    location = _location(outcome)
    if location is None:
        return []
    points = location.points
    columns = zip(points.photo.tolist(), location.residuals_m.tolist(), points.map, strict=True)
    return [
        {
            "photo": outcome.photo.name, "col": col, "row": row, "residual_m": residual,
            GEOMETRY: shapely.Point(place),
        }
        for (col, row), residual, place in columns
    ]  # fmt: skip


def _residuals(outcome: Outcome) -> list[Row]:
    location = _location(outcome)
    if location is None:
        return []
    fitted = moved(location.points.photo, location.matrix)
    columns = zip(location.points.map, fitted, location.residuals_m.tolist(), strict=True)
    return [
        {
            "photo": outcome.photo.name, "length_m": length,
            GEOMETRY: shapely.LineString([place, there]),
        }
        for place, there, length in columns
    ]  # fmt: skip


def _location(outcome: Outcome) -> Location | None:
    return outcome.record.location if outcome.record else None


def _photos(outcome: Outcome) -> list[Row]:
    record = outcome.record
    told = {"photo": outcome.photo.name, "status": outcome.status, "reason": outcome.reason}
    if record is None:
        return [{**dict.fromkeys(_PHOTOS), **told}]
    return [{**_first_result(record), **_facts(record), "seconds": record.seconds, **told}]
