"""The look of a date: in goes its name, out come sun, camera and the colours of the land."""

import math
from dataclasses import dataclass

from aerialret.territory.config import EARLY, LATE

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """How a kind of ground looks; colours are shares of full brightness.

    Attributes:
        colour: Mean colour.
        weight: How often it is chosen among the surfaces of its use.
        spread: Standard deviation of brightness from parcel to parcel.
        rows: Strength of the rows of tillage.
        tramlines: Strength of the wheel tracks through the crop.
        soil: How much the soil shows through.
        rough: Strength of the fine texture.
    """

    colour: Colour
    weight: float = 1.0
    spread: float = 0.05
    rows: float = 0.0
    tramlines: float = 0.0
    soil: float = 0.5
    rough: float = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """One date's light, camera and vegetation.

    Attributes:
        sun_azimuth: Degrees clockwise from north.
        sun_elevation: Degrees above the horizon.
        surfaces: Use of a parcel -> surfaces to choose from.
        canopy: Kind of trees -> colour.
        paint: Name of a thing -> colour.
        cast: Gains of red, green and blue.
        gamma: Exponent of the tone curve.
        haze: Share of sky light added.
        blur: Share that goes to each neighbouring pixel.
        grain: Standard deviation of the sensor noise, in grey values.
    """

    sun_azimuth: float
    sun_elevation: float
    surfaces: dict[str, tuple[Surface, ...]]
    canopy: dict[str, Colour]
    paint: dict[str, Colour]
    cast: Colour
    gamma: float
    haze: float
    blur: float
    grain: float

    @property
    def towards_sun(self) -> tuple[float, float]:
        """Unit vector (east, north) to the sun."""
        turn = math.radians(self.sun_azimuth)
        return math.sin(turn), math.cos(turn)

    @property
    def shadow_per_metre(self) -> float:
        """Length of the shadow of a thing one metre high."""
        return 1 / math.tan(math.radians(self.sun_elevation))


def _summer_surfaces() -> dict[str, tuple[Surface, ...]]:
    return {
        "crop": (
            Surface(colour=(0.72, 0.64, 0.47), weight=4, rows=0.06, tramlines=0.16, soil=0.6),
            Surface(
                colour=(0.66, 0.56, 0.42), weight=2, rows=0.08, tramlines=0.08, soil=0.9, rough=0.04
            ),
            Surface(colour=(0.54, 0.44, 0.34), weight=3, rows=0.10, soil=1.3, rough=0.06),
            Surface(colour=(0.30, 0.38, 0.21), weight=3, rows=0.03, tramlines=0.03, soil=0.3),
            Surface(colour=(0.47, 0.43, 0.27), weight=1, rows=0.03, tramlines=0.04, soil=0.5),
            Surface(colour=(0.50, 0.53, 0.34), weight=1, rows=0.02, soil=0.8),
        ),
        "meadow": (
            Surface(colour=(0.50, 0.51, 0.33), weight=3, soil=0.9, rough=0.03),
            Surface(colour=(0.43, 0.48, 0.29), weight=3, soil=0.7, rough=0.03),
            Surface(colour=(0.58, 0.55, 0.38), weight=2, rows=0.02, soil=0.8),
        ),
        "fallow": (Surface(colour=(0.44, 0.42, 0.28), soil=1.0, rough=0.07),),
        "clearcut": (Surface(colour=(0.46, 0.40, 0.30), rows=0.05, soil=1.0, rough=0.08),),
        "orchard": (Surface(colour=(0.47, 0.49, 0.31), soil=0.6, rough=0.03),),
        "park": (Surface(colour=(0.42, 0.47, 0.28), soil=0.6, rough=0.03),),
        "public": (Surface(colour=(0.46, 0.49, 0.31), soil=0.6, rough=0.02),),
        "poplar": (Surface(colour=(0.38, 0.42, 0.26), soil=0.4, rough=0.03),),
        "garden": (Surface(colour=(0.46, 0.47, 0.31), soil=0.3, rough=0.05),),
        "urban": (Surface(colour=(0.53, 0.51, 0.48), spread=0.03, soil=0.2, rough=0.05),),
        "industrial": (Surface(colour=(0.58, 0.57, 0.54), spread=0.08, soil=0.3, rough=0.04),),
        "forest floor": (Surface(colour=(0.25, 0.27, 0.17), spread=0.02, soil=0.3, rough=0.03),),
    }


def _spring_surfaces() -> dict[str, tuple[Surface, ...]]:
    return {
        "crop": (
            Surface(colour=(0.30, 0.45, 0.21), weight=4, rows=0.03, tramlines=0.20, soil=0.3),
            Surface(colour=(0.38, 0.51, 0.26), weight=2, rows=0.03, tramlines=0.16, soil=0.4),
            Surface(colour=(0.78, 0.74, 0.26), weight=1.2, rows=0.03, tramlines=0.18, soil=0.3),
            Surface(colour=(0.61, 0.51, 0.41), weight=3, rows=0.09, soil=1.3, rough=0.06),
            Surface(colour=(0.46, 0.44, 0.31), weight=1, rows=0.07, soil=1.1, rough=0.05),
        ),
        "meadow": (
            Surface(colour=(0.37, 0.50, 0.25), weight=4, soil=0.6, rough=0.025),
            Surface(colour=(0.42, 0.53, 0.28), weight=3, soil=0.6, rough=0.025),
            Surface(colour=(0.48, 0.56, 0.33), weight=1, rows=0.02, soil=0.5),
        ),
        "fallow": (Surface(colour=(0.40, 0.44, 0.27), soil=0.9, rough=0.07),),
        "clearcut": (Surface(colour=(0.45, 0.41, 0.31), rows=0.05, soil=1.0, rough=0.08),),
        "orchard": (Surface(colour=(0.38, 0.51, 0.26), soil=0.5, rough=0.03),),
        "park": (Surface(colour=(0.36, 0.49, 0.25), soil=0.5, rough=0.03),),
        "public": (Surface(colour=(0.38, 0.51, 0.26), soil=0.5, rough=0.02),),
        "poplar": (Surface(colour=(0.34, 0.45, 0.24), soil=0.4, rough=0.03),),
        "garden": (Surface(colour=(0.38, 0.49, 0.28), soil=0.3, rough=0.05),),
        "urban": (Surface(colour=(0.56, 0.55, 0.53), spread=0.03, soil=0.2, rough=0.05),),
        "industrial": (Surface(colour=(0.58, 0.58, 0.57), spread=0.08, soil=0.3, rough=0.04),),
        "forest floor": (Surface(colour=(0.26, 0.30, 0.18), spread=0.02, soil=0.3, rough=0.03),),
    }


_PAINT: dict[str, Colour] = {
    "asphalt": (0.50, 0.50, 0.51),
    "old asphalt": (0.57, 0.56, 0.54),
    "dirt": (0.68, 0.61, 0.49),
    "gravel": (0.72, 0.68, 0.60),
    "ballast": (0.40, 0.36, 0.34),
    "concrete": (0.74, 0.73, 0.70),
    "graves": (0.64, 0.63, 0.61),
    "clay": (0.66, 0.40, 0.30),
    "patio": (0.66, 0.62, 0.56),
    "bare": (0.52, 0.43, 0.33),
    "pool": (0.30, 0.68, 0.78),
    "tile": (0.62, 0.39, 0.30),
    "brown tile": (0.50, 0.34, 0.28),
    "slate": (0.36, 0.37, 0.41),
    "metal": (0.80, 0.81, 0.82),
    "fibre cement": (0.61, 0.60, 0.58),
    "blue metal": (0.48, 0.57, 0.66),
    "glass": (0.66, 0.72, 0.72),
}


def season(date: str) -> Season:
    """The look of `date`: a dry late summer, or a green spring."""
    if date == EARLY:
        return Season(
            sun_azimuth=152.0,
            sun_elevation=44.0,
            surfaces=_summer_surfaces(),
            canopy={
                "broadleaf": (0.26, 0.33, 0.18), "mixed": (0.22, 0.29, 0.17),
                "conifer": (0.17, 0.24, 0.16), "open": (0.34, 0.38, 0.22),
                "orchard": (0.29, 0.35, 0.20), "poplar": (0.31, 0.37, 0.22),
                "tree": (0.28, 0.34, 0.19),
            },
            paint={**_PAINT, "water": (0.20, 0.26, 0.25), "verge": (0.53, 0.51, 0.34),
                   "brook": (0.24, 0.28, 0.22), "airfield": (0.51, 0.51, 0.33)},
            cast=(1.05, 1.0, 0.93), gamma=1.0, haze=0.05, blur=0.17, grain=3.6,
        )  # fmt: skip
    assert date == LATE
    return Season(
        sun_azimuth=204.0,
        sun_elevation=51.0,
        surfaces=_spring_surfaces(),
        canopy={
            "broadleaf": (0.30, 0.41, 0.18), "mixed": (0.24, 0.34, 0.18),
            "conifer": (0.17, 0.26, 0.18), "open": (0.37, 0.45, 0.23),
            "orchard": (0.36, 0.44, 0.25), "poplar": (0.38, 0.45, 0.24),
            "tree": (0.31, 0.41, 0.20),
        },
        paint={**_PAINT, "water": (0.27, 0.31, 0.26), "verge": (0.40, 0.49, 0.27),
               "brook": (0.27, 0.30, 0.23), "airfield": (0.40, 0.52, 0.28)},
        cast=(0.97, 1.0, 1.04), gamma=0.92, haze=0.03, blur=0.10, grain=1.8,
    )  # fmt: skip
