"""Strata: the catalogue's rows go in, the kind of ground that each tile shows comes out."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

BUILT_UP_SHARE = 0.02
FOREST_SHARE = 0.5

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


def land_cover(rows: pd.DataFrame) -> NDArray[np.object_]:
    """The land cover of each tile, by the shares of its classes among the covered pixels."""
    built_up = rows["share_building"].to_numpy() >= BUILT_UP_SHARE
    forest = rows["share_vegetation"].to_numpy() >= FOREST_SHARE
    uncovered = rows["covered_fraction"].to_numpy() <= 0
    cases = [uncovered, built_up, forest]
    return np.select(cases, ["unknown", "built-up", "forest"], "open").astype(object)


def mask_content(rows: pd.DataFrame) -> NDArray[np.object_]:
    """What each tile's mask shows."""
    shares = rows[[name for name in rows.columns if name.startswith("share_")]]
    empty = shares.sum(axis=1).to_numpy() <= 0
    uncovered = rows["covered_fraction"].to_numpy() <= 0
    cases = [uncovered, empty]
    return np.select(cases, ["no mask", "empty mask"], "mask with features").astype(object)
