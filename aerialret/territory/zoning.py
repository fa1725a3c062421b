"""What the land is fit for: in go points, out come settlement, forest and field sizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.territory.config import TerritoryConfig
from aerialret.territory.noise import FractalField, fractal_field, stream
from aerialret.territory.settlements import Settlements

FOREST_SHARE = 0.36


@dataclass(frozen=True, slots=True, kw_only=True)
class Zoning:
    """Fields over the territory that decide what is where.

    Attributes:
        settlements: Towns and villages.
        forest: Above `forest_level` the land is wooded.
        forest_level: The level that leaves about the wanted share of forest.
        conifer: Above 0.5 a stand is of conifers.
        enclosure: High where fields are small and hedged, low where they are wide and open.
        relief: Height of the ground, without unit.
    """

    settlements: Settlements
    forest: FractalField
    forest_level: float
    conifer: FractalField
    enclosure: FractalField
    relief: FractalField

    def is_forest(self, xy: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the land at points [n, 2] is wooded."""
        share = self.settlements.nearest(xy)[1]
        return np.asarray((self.forest.at(xy) > self.forest_level) & (share > 1.7))

    def target_area_m2(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        """The area to which land at points [n, 2] is divided."""
        owner, share = self.settlements.nearest(xy)
        enclosure = np.clip(self.enclosure.at(xy), -1.8, 1.8)
        fields = 31_000 * np.exp(-0.45 * enclosure)
        fields = np.where(self.is_forest(xy), 42_000, fields)
        fields = np.where(share < 1.35, np.minimum(fields, 11_000), fields)
        built = np.where(self.settlements.town[owner], 8_500, 10_500)
        return np.where(share < 1.0, built, fields)


def make_zoning(config: TerritoryConfig, settlements: Settlements) -> Zoning:
    """Draws the fields of a territory."""
    bounds = config.bounds

    def field(name: str, *scales_m: float) -> FractalField:
        rng = stream(config.seed, "zoning", name)
        return fractal_field(bounds, scales_m=scales_m, rng=rng)

    forest = field("forest", 1500.0, 600.0, 260.0)
    rng = stream(config.seed, "zoning", "level")
    probes = rng.uniform((bounds.left, bounds.bottom), (bounds.right, bounds.top), (4000, 2))
    away = probes[settlements.nearest(probes)[1] > 1.7]
    values = forest.at(away if len(away) > 100 else probes)
    return Zoning(
        settlements=settlements,
        forest=forest,
        forest_level=float(np.quantile(values, 1 - FOREST_SHARE)),
        conifer=field("conifer", 900.0, 380.0),
        enclosure=field("enclosure", 2200.0, 800.0),
        relief=field("relief", 1800.0, 700.0, 300.0),
    )
