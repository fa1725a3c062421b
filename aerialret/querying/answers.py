"""Answers as text: what a query found goes in, a table, JSON lines, GeoJSON or CSV comes out."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shapely
from pyproj import Transformer

from aerialret.querying.judgement import probability_of, verdict_line, verdict_of
from aerialret.querying.located import VERIFIED_COLUMNS, verified_cells, verified_properties
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit
from aerialret.tiles.grid import Bounds

COLUMNS = (
    "query", "rank", "tile", "date", "score", "probability", "verdict", "rotation_deg", "x", "y",
    "side_m", "modality", "crs", "left", "bottom", "right", "top",
)  # fmt: skip
"""Columns of CSV and of written layers; JSON has the last four as one list, `bounds`."""

_DEGREE_DIGITS = 7  # 1 cm
_SCORE_DIGITS = 6
_PROBABILITY_DIGITS = 4
_TURN_DIGITS = 2
_METRE_DIGITS = 2


def format_answers(answers: Sequence[PhotoAnswer], *, output_format: str) -> str:
    """The answers as text, ending with a newline where there are any.

    Args:
        answers: Of every photo.
        output_format: table, json, geojson or csv.
    """
    writers = {"table": as_table, "json": as_json, "geojson": as_geojson, "csv": as_csv}
    return writers[output_format](answers)


def as_table(answers: Sequence[PhotoAnswer]) -> str:
    """Aligned text for people: a block for each photo with its notes and its answers."""
    return "\n".join(_block(answer) for answer in answers)


def as_json(answers: Sequence[PhotoAnswer]) -> str:
    """One JSON object a line for each result."""
    return "".join(json_line(properties(answer, hit)) for answer, hit in results(answers))


def as_geojson(answers: Sequence[PhotoAnswer]) -> str:
    """One FeatureCollection (RFC 7946): a feature for each result, its footprint in EPSG:4326."""
    features = [feature(properties(answer, hit)) for answer, hit in results(answers)]
    collection = {"type": "FeatureCollection", "features": features}
    return json.dumps(collection, ensure_ascii=False) + "\n"


def as_csv(answers: Sequence[PhotoAnswer]) -> str:
    """A header and a line for each result."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns_of(answers), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat_properties(answer, hit) for answer, hit in results(answers))
    return buffer.getvalue()


def columns_of(answers: Sequence[PhotoAnswer]) -> tuple[str, ...]:
    """`COLUMNS`, and what a verification adds to them."""
    verified = any(answer.locations is not None for answer in answers)
    return (*COLUMNS, *VERIFIED_COLUMNS) if verified else COLUMNS


def results(answers: Sequence[PhotoAnswer]) -> Iterator[tuple[PhotoAnswer, Hit]]:
    """Every result with the answer it belongs to."""
    for answer in answers:
        for hit in answer.hits:
            yield answer, hit


def properties(answer: PhotoAnswer, hit: Hit) -> dict[str, Any]:
    """A result as plain values.

    `probability` is that of the photo showing the hit's place, and `verdict` what is said of the
    photo as a whole: found, uncertain, or not in this index; both are None without a calibration.
    `bounds` is left, bottom, right, top in `crs`; `rotation_deg` the counter-clockwise turn that
    brings the photo to north up, as far as turns were tried; `x` and `y` where its centre lies, and
    `side_m` the ground it shows, as far as the method tells (else the tile's centre, and nothing).
    """
    probability = probability_of(answer, hit)
    return {
        "query": answer.query,
        "rank": hit.rank,
        "tile": hit.place,
        "date": hit.date,
        "score": round(hit.score, _SCORE_DIGITS),
        "probability": None if probability is None else round(probability, _PROBABILITY_DIGITS),
        "verdict": verdict_of(answer),
        "rotation_deg": round(answer.turns_deg[hit.rank - 1], _TURN_DIGITS),
        "x": round(hit.x, _METRE_DIGITS),
        "y": round(hit.y, _METRE_DIGITS),
        "side_m": None if hit.side_m is None else round(hit.side_m, _METRE_DIGITS),
        "modality": answer.modality,
        "crs": answer.crs,
        "bounds": list(hit.bounds),
        **verified_properties(answer, hit),
    }


def flat_properties(answer: PhotoAnswer, hit: Hit) -> dict[str, Any]:
    """`properties` with a key for each bound and without nested values, as in `columns_of`."""
    return flat(properties(answer, hit))


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `properties` gave, as `flat_properties` gives it."""
    kept = {name: value for name, value in values.items() if name not in ("bounds", "footprint")}
    return {**kept, **dict(zip(COLUMNS[-4:], values["bounds"], strict=True))}


def json_line(values: Mapping[str, Any]) -> str:
    """What `properties` gave, as a line of `as_json`."""
    return json.dumps(values, ensure_ascii=False) + "\n"


def feature(values: Mapping[str, Any]) -> dict[str, Any]:
    """What `properties` gave, as a feature of `as_geojson`."""
    square = footprint(Bounds(*values["bounds"]), crs=values["crs"])
    return {
        "type": "Feature",
        "properties": values,
        "geometry": shapely.geometry.mapping(square),
    }


def footprint(bounds: Bounds, *, crs: str) -> shapely.Polygon:
    """The rectangle as a polygon in longitude and latitude, counter-clockwise."""
    corners = (
        (bounds.left, bounds.bottom),
        (bounds.right, bounds.bottom),
        (bounds.right, bounds.top),
        (bounds.left, bounds.top),
    )
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    ring = [to_degrees.transform(x, y) for x, y in corners]
    rounded = [(round(lon, _DEGREE_DIGITS), round(lat, _DEGREE_DIGITS)) for lon, lat in ring]
    return shapely.geometry.polygon.orient(shapely.Polygon(rounded))


def _block(answer: PhotoAnswer) -> str:
    header: tuple[str, ...] = ("rank", "tile", "date", "score")
    header += (
        ("left", "bottom", "right", "top")
        if answer.certainty is None
        else (
            "prob.",
            "left",
            "bottom",
            "right",
            "top",
        )
    )
    if answer.locations is not None:
        header = (*header, "inliers", "RMSE m", "verified")
    body = [_cells(answer, hit) for hit in answer.hits]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    lines = [f"{answer.query} ({answer.modality}; bounds in {answer.crs})"]
    lines += [f"  {line}" for line in [verdict_line(answer)] if line]
    lines += [f"  note: {note}" for note in answer.notes]
    lines += [_line(cells, widths) for cells in (header, *body)]
    return "\n".join(lines) + "\n"


def _cells(answer: PhotoAnswer, hit: Hit) -> tuple[str, ...]:
    probability = probability_of(answer, hit)
    found: tuple[str, ...] = (str(hit.rank), hit.place, hit.date, f"{hit.score:.3f}")
    found += () if probability is None else (f"{probability:.3f}",)
    bounds = tuple(f"{value:.0f}" for value in hit.bounds)
    added = () if answer.locations is None else verified_cells(answer, hit)
    return (*found, *bounds, *added)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    text = {1, 2}  # tile and date; the others are numbers
    aligned = [
        cell.ljust(width) if column in text else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  " + "  ".join(aligned).rstrip()
