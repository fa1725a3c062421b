"""Answers in a file: what `aerialret query` printed or wrote goes in, a table comes out.

JSON lines, GeoJSON and CSV are told by what they begin with, .gpkg and .parquet by their endings.
"""

import io
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from aerialret.errors import ConfigurationError, MissingInputError, UnreadableInputError

NEEDED = ("query", "rank", "tile", "x", "y", "crs", "left", "bottom", "right", "top")
"""Columns that answers must have."""

OPTIONAL = ("score", "rotation_deg", "side_m", "verified", "probability")
"""Columns that add figures where they are there."""

_BOUNDS = ("left", "bottom", "right", "top")
_LAYERS = (".gpkg", ".parquet")
_NUMBERS = (*_BOUNDS, "x", "y", "score", "rotation_deg", "side_m", "probability")
_HOW = "give what 'aerialret query --format json' (or geojson, csv) prints, or its --out .gpkg"


def read_answers(path: Path) -> pd.DataFrame:
    """A row for each answer with the columns `NEEDED` and those of `OPTIONAL` that are there.

    Raises:
        MissingInputError: There is no such file.
        UnreadableInputError: It is none of the formats.
        ConfigurationError: A column is missing.
    """
    if not path.is_file():
        raise MissingInputError(f"answers {path} are not there; {_HOW}")
    try:
        found = _layer(path) if path.suffix.lower() in _LAYERS else _text(path)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UnreadableInputError(f"answers {path} cannot be read ({error}); {_HOW}") from error
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise ConfigurationError(f"answers {path} lack {', '.join(missing)}; {_HOW}")
    kept = found[[name for name in (*NEEDED, *OPTIONAL) if name in found]].copy()
    for name in _NUMBERS:
        if name in kept:
            kept[name] = pd.to_numeric(kept[name], errors="coerce")
    kept["rank"] = pd.to_numeric(kept["rank"], errors="coerce").astype("Int64")
    if kept["rank"].isna().any() or not (kept["rank"] > 0).all():
        raise UnreadableInputError(f"answers {path}: a rank is no number from 1 on; {_HOW}")
    kept["query"] = kept["query"].astype(str)
    if "verified" in kept:
        kept["verified"] = kept["verified"].map(lambda value: str(value).lower() in ("true", "1"))
    return kept.sort_values(["query", "rank"], kind="stable").reset_index(drop=True)


def _layer(path: Path) -> pd.DataFrame:
    read = gpd.read_parquet if path.suffix.lower() == ".parquet" else gpd.read_file
    return pd.DataFrame(read(path).drop(columns="geometry"))


def _text(path: Path) -> pd.DataFrame:
    text = path.read_text(encoding="utf-8")
    if not text.lstrip().startswith("{"):
        return pd.read_csv(io.StringIO(text)) if text.strip() else pd.DataFrame(columns=NEEDED)
    first = json.JSONDecoder().raw_decode(text.lstrip())[0]
    if first.get("type") == "FeatureCollection":
        return _rows([feature["properties"] for feature in first["features"]])
    return _rows([json.loads(line) for line in text.splitlines() if line.strip()])


def _rows(objects: list[dict[str, Any]]) -> pd.DataFrame:
    rows = [
        {key: value for key, value in each.items() if key not in ("bounds", "footprint")}
        | dict(zip(_BOUNDS, each["bounds"], strict=True))
        for each in objects
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(NEEDED))
