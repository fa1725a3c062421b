"""Patches: cells that lie over a map go in; where each part of the photo alone fits best comes out.

A photo that lies where it belongs fits there part by part. Elsewhere the parts disagree, however
well the whole was made to fit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.network.peaks import peak_offset
from aerialret.verification.overlay import Overlay

ACROSS = 4
"""Patches along the longer side of what the photo covers."""

REACH = 6
"""How far a patch is looked for, in cells."""

_LEAST_CELLS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """n parts of a photo, in cells: column and row.

    Attributes:
        places: float64 [n, 2], their middles in the photo's cells.
        laid: float64 [n, 2], where these lie among the map's.
        found: float64 [n, 2], where each alone fits best among the map's.
    """

    places: NDArray[np.float64]
    laid: NDArray[np.float64]
    found: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.places)

    def agreeing(self, tolerance: float) -> NDArray[np.bool_]:
        """Which fit best within `tolerance` cells of where they lie: bool [n]."""
        result: NDArray[np.bool_] = np.linalg.norm(self.found - self.laid, axis=1) <= tolerance
        return result


def patches_of(overlay: Overlay, step: NDArray[np.float64]) -> Patches:
    """The patches of a photo that lies by `step` (see `Overlay.moved`)."""
    low, high = overlay.places.min(axis=0), overlay.places.max(axis=0)
    side = (high - low + 1).max() / ACROSS
    column, row = ((overlay.places - low) / side).astype(int).T
    numbers = row * ACROSS + column
    lies = overlay.moved(step[None])[0]
    near = np.rint(lies).astype(int)
    fits, seen = overlay.windows(near[:, 0], near[:, 1], REACH)
    rows = []
    for number in np.unique(numbers):
        own = numbers == number
        met = seen[own].sum(axis=0)
        if own.sum() < _LEAST_CELLS or not met.all():
            continue
        found = near[own].mean(axis=0) + _peak(fits[own].sum(axis=0) / met)
        rows.append([overlay.places[own].mean(axis=0), lies[own].mean(axis=0), found])
    places, laid, best = np.moveaxis(np.array(rows).reshape(-1, 3, 2), 1, 0)
    return Patches(places=places, laid=laid, found=best)


def _peak(means: NDArray[np.float32]) -> tuple[float, float]:
    """Column and row of the best place from the middle, between cells by a parabola."""
    row, column = map(int, np.unravel_index(int(means.argmax()), means.shape))
    return (
        column + peak_offset(means[row], column) - REACH,
        row + peak_offset(means[:, column], row) - REACH,
    )
