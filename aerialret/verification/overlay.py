"""Cells laid over cells: a photo's and a reference's go in, the similarity that fits best comes.

All cosines of the photo's cells with the reference's are computed once; a similarity's score is the
mean of those that it brings together. Turns and scales are tried on a grid at every whole shift,
the best is then improved by ever smaller steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.network.peaks import peak_offset
from aerialret.verification.cells import Cells
from aerialret.verification.pose import Matrix, as_square

_LEAST_CELLS = 16
_LEAST_MET = 0.5  # of the photo's cells that must lie on something
_FINEST_STEP = 0.06  # of a cell
_RIVALS = (3, 8)  # cells: nearer ones show the same, farther ones lie off the map
_MOVES = np.array(np.meshgrid(*[[-1, 0, 1]] * 4)).reshape(4, -1).T


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """A photo's cells and how well each fits each of the reference's.

    Attributes:
        cosines: float32 [m, rows, columns].
        seen: float32 [rows, columns], 1 where the reference has an image.
        places: int [m, 2], column and row of each of the photo's cells.
        stride_px: Side of a cell in pixels of the grid that both lie on.
    """

    cosines: NDArray[np.float32]
    seen: NDArray[np.float32]
    places: NDArray[np.int64]
    stride_px: int

    @classmethod
    def of(cls, photo: Cells, reference: Cells, *, most: int) -> "Overlay | None":
        """At most about `most` of the photo's cells, evenly; None where there are too few."""
        step = max(1, math.ceil(math.sqrt(photo.seen.sum() / most)))
        lattice = np.zeros_like(photo.seen)
        lattice[step // 2 :: step, step // 2 :: step] = True
        rows, columns = np.nonzero(photo.seen & lattice)
        if len(rows) < _LEAST_CELLS or not reference.seen.any():
            return None
        flat = reference.values.reshape(len(reference.values), -1)
        cosines = np.ascontiguousarray(photo.values[:, rows, columns].T) @ flat
        return cls(
            cosines=cosines.reshape(len(rows), *reference.seen.shape),
            seen=reference.seen.astype(np.float32), places=np.column_stack([columns, rows]),
            stride_px=photo.stride_px,
        )  # fmt: skip

    @property
    def middle(self) -> NDArray[np.float64]:
        """Column and row about which photos are turned and scaled."""
        result: NDArray[np.float64] = self.places.mean(axis=0)
        return result

    @property
    def radius(self) -> float:
        """Root of the cells' mean squared distance from `middle`."""
        return float(np.sqrt(np.square(self.places - self.middle).sum(axis=1).mean()))

    def moved(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where similarities put the cells: float64 [k, m, 2].

        Args:
            steps: float64 [k, 4], shift along columns and rows, turn (radians) and log of scale.
        """
        across, down, turns, logs = steps.T[..., None]
        x, y = (self.places - self.middle).T
        cosine, sine = np.exp(logs) * np.cos(turns), np.exp(logs) * np.sin(turns)
        column = cosine * x - sine * y + across + self.middle[0]
        row = sine * x + cosine * y + down + self.middle[1]
        return np.stack([column, row], axis=-1)

    def scores(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """The mean cosine of each of k similarities, bilinear: float64 [k]; -1 off the map."""
        at = self.moved(steps)
        low = np.floor(at).astype(int)
        share = at - low
        total, met = np.zeros(len(steps)), np.zeros(len(steps))
        for right, lower in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = np.abs(1 - right - share[..., 0]) * np.abs(1 - lower - share[..., 1])
            found, seen = self._at(low[..., 0] + right, low[..., 1] + lower)
            total += (weight * found).sum(axis=1)
            met += (weight * seen).sum(axis=1)
        return np.where(met >= _LEAST_MET * len(self.places), total / np.maximum(met, 1e-9), -1.0)

    def _at(
        self, columns: NDArray[np.int64], rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines of the cells at [k, m] places, and whether there is an image."""
        height, width = self.seen.shape
        inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
        x, y = np.clip(columns, 0, width - 1), np.clip(rows, 0, height - 1)
        seen = self.seen[y, x] * inside
        return self.cosines[np.arange(len(self.places)), y, x] * seen, seen

    def windows(
        self, columns: NDArray[np.int64], rows: NDArray[np.int64], reach: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines around a place for each cell: float32 [m, side, side], side = 2 reach + 1.

        Also where there is an image.
        """
        away = np.arange(-reach, reach + 1)
        y, x = rows[:, None, None] + away[:, None], columns[:, None, None] + away
        height, width = self.seen.shape
        inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
        seen = self.seen[y, x] * inside
        return self.cosines[np.arange(len(rows))[:, None, None], y, x] * seen, seen

    def rival(self, step: NDArray[np.float64]) -> float:
        """The best mean cosine beside `step`: at whole shifts of it, near but not next to it."""
        near = np.rint(self.moved(step[None])[0]).astype(int)
        found, seen = self.windows(near[:, 0], near[:, 1], _RIVALS[1])
        away = np.arange(-_RIVALS[1], _RIVALS[1] + 1)
        beside = np.hypot(away, away[:, None]) > _RIVALS[0]
        means = found.sum(axis=0) / np.maximum(seen.sum(axis=0), 1e-9)
        return float(means[beside].max())

    def matrix(self, step: NDArray[np.float64]) -> Matrix:
        """float64 [3, 3]: one similarity as a transform of the grid's pixels."""
        across, down, turn, log = step
        cosine, sine = math.exp(log) * math.cos(turn), math.exp(log) * math.sin(turn)
        change = np.array([[cosine, -sine], [sine, cosine]])
        middle = (self.middle + 0.5) * self.stride_px
        shift = middle - change @ middle + np.array([across, down]) * self.stride_px
        return as_square(np.column_stack([change, shift]))


def best_on_grid(
    overlay: Overlay, *, turns: Sequence[float], logs: Sequence[float], reach: int
) -> tuple[float, NDArray[np.float64]]:
    """The best of all turns and scales at every whole shift: its score and its step.

    Args:
        overlay: Where to look.
        turns: In radians.
        logs: Logarithms of the scales.
        reach: Greatest shift in cells.
    """
    best, step = -1.0, np.zeros(4)
    for turn in turns:
        for log in logs:
            at = np.rint(overlay.moved(np.array([[0, 0, turn, log]]))[0]).astype(int)
            found, seen = overlay.windows(at[:, 0], at[:, 1], reach)
            met = seen.sum(axis=0)
            enough = met >= _LEAST_MET * len(at)
            means = np.where(enough, found.sum(axis=0) / np.maximum(met, 1e-9), -1.0)
            row, column = np.unravel_index(int(means.argmax()), means.shape)
            if means[row, column] > best:
                best = float(means[row, column])
                step = np.array([column - reach, row - reach, turn, log], np.float64)
    return best, step


def climbed(overlay: Overlay, step: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The best similarity near `step`: its score and its step.

    All neighbours at one distance are tried; where none is better, nearer ones are.
    """
    unit, size = _unit(overlay), 1.0
    best = float(overlay.scores(step[None])[0])
    while size > _FINEST_STEP:
        tried = step + _MOVES * unit * size
        scores = overlay.scores(tried)
        top = int(scores.argmax())
        if scores[top] > best + 1e-9:
            best, step = float(scores[top]), tried[top]
        else:
            size /= 2
    return best, step


def between_cells(overlay: Overlay, step: NDArray[np.float64]) -> NDArray[np.float64]:
    """`step` moved to the vertex of a parabola along each of its four directions.

    Cosines are linear between cells, so that their mean is greatest where cells meet cells.
    """
    unit = _unit(overlay)
    steps = step + np.eye(4).repeat(3, axis=0) * np.tile([-1, 0, 1], 4)[:, None] * unit
    lines = overlay.scores(steps).reshape(4, 3)
    away = np.clip([peak_offset(line, 1) for line in lines], -1, 1)
    result: NDArray[np.float64] = step + away * unit
    return result


def _unit(overlay: Overlay) -> NDArray[np.float64]:
    """What moves the cells by one cell in the mean, along each direction of a step."""
    return np.array([1, 1, 1 / overlay.radius, 1 / overlay.radius])
