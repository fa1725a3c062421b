"""The swipe: a photo and a map on one grid go in, what the page draws of them comes out.

`swipe.html.jinja` draws it: photo and map lie over each other with a slider between them, and side
by side where a page is printed or runs no scripts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUND = (1, 2, 5)
_LONGEST_BAR = 0.3  # of the picture's side


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A shape on photo and map.

    Attributes:
        points: Its corners in pixels, as SVG's polygon has them.
        css: Its look: photo, truth or answer.
        label: What it is.
    """

    points: str
    css: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swipe:
    """A photo and a map, north up, on one square of ground.

    Attributes:
        name: Its id in the page; the pictures have the ids NAME-map and NAME-photo.
        chart: Data URI of the map.
        photo: Data URI of the photo, transparent where it is not.
        side_px: Of both pictures.
        side_m: Of the ground.
        left: Easting of its left side.
        top: Northing of its upper side.
        crs: Of both.
        chart_label: What the map is, in a word or two.
        photo_label: What the photo is, likewise.
        chart_alt: What the map shows, for those who cannot see it.
        photo_alt: Likewise.
        outlines: Drawn on both.
    """

    name: str
    chart: str
    photo: str
    side_px: int
    side_m: float
    left: float
    top: float
    crs: str
    chart_label: str
    photo_label: str
    chart_alt: str
    photo_alt: str
    outlines: tuple[Outline, ...] = ()

    @property
    def bar_m(self) -> float:
        """Length of the scale bar in metres."""
        return round_length(_LONGEST_BAR * self.side_m)

    @property
    def bar_text(self) -> str:
        """Its label."""
        return length_text(self.bar_m)

    @property
    def bar_share(self) -> float:
        """Its length as a share of the picture's side."""
        return self.bar_m / self.side_m

    @property
    def upper_left(self) -> str:
        """Easting and northing of the upper left corner."""
        return place_text(self.left, self.top)

    @property
    def lower_right(self) -> str:
        """Easting and northing of the lower right corner."""
        return place_text(self.left + self.side_m, self.top - self.side_m)


def polygon_points(corners: NDArray[np.float64]) -> str:
    """Corners (float64 [n, 2]) as SVG has them, to a tenth of a pixel."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)


def place_text(x: float, y: float) -> str:
    """Easting and northing to a tenth of a metre, thousands apart."""
    return f"{_grouped(x)}, {_grouped(y)}"


def round_length(most: float) -> float:
    """The longest of 1, 2, 5, 10, 20, 50 ... that is not above `most`, as a bar of a scale has it.

    Args:
        most: Above 0.
    """
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(step * power for step in _ROUND if step * power <= most * (1 + 1e-9)))


def length_text(metres: float) -> str:
    """As in 20 m, 0.5 m or 2 km."""
    return f"{metres / 1000:g}\u00a0km" if metres >= 1000 else f"{metres:g}\u00a0m"


def legend_of(swipes: Sequence[Swipe]) -> list[Outline]:
    """The kinds of outlines in `swipes`, each once."""
    found = {(each.css, each.label): each for swipe in swipes for each in swipe.outlines}
    return list(found.values())


def _grouped(value: float) -> str:
    return f"{value:,.1f}".replace(",", "\u202f")
