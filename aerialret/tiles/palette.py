"""The twelve classes: their codes, names and colours.

Codes and colours follow RFIAP 2020 and its published code; black is kept for the background, so
a castle is drawn in dark red instead of the published black.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

BACKGROUND = 0
NO_COVERAGE = 255


class LandClass(NamedTuple):
    """One class of the mask."""

    code: int
    name: str
    french: str
    colour: tuple[int, int, int]


CLASSES = (
    LandClass(1, "road", "route", (255, 165, 0)),
    LandClass(2, "church", "église ou chapelle", (255, 255, 0)),
    LandClass(3, "tower", "tour ou donjon", (165, 42, 42)),
    LandClass(4, "fort", "fort ou blockhaus", (128, 128, 128)),
    LandClass(5, "castle", "château", (139, 0, 0)),
    LandClass(6, "building", "bâtiment indifférencié", (255, 0, 0)),
    LandClass(7, "water", "surface d'eau", (0, 0, 255)),
    LandClass(8, "sport", "terrain de sport", (138, 43, 226)),
    LandClass(9, "cemetery", "cimetière", (75, 0, 130)),
    LandClass(10, "vegetation", "zone de végétation", (0, 255, 0)),
    LandClass(11, "airport", "aéroport", (95, 2, 31)),
    LandClass(12, "rail", "chemin de fer", (255, 0, 255)),
)

PAINT_ORDER = (10, 7, 9, 8, 11, 1, 12, 6, 5, 4, 3, 2)
"""Class codes from the bottom to the top: small things stay visible on large ones."""

CODES = {land_class.name: land_class.code for land_class in CLASSES}


def colour_table() -> NDArray[np.uint8]:
    """uint8 [256, 3]: the colour of each code; background and no coverage are black."""
    table = np.zeros((256, 3), np.uint8)
    for land_class in CLASSES:
        table[land_class.code] = land_class.colour
    return table


def grey_table() -> NDArray[np.uint8]:
    """uint8 [256]: the luma (ITU-R BT.601) of each code's colour."""
    luma: NDArray[np.float64] = colour_table().astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    return np.round(luma).astype(np.uint8)
