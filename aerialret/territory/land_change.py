"""Fifteen years on the land: in go parcels and margins, out come their later uses."""

from dataclasses import dataclass

import numpy as np
import shapely
import shapely.ops
from numpy.typing import NDArray

from aerialret.territory.features import Features, concatenate, table, touching
from aerialret.territory.landuse import FOREST_USES, OPEN_USES, stand_heights
from aerialret.territory.noise import stream
from aerialret.territory.parcels import divide
from aerialret.territory.shapes import long_side
from aerialret.territory.world import World

REALLOTTED = 0.42
"""Share of the holdings in open land that are divided anew (remembrement)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LandChange:
    """The land at the second date.

    Attributes:
        parcels: All parcels; new estates and reallotted fields are divided anew.
        margins: The margins that are left, and those of the reallotted fields.
        gone: The margins that were ploughed under.
        streets: Lines of the streets of new estates.
        estates: Parcels that became housing.
        works: Parcels that became industry.
    """

    parcels: Features
    margins: Features
    gone: Features
    streets: Features
    estates: Features
    works: Features


def change_land(world: World, *, seed: int) -> LandChange:
    """Grows towns, fells and plants woods, merges and redraws fields."""
    rng = stream(seed, "land change")
    parcels = world.parcels
    use = _woods_and_fields(world, rng)
    estates = _expansion(world, use, rng, kind="estate")
    use[estates] = "estate"
    works = _expansion(world, use, rng, kind="industrial")
    use[works] = "industrial"
    later = parcels.with_columns(use=use, height_m=_grown(parcels, use, rng))
    redrawn = _reallotted(world, later, rng)
    fields, new_margins = _divide_anew(world, later.take(redrawn), rng, first=len(parcels))
    plots, streets = _divide_estates(later.take(estates), rng, first=len(parcels) + len(fields))
    lost = np.isin(world.margins["holding"], np.unique(parcels["holding"][redrawn]))
    return LandChange(
        parcels=concatenate([later.take(~estates & ~redrawn), fields, plots]),
        margins=concatenate([world.margins.take(~lost), new_margins]),
        gone=world.margins.take(lost),
        streets=_links(streets, world),
        estates=later.take(estates),
        works=later.take(works),
    )


def _woods_and_fields(world: World, rng: np.random.Generator) -> NDArray[np.str_]:
    parcels = world.parcels
    before, chance = parcels["use"], rng.random(len(parcels))
    use = before.copy()
    at_wood = touching(parcels.geometry, parcels.geometry[np.isin(before, FOREST_USES)])
    broadleaf = rng.random(len(parcels)) < 0.6
    use[(before == "young") & broadleaf] = "broadleaf"
    use[(before == "young") & ~broadleaf] = "mixed"
    use[before == "clearcut"] = "young"
    mature = np.isin(before, ("broadleaf", "mixed", "conifer"))
    use[mature & (chance < 0.07)] = "clearcut"
    use[(before == "poplar") & (chance < 0.4)] = "meadow"
    use[(before == "fallow") & (chance < 0.5)] = "young"
    use[(before == "orchard") & (chance < 0.22)] = "meadow"
    outside = world.settlements.nearest(long_side(parcels.geometry)[0])[1] > 1.1
    use[(before == "meadow") & outside & (chance < 0.14)] = "crop"
    use[(before == "crop") & (chance > 0.93)] = "meadow"
    opened = np.isin(before, ("meadow", "crop")) & at_wood
    use[opened & (chance > 0.5) & (chance < 0.545)] = "young"
    return use


def _expansion(
    world: World, use: NDArray[np.str_], rng: np.random.Generator, *, kind: str
) -> NDArray[np.bool_]:
    """Which parcels [n] around the settlements are built over."""
    centre, _, size = long_side(world.parcels.geometry)
    owner, share = world.settlements.nearest(centre)
    free = np.isin(use, (*OPEN_USES, "orchard")) & (size[:, 1] > 45)
    free &= (share > 0.5) & (share < (1.5 if kind == "estate" else 1.7))
    for surface in (world.water, world.grounds.airfields):
        free &= ~touching(world.parcels.geometry, surface.geometry)
    chosen = np.zeros(len(use), bool)
    for one in range(len(world.settlements.xy)):
        town = world.settlements.town[one]
        if kind == "estate":
            sites = int(rng.integers(3, 6)) if town else int(rng.random() < 0.85)
        else:
            sites = 2 if town else int(rng.random() < 0.12)
        pool = np.flatnonzero(free & (owner == one))
        for _ in range(sites if len(pool) else 0):
            start = rng.choice(pool)
            gap = np.hypot(*(centre[pool] - centre[start]).T)
            chosen[pool[np.argsort(gap)[: rng.integers(1, 4 if kind == "estate" else 3)]]] = True
    return chosen


def _grown(
    parcels: Features, use: NDArray[np.str_], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Heights [n]: what stayed grew a little, what is new starts anew."""
    fresh = stand_heights(use, rng)
    old = parcels["height_m"]
    stayed = (use == parcels["use"]) & (old > 6)
    ripened = (parcels["use"] == "young") & np.isin(use, FOREST_USES)
    height = np.where(stayed, np.minimum(old + rng.uniform(0.5, 2.5, len(use)), 28), fresh)
    return np.asarray(np.where(ripened, old + rng.uniform(4.0, 7.0, len(use)), height))


def _reallotted(world: World, later: Features, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Which parcels [n] are divided anew: whole holdings of open land, away from airfields."""
    open_ = np.isin(later["use"], OPEN_USES) & np.isin(world.parcels["use"], OPEN_USES)
    open_ &= ~touching(later.geometry, world.grounds.airfields.geometry)
    holding = later["holding"]
    count = int(holding.max()) + 1
    whole = (np.bincount(holding[~open_], minlength=count) == 0) & (rng.random(count) < REALLOTTED)
    return np.asarray(whole[holding] & (np.bincount(holding, minlength=count)[holding] > 1))


def _divide_anew(
    world: World, old: Features, rng: np.random.Generator, *, first: int
) -> tuple[Features, Features]:
    """The new fields of reallotted holdings, larger than before, and their margins."""
    holdings = np.unique(old["holding"])
    whole = [
        shapely.union_all(old.geometry[old["holding"] == one], grid_size=0.01) for one in holdings
    ]

    def target(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1.5 * world.zoning.target_area_m2(xy)

    division = divide(np.array([*whole, None], object)[:-1], target_area_m2=target, rng=rng)
    use = np.where(rng.random(len(division.parcels)) < 0.75, "crop", "meadow")
    cuts = division.cuts.with_columns(holding=-2, kind="margin")
    return new_parcels(division.parcels.geometry, use, first=first), cuts


def _divide_estates(
    estates: Features, rng: np.random.Generator, *, first: int
) -> tuple[Features, NDArray[np.object_]]:
    """The blocks of new estates and the lines of their streets."""

    def blocks(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(len(xy), 4_800.0)

    division = divide(
        estates.geometry, target_area_m2=blocks, rng=rng, longest_strip=1.4, skew=0.02
    )
    use = np.full(len(division.parcels), "estate")
    return new_parcels(division.parcels.geometry, use, first=first), division.cuts.geometry


def new_parcels(shapes: NDArray[np.object_], use: NDArray[np.str_], *, first: int) -> Features:
    """Parcels that did not exist at the first date, numbered from `first`."""
    return table(
        shapes,
        holding=-2,
        use=use.astype("U12"),
        angle=long_side(shapes)[1] if len(shapes) else np.empty(0),
        number=first + np.arange(len(shapes)),
        height_m=np.zeros(len(shapes)),
    )


def _links(streets: NDArray[np.object_], world: World) -> Features:
    """The streets of new estates, each joined to the nearest road where one is near."""
    lines = list(streets)
    tree = shapely.STRtree(world.roads.geometry)
    for street in streets:
        road = world.roads.geometry[tree.nearest(street)]
        a, b = shapely.ops.nearest_points(street, road)
        if 3 < a.distance(b) < 160:
            lines.append(shapely.LineString([a, b]))
    return table(lines)
