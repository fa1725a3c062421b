"""Windows: a protocol, a seed and a place go in, the part of the tile that a photo shows comes out.

Coordinates are shares of the tile's side, x to the right and y downwards from its upper left.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.tiles.grid import Grid, TileId

ALIGNED = "aligned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A square window of a tile.

    Attributes:
        centre_x: Of its centre, a share of the tile's side.
        centre_y: Of its centre, a share of the tile's side, downwards.
        side: A share of the tile's side.
        rotation_deg: Counter-clockwise turn of the photo's content against the map.
    """

    centre_x: float = 0.5
    centre_y: float = 0.5
    side: float = 1.0
    rotation_deg: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """float64 [2, 3]: from the photo to the tile, both from -1 to 1 between outer edges."""
        cosine, sine = _direction(self.rotation_deg)
        across, down = 2 * self.centre_x - 1, 2 * self.centre_y - 1
        turn = self.side * np.array([[cosine, -sine], [sine, cosine]])
        return np.hstack([turn, [[across], [down]]])

    def corners(self) -> NDArray[np.float64]:
        """float64 [4, 2]: x and y of the photo's corners in the tile, from its upper left on."""
        photo = np.array([[-1, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]], np.float64)
        corners: NDArray[np.float64] = (photo @ self.matrix().T + 1) / 2
        return corners


@dataclass(frozen=True, slots=True, kw_only=True)
class Displacement:
    """From what a protocol draws its windows, evenly.

    Attributes:
        rotation_deg: Least and greatest turn.
        side: Of the window, a share of the tile's side.
        zoom: Least and greatest factor of `side`.
        shift: The window's centre is at most this far from the tile's, along x and y.
    """

    rotation_deg: tuple[float, float]
    side: float
    zoom: tuple[float, float]
    shift: float


_MILD = Displacement(rotation_deg=(-10.0, 10.0), side=0.78125, zoom=(0.9, 1.1), shift=1 / 16)
_HARD = Displacement(rotation_deg=(0.0, 360.0), side=0.5, zoom=(0.8, 1.25), shift=0.5)

DISPLACEMENTS = {"mild": _MILD, "hard": _HARD, "grey": _HARD, "season": _HARD}
"""The displaced protocols. `grey` and `season` show what `hard` shows, under the same seed."""


def require_protocol(protocol: str) -> str:
    """`protocol`, if there is one of this name.

    Raises:
        ConfigurationError: There is none.
    """
    if protocol != ALIGNED and protocol not in DISPLACEMENTS:
        raise ConfigurationError(
            f"protocol {protocol!r} was asked for, but there are "
            f"{', '.join((ALIGNED, *DISPLACEMENTS))}; name one of these"
        )
    return protocol


def generator_of(tile: TileId, *, seed: int) -> np.random.Generator:
    """The source of every draw for one place, whatever the other places are."""
    return np.random.default_rng([number % 2**32 for number in (seed, tile.col, tile.row)])


def draw_window(protocol: str, *, rng: np.random.Generator) -> Window:
    """A window of `protocol`; the first four numbers of `rng` decide on it."""
    if protocol == ALIGNED:
        return Window()
    drawn = DISPLACEMENTS[protocol]
    turn, zoom, across, down = rng.uniform(size=4)
    rotation_deg = _between(*drawn.rotation_deg, share=turn)
    side = drawn.side * _between(*drawn.zoom, share=zoom)
    cosine, sine = _direction(rotation_deg)
    room = max(0.5 - side / 2 * (abs(cosine) + abs(sine)), 0.0)
    reach = min(room, drawn.shift)
    return Window(
        centre_x=0.5 + _between(-reach, reach, share=across),
        centre_y=0.5 + _between(-reach, reach, share=down),
        side=side,
        rotation_deg=rotation_deg,
    )


def on_the_ground(points: NDArray[np.float64], *, tile: TileId, grid: Grid) -> NDArray[np.float64]:
    """Points of a tile as coordinates in the grid's CRS: float64 [..., 2], x and y.

    Args:
        points: float64 [..., 2], shares of the tile's side, downwards.
        tile: The tile.
        grid: Its grid.
    """
    bounds = grid.bounds(tile)
    corner = np.array([bounds.left, bounds.top])
    placed: NDArray[np.float64] = corner + points * grid.tile_size_m * np.array([1, -1])
    return placed


def _between(low: float, high: float, *, share: float) -> float:
    return low + (high - low) * share


def _direction(degrees: float) -> tuple[float, float]:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
