"""Classes that differ between the dates of a tile set: a date goes in, warnings come out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np

from aerialret.ingestion.tileset_publish import published_dates
from aerialret.ingestion.vectors.class_drift import ClassTotals, drift_warnings
from aerialret.tiles.palette import CLASSES
from aerialret.tiles.tileset import CATALOGUE_NAME


def drift_of(folder: Path, label: str) -> tuple[str, ...]:
    """What differs between a date and each other one as no landscape does.

    Shares of the ground are compared on the places that both dates cover, features by the square
    kilometre of each date.

    Args:
        folder: The tile set.
        label: The date.
    """
    dates = published_dates(folder)
    if not _has_classes(dates[label]):
        return ()
    catalogue = gpd.read_parquet(folder / CATALOGUE_NAME)
    warnings: list[str] = []
    for other, content in dates.items():
        if other != label and _has_classes(content):
            early, late = (date for date in dates if date in (label, other))
            totals = (
                _totals(date, dates[date]["report"], _common(catalogue, date, (early, late)))
                for date in (early, late)
            )
            warnings += drift_warnings(*totals)
    return tuple(warnings)


def _has_classes(content: Mapping[str, Any]) -> bool:
    return bool(content["report"].get("classes")) and content["report"]["covered_km2"] > 0


def _common(catalogue: gpd.GeoDataFrame, date: str, dates: tuple[str, str]) -> gpd.GeoDataFrame:
    """The rows of a date at the places that both dates cover."""
    covered = catalogue[catalogue["covered_fraction"] > 0]
    places = [set(covered.loc[covered["date"] == one, "place"]) for one in dates]
    return covered[(covered["date"] == date) & covered["place"].isin(places[0] & places[1])]


def _totals(date: str, report: Mapping[str, Any], rows: gpd.GeoDataFrame) -> ClassTotals:
    weights = rows["covered_fraction"].to_numpy()
    total = max(float(weights.sum()), 1e-12)
    return ClassTotals(
        date=date,
        ground_km2=float(report["covered_km2"]) if len(rows) else 0.0,
        features={item["name"]: item["drawn"] for item in report["classes"]},
        share={
            land_class.name: float(np.dot(weights, rows[f"share_{land_class.name}"])) / total
            for land_class in CLASSES
        },
    )
