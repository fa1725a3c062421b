"""Strata: the catalogue's rows go in, the kind of ground that each tile shows comes out.

The shares of a tile are those of its mask at the queries' date, among the covered pixels.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.tiles.palette import CLASSES

BUILT_UP_SHARE = 0.02
FOREST_SHARE = 0.5
URBAN_SHARE = 0.05

LAND_COVER = {
    "built-up": f"buildings on at least {BUILT_UP_SHARE:.0%} of the ground",
    "forest": f"not built-up, vegetation on at least {FOREST_SHARE:.0%}",
    "open": "neither",
    "unknown": "no vectors to tell from",
}
"""The land covers and what they mean."""

MASK_CONTENT = {
    "mask with features": "the mask shows at least one feature",
    "empty mask": "inside the vector coverage, but no feature",
    "no mask": "outside the vector coverage",
}
"""The contents of a mask and what they mean."""

SETTLEMENT = {
    "urban": f"buildings on at least {URBAN_SHARE:.0%} of the ground",
    "rural": "fewer buildings",
}
"""Urban or rural; neither where there are no vectors."""

BACKGROUND_NAME = "background"

MAIN_CLASS = {f"mainly {name}": "" for name in (BACKGROUND_NAME, *(c.name for c in CLASSES))}
"""The class, or the background, with the largest share; none where there are no vectors."""

CHANGE = {
    "little change": "the third of the places that changed least",
    "some change": "the third between",
    "much change": "the third that changed most",
}
"""Thirds of the places that both dates have, by `aerialret.evaluation.change`."""

SHARE_BINS = {"none": 0.0, "up to 10 %": 0.1, "10 to 50 %": 0.5, "over 50 %": 1.0}
"""Bins of a class's share of the ground: name and greatest share, which is inside."""


def land_cover(rows: pd.DataFrame) -> NDArray[np.object_]:
    """The land cover of each tile, by the shares of its classes among the covered pixels."""
    built_up = rows["share_building"].to_numpy() >= BUILT_UP_SHARE
    forest = rows["share_vegetation"].to_numpy() >= FOREST_SHARE
    cases = [_uncovered(rows), built_up, forest]
    return np.select(cases, ["unknown", "built-up", "forest"], "open").astype(object)


def mask_content(rows: pd.DataFrame) -> NDArray[np.object_]:
    """What each tile's mask shows."""
    empty = rows[share_columns(rows)].sum(axis=1).to_numpy() <= 0
    cases = [_uncovered(rows), empty]
    found = np.select(cases, ["no mask", "empty mask"], "mask with features")
    return found.astype(object)


def main_class(rows: pd.DataFrame) -> NDArray[np.object_]:
    """As in `mainly vegetation`; None outside the vector coverage."""
    columns = share_columns(rows)
    shares = rows[columns].to_numpy(np.float64)
    background = 1 - shares.sum(axis=1, keepdims=True)
    names = [BACKGROUND_NAME, *(column.removeprefix("share_") for column in columns)]
    largest = np.hstack([background, shares]).argmax(axis=1)
    found: NDArray[np.object_] = np.array([f"mainly {name}" for name in names], object)[largest]
    found[_uncovered(rows)] = None
    return found


def settlement(rows: pd.DataFrame) -> NDArray[np.object_]:
    """Urban or rural; None outside the vector coverage."""
    urban = rows["share_building"].to_numpy() >= URBAN_SHARE
    found = np.where(urban, "urban", "rural").astype(object)
    found[_uncovered(rows)] = None
    return found


def change_class(amount: NDArray[np.float64]) -> NDArray[np.object_]:
    """The third that each amount of change is in; None for NaN. Equal amounts are in one third."""
    found = np.full(len(amount), None, object)
    known = ~np.isnan(amount)
    if known.any():
        little, some = np.quantile(amount[known], (1 / 3, 2 / 3))
        cases = [amount[known] <= little, amount[known] <= some]
        found[known] = np.select(cases, list(CHANGE)[:2], list(CHANGE)[2])
    return found


def share_bin(shares: pd.Series) -> NDArray[np.object_]:
    """The bin of each share of the ground; None for NaN."""
    values = shares.to_numpy(np.float64)
    edges = np.array([*SHARE_BINS.values()])
    bins = np.searchsorted(edges[:-1], values, side="left")  # NaN goes to the last
    found = np.array(list(SHARE_BINS), object)[bins]
    found[np.isnan(values)] = None
    return found


def share_columns(rows: pd.DataFrame) -> list[str]:
    """The columns `share_CLASS`."""
    return [str(name) for name in rows.columns if str(name).startswith("share_")]


def covered_shares(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns `share_CLASS`, NaN outside the vector coverage."""
    shares = rows[share_columns(rows)].astype(np.float64)
    shares[_uncovered(rows)] = np.nan
    return shares


def _uncovered(rows: pd.DataFrame) -> NDArray[np.bool_]:
    uncovered: NDArray[np.bool_] = rows["covered_fraction"].to_numpy() <= 0
    return uncovered
