"""What is sown together: in go parcels, out come the plots of one date's harvest."""

import numpy as np
import shapely
from numpy.typing import NDArray

from aerialret.territory.features import Features, concatenate
from aerialret.territory.parcels import divide

_SOWN_APART = 0.48


def plots_of(parcels: Features, *, rng: np.random.Generator) -> Features:
    """The parcels, some fields among them divided as their owner sowed them at this date."""
    large = (parcels["use"] == "crop") & (shapely.area(parcels.geometry) > 9_000)
    divided = large & (rng.random(len(parcels)) < _SOWN_APART)
    fields = parcels.take(divided)

    def target(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return rng.uniform(5_000, 16_000, len(xy))

    division = divide(
        fields.geometry, target_area_m2=target, rng=rng, longest_strip=4.0, skew=0.015
    )
    rows = fields.take(division.parcels["block"])
    return concatenate([parcels.take(~divided), Features(division.parcels.geometry, rows.columns)])
