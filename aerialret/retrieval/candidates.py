"""Candidates: a photo and tiles as grids of cells go in, what deserves a second look comes out.

The search orders tiles by their best fit at any scale. Here the first tiles of *every* scale count,
so that scales at which much fits by chance do not keep out the others, and likewise the first of
those in which the photo lies as tiles do; and the photo is laid over the tiles once more, seen
larger and at more turns: a photo that shows much ground is too coarse at the size of the search.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, photo_grids
from aerialret.network.grid_fits import GridFit, ScaleScores
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.known_sides import off_scale, tolerated
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.pixel_store import TileBatch

NEARER = 1.5
"""How much larger a photo is seen, and how many more turns of it are tried, the second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A tile and where in it a photo may lie; a tile can be several, at different scales.

    Attributes:
        row: Of the tile.
        searched: How well the photo fits the tile by the search, wherever in it.
        fit: Where; its score is by this fit.
        turn_deg: Counter-clockwise turn that brings the photo to north up.
    """

    row: int
    searched: float
    fit: GridFit
    turn_deg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What of a gallery deserves a second look.

    Attributes:
        model: With the head `grid`.
        modality: What may be looked at.
        rotations: Turns that the search tries.
        top: Candidates of the search, and of the search that sees photos larger: of each of their
            scales as many. As many as of a scale are added of tiles in which it lies as they do.
    """

    model: Model
    modality: Modality
    rotations: int
    top: int

    def of(
        self,
        square: TileBatch,
        views: Descriptors,
        maps: GridMaps,
        *,
        selected: NDArray[np.bool_] | None = None,
        sides_m: NDArray[np.float64] | None = None,
        shown_m: float | None = None,
    ) -> Iterator[Candidate]:
        """The candidates of one photo, first those of the search, the best first.

        The photo is seen larger only when they are used up, and only if it has the pixels.

        Args:
            square: The photo, alone in a batch.
            views: float32 [V, T], what the search compares.
            maps: The gallery.
            selected: bool [m], the tiles that may be found; None for all.
            sides_m: float64 [m], the ground that each tile shows; needed with `shown_m`.
            shown_m: Side of the ground that the photo shows, where it is known: of each tile the
                scales next to it count and no other.
        """
        known = None if shown_m is None or sides_m is None else _Known.of(maps, sides_m, shown_m)
        scores = _that_count(maps.scores_by_scale(views), maps, selected, known)
        best = scores.anyhow.max(axis=0)
        yield from self._first(maps, views, scores, best=best, rotations=self.rotations)
        larger = maps.nearer(NEARER)
        if larger is None or larger.layout.photo_px > square.images.shape[-1]:
            return
        turns = max(1, int(NEARER * self.rotations))
        grids = photo_grids(
            self.model, square, cells=larger.layout.template, modality=self.modality,
            rotations=turns,
        )[0]  # fmt: skip
        scores = _that_count(larger.scores_by_scale(grids), larger, selected, known)
        yield from self._first(larger, grids, scores, best=best, rotations=turns)

    def _first(
        self,
        maps: GridMaps,
        views: Descriptors,
        scores: ScaleScores,
        *,
        best: NDArray[np.float32],
        rotations: int,
    ) -> list[Candidate]:
        """As many of every scale, the best tile first, each tile's fits after each other."""
        fits = maps.first_fits(views, scores, each=math.ceil(self.top / len(scores.anyhow)))
        found = [
            Candidate(
                row=each.row, searched=float(best[each.row]), fit=each.fit,
                turn_deg=360.0 * each.fit.view / rotations,
            )
            for each in fits
        ]  # fmt: skip
        first = {each.row: each.fit.score for each in sorted(found, key=lambda one: one.fit.score)}
        return sorted(found, key=lambda each: (-first[each.row], each.row, -each.fit.score))


@dataclass(frozen=True, slots=True)
class _Known:
    """The ground that a photo shows, where it is known.

    Attributes:
        sides_m: float64 [m], the ground that each tile shows.
        shown_m: Side of the ground that the photo shows.
        most: How far from it what is compared may be, see `tolerated`.
    """

    sides_m: NDArray[np.float64]
    shown_m: float
    most: float

    @classmethod
    def of(cls, maps: GridMaps, sides_m: NDArray[np.float64], shown_m: float) -> "_Known":
        """With the nearest scale of `maps` at least."""
        off = off_scale(maps.layout.scales, sides_m=sides_m, shown_m=shown_m)
        return cls(sides_m, shown_m, tolerated(off))

    def near(self, maps: GridMaps) -> NDArray[np.bool_]:
        """Which scales of which tiles are near enough: bool [scales, m]."""
        off = off_scale(maps.layout.scales, sides_m=self.sides_m, shown_m=self.shown_m)
        return (off <= self.most).T


def _that_count(
    scores: ScaleScores,
    maps: GridMaps,
    selected: NDArray[np.bool_] | None,
    known: _Known | None,
) -> ScaleScores:
    """The same, -inf for tiles and scales that are left out."""
    counts = np.ones(scores.anyhow.shape, bool)
    if selected is not None:
        counts &= selected
    if known is not None:
        counts &= known.near(maps)
    none = np.float32(-np.inf)
    return ScaleScores(
        anyhow=np.where(counts, scores.anyhow, none),
        as_tiles=np.where(counts, scores.as_tiles, none),
    )
