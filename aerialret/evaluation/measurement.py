"""Measurements: what a comparison found of each photo, and how it tells what it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.comparisons import Comparison
from aerialret.evaluation.windows import Window
from aerialret.retrieval.vector_index import Neighbours

RESULTS_KEPT = 10

StagedProgress: TypeAlias = Callable[[str, int, int], None]
"""Told the stage, the tiles done and the tiles in all."""


def of_stage(told: StagedProgress | None, stage: str) -> Callable[[int, int], None] | None:
    """What is told the progress of one stage; None where nobody is told."""
    return None if told is None else lambda done, total: told(stage, done, total)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """How well each query found its place.

    Attributes:
        comparison: What queries and gallery were described by.
        ranks: int [n], the rank of the right place; `metrics.NOT_FOUND` where the gallery lacks it.
        nearest: The first results of each query, rows of the gallery, `RESULTS_KEPT` at least;
            `NO_ROW` where there are not as many.
        own_scores: float32 [n], score of each query and its right place; NaN where none.
        distance_m: float64 [n], from where the first result puts the photo's centre (the centre of
            its tile, but for methods that tell more) to where it is; NaN where there is no result.
        placed_m: float64 [n, 4, 2], see `aerialret.evaluation.placing.placed_corners_m`; None for
            methods that tell the tile alone, in a gallery of whole tiles.
        shown: For each query, what of the tiles in some rows it shows by a second look; None where
            there was none.
    """

    comparison: Comparison
    ranks: NDArray[np.int64]
    nearest: Neighbours
    own_scores: NDArray[np.float32]
    distance_m: NDArray[np.float64]
    placed_m: NDArray[np.float64] | None = None
    shown: tuple[Mapping[int, Window], ...] | None = None
