"""What grows or stands on each parcel: in go parcels and zoning, out come their uses."""

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.features import Features, near
from aerialret.territory.shapes import long_side
from aerialret.territory.zoning import Zoning

FOREST_USES = ("broadleaf", "conifer", "mixed", "young")
WOODED_USES = (*FOREST_USES, "poplar")
BUILT_USES = ("core", "urban", "estate", "industrial", "public")
OPEN_USES = ("crop", "meadow", "fallow")


def assign_uses(
    parcels: Features, zoning: Zoning, *, water: NDArray[np.object_], rng: np.random.Generator
) -> Features:
    """Parcels with their `use`, `angle` of the rows, lasting `number`, and `height_m`."""
    centre, angle, size = long_side(parcels.geometry)
    owner, share = zoning.settlements.nearest(centre)
    town = zoning.settlements.town[owner]
    count = len(parcels)
    use = np.where(rng.random(count) < 0.74, "crop", "meadow").astype("U12")
    shore = near(parcels.geometry, water, within_m=60)
    use[shore & (rng.random(count) < 0.75)] = "meadow"
    use[shore & (rng.random(count) < 0.07)] = "poplar"
    use[(use == "meadow") & (rng.random(count) < 0.05)] = "fallow"
    wooded = zoning.is_forest(centre)
    use[wooded] = _stands(centre[wooded], zoning, rng)
    _ring(use, share, rng)
    _built(use, share, town, size[:, 1], rng)
    return parcels.with_columns(
        use=use, angle=angle, number=np.arange(count), height_m=stand_heights(use, rng)
    )


def stand_heights(use: NDArray[np.str_], rng: np.random.Generator) -> NDArray[np.float64]:
    """Heights [n] in metres of what grows on parcels."""
    drawn = rng.uniform(0, 1, len(use))
    height = np.zeros(len(use))
    for names, low, high in (
        (("broadleaf", "mixed", "conifer"), 13.0, 25.0),
        (("young",), 3.0, 8.0),
        (("poplar",), 12.0, 22.0),
        (("orchard",), 3.0, 4.5),
    ):
        chosen = np.isin(use, names)
        height[chosen] = (low + (high - low) * drawn)[chosen]
    return height


def _stands(
    centre: NDArray[np.float64], zoning: Zoning, rng: np.random.Generator
) -> NDArray[np.str_]:
    tone = zoning.conifer.at(centre) + rng.normal(0, 0.45, len(centre))
    stand = np.where(tone > 0.75, "conifer", np.where(tone > 0.35, "mixed", "broadleaf"))
    stand = stand.astype("U12")
    chance = rng.random(len(centre))
    stand[chance < 0.13] = "young"
    stand[chance < 0.06] = "clearcut"
    return stand


def _ring(use: NDArray[np.str_], share: NDArray[np.float64], rng: np.random.Generator) -> None:
    """Orchards, gardens and paddocks around the built-up area."""
    ring = (share >= 1.0) & (share < 1.4)
    chance = rng.random(len(use))
    use[ring & (chance < 0.55)] = "meadow"
    use[ring & (chance < 0.26)] = "orchard"
    use[(share >= 1.4) & (use == "meadow") & (chance < 0.05)] = "orchard"


def _built(
    use: NDArray[np.str_],
    share: NDArray[np.float64],
    town: NDArray[np.bool_],
    narrow_m: NDArray[np.float64],
    rng: np.random.Generator,
) -> None:
    inside = share < 1.0
    chance = rng.random(len(use))
    use[inside] = "estate"
    use[inside & (share < 0.55)] = "core"
    use[inside & town & (share < 0.5)] = "urban"
    use[inside & (share > 0.25) & (chance < 0.17)] = "park"
    use[inside & (share > 0.45) & (chance < 0.10)] = "meadow"
    works = town & (share > 0.78) & (share < 1.25) & (narrow_m > 45)
    use[works & (rng.random(len(use)) < 0.30)] = "industrial"
    village_works = ~town & (share > 0.85) & (share < 1.3) & (narrow_m > 50)
    use[village_works & (rng.random(len(use)) < 0.03)] = "industrial"
