"""The look of each parcel: in go parcels and a season, out come tables to index by parcel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.features import Features
from aerialret.territory.landuse import FOREST_USES
from aerialret.territory.season import Season, Surface

GARDEN_USES = ("estate", "core")
SURFACE_OF_USE = dict.fromkeys(GARDEN_USES, "garden") | dict.fromkeys(FOREST_USES, "forest floor")
CANOPIES = ("tree", "broadleaf", "mixed", "conifer", "open", "orchard", "poplar")
_CANOPY_OF_USE = {"young": "open"}

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Tables over the parcels, each with one entry more for land outside of all parcels.

    Attributes:
        colour: [n, 3].
        rows: Strength of the tillage rows.
        tramlines: Strength of the wheel tracks.
        soil: How much the soil shows through.
        rough: Strength of the fine texture.
        across: [n, 2] unit vector across the rows.
        row_m: Distance of the rows.
        tramline_m: Distance of the wheel tracks.
        phase: Shift of the rows in radians.
        garden: Whether gardens are laid out on it.
        canopy: Position in CANOPIES of what grows on it.
        planted_m: Distance of planted trees, 0 where trees do not stand in a grid.
        height_m: Height of the stand.
        tone: Brightness of the stand relative to others of its kind.
    """

    colour: Values
    rows: Values
    tramlines: Values
    soil: Values
    rough: Values
    across: Values
    row_m: Values
    tramline_m: Values
    phase: Values
    garden: NDArray[np.bool_]
    canopy: NDArray[np.uint8]
    planted_m: Values
    height_m: Values
    tone: Values


def make_look(
    parcels: Features, season: Season, *, lasting: np.random.Generator, passing: np.random.Generator
) -> Look:
    """Draws the look of all parcels.

    Args:
        parcels: Parcels of the date.
        season: Look of the date.
        lasting: Stream that is the same at every date.
        passing: Stream of this date.
    """
    number = parcels["number"]
    count = len(parcels)
    surfaces = _choose(parcels["use"], season, passing.random(count))
    angle = parcels["angle"] + np.where(passing.random(count) < 0.12, np.pi / 2, 0)
    bright = 1 + passing.standard_normal(count) * _column(surfaces, "spread")
    tint = 1 + 0.025 * passing.standard_normal((count, 3))
    colour = np.array([surface.colour for surface in surfaces]).reshape(-1, 3)
    tones = 1 + 0.07 * lasting.standard_normal(int(number.max()) + 1)[number]
    use = parcels["use"]
    canopy = [_CANOPY_OF_USE.get(one, one) for one in use]
    return Look(
        colour=_table(colour * tint * bright[:, None]),
        rows=_table(_column(surfaces, "rows")),
        tramlines=_table(_column(surfaces, "tramlines")),
        soil=_table(_column(surfaces, "soil")),
        rough=_table(_column(surfaces, "rough")),
        across=_table(np.column_stack([-np.sin(angle), np.cos(angle)])),
        row_m=_table(passing.uniform(4.6, 9.0, count)),
        tramline_m=_table(passing.choice([18.0, 24.0, 28.0], count)),
        phase=_table(passing.uniform(0, 2 * np.pi, count)),
        garden=np.append(np.isin(use, GARDEN_USES), False),
        canopy=np.array(
            [CANOPIES.index(one) if one in CANOPIES else 0 for one in [*canopy, ""]], np.uint8
        ),
        planted_m=_table(np.where(use == "orchard", 9.0, np.where(use == "poplar", 7.5, 0.0))),
        height_m=_table(parcels["height_m"]),
        tone=_table(tones + 0.08 * passing.standard_normal(count)),
    )


def _choose(use: NDArray[np.str_], season: Season, chance: NDArray[np.float64]) -> list[Surface]:
    chosen = []
    for one, drawn in zip(use, chance, strict=True):
        options = season.surfaces[SURFACE_OF_USE.get(one, one)]
        steps = np.cumsum([option.weight for option in options])
        chosen.append(options[int(np.searchsorted(steps, drawn * steps[-1]))])
    return chosen


def _column(surfaces: list[Surface], name: str) -> NDArray[np.float64]:
    return np.array([getattr(surface, name) for surface in surfaces], np.float64)


def _table(values: NDArray[np.float64]) -> Values:
    """The values and their mean as a last entry, so that position -1 is legal."""
    mean = values.mean(axis=0, keepdims=True) if len(values) else values
    return np.concatenate([values, mean]).astype(np.float32)
