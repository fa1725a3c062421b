"""Tables by kind of ground: the figures of `metrics.json` go in, the report's tables come out."""

from collections.abc import Mapping
from typing import Any

from aerialret.evaluation.report.wording import CHANGE_SEEN_IN, STRATA_TITLES
from aerialret.evaluation.strata import (
    CHANGE,
    LAND_COVER,
    MAIN_CLASS,
    MASK_CONTENT,
    SETTLEMENT,
    SHARE_BINS,
)

_GROUPS = {
    "land_cover": LAND_COVER,
    "mask_content": MASK_CONTENT,
    "main_class": MAIN_CLASS,
    "settlement": SETTLEMENT,
    "change_class": CHANGE,
}


def strata_tables(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A table for each way to divide the queries; none where all of them are alike."""
    tables = []
    for column, group in _GROUPS.items():
        present = {name: metrics["strata"][name] for name in group if name in metrics["strata"]}
        if len(present) > 1:
            note = CHANGE_SEEN_IN.get(metrics["change_seen_in"], "") if group is CHANGE else ""
            rows = score_rows(present, group)
            tables.append({"title": STRATA_TITLES[column], "note": note, "rows": rows})
    return tables


def share_table(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Figures by class and bin of its share: bins, and a row of figures or None for each class."""
    bins = list(SHARE_BINS)
    rows = [
        {"name": name, "cells": [found.get(bin_) for bin_ in bins]}
        for name, found in metrics["shares"].items()
    ]
    return {"bins": bins, "rows": rows}


def score_rows(scores: Mapping[str, Any], meanings: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each name with its meaning and its figures."""
    return [
        {"name": name, "meaning": meanings.get(name, ""), "scores": values}
        for name, values in scores.items()
    ]
