"""Second looks of a query: a square and its hits go in, the hits in a better order come out."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aerialret.errors import MissingInputError
from aerialret.network.descriptors import modalities_of
from aerialret.retrieval.candidates import Candidates
from aerialret.retrieval.grid_maps import GridMaps
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit, allowed_places, hit_of_candidate
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification.counting import counted
from aerialret.verification.cutting import scaled
from aerialret.verification.looking import behind, looked_at, sure_of
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import Fit, SecondLook


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLooks:
    """How first hits are looked at again.

    Attributes:
        index: Was searched.
        look: Looks.
        reader: Reads what lies there.
        candidates: What deserves a second look.
    """

    index: Index
    look: SecondLook
    reader: ReferenceReader
    candidates: Candidates

    @property
    def tile_px(self) -> int:
        """Side of a square in pixels."""
        return self.index.grid.tile_px

    @property
    def top(self) -> int:
        """See `Candidates.top`."""
        return self.candidates.top

    @classmethod
    def of(cls, index: Index, *, top: int, rotations: int) -> "SecondLooks":
        """Second looks at the tiles of an index.

        Args:
            index: Is searched.
            top: Candidates for a second look, see `Candidates.top`.
            rotations: Turns that the search tries.

        Raises:
            ConfigurationError: The index's model has no cells.
            MissingInputError: The tile set of the index is no longer there.
        """
        model, modality = index.model, modalities_of(index.model.config)[0]
        look = SecondLook(model, tile_px=index.grid.tile_px, modality=modality)
        if index.tileset is None:
            raise MissingInputError(
                f"the tile set {index.manifest.facts['tile_set']} of index {index.folder} is not "
                "there, so that answers were not looked at a second time"
            )
        candidates = Candidates(model=model, modality=modality, rotations=rotations, top=top)
        reader = ReferenceReader(index.tileset)
        return cls(index=index, look=look, reader=reader, candidates=candidates)

    def again(
        self,
        square: TileBatch,
        hits: Sequence[Hit],
        turns_deg: Sequence[float],
        *,
        views: Descriptors,
        selected: NDArray[np.bool_] | None = None,
        shown_m: float | None = None,
    ) -> tuple[list[Hit], tuple[float, ...]]:
        """The hits by the second look, the best first, and the turn of each; as many as there were.

        Args:
            square: What was searched, alone in a batch.
            hits: The best first.
            turns_deg: Of the square, for each hit.
            views: float32 [V, T], what the search compared.
            selected: bool [m], the tiles of the index that may be found; None for all.
            shown_m: Side of the ground that the square shows, where it is known.
        """

        def look(some: Sequence[tuple[Hit, float]]) -> list[Fit]:
            poses = [self._pose(*each) for each in some]
            return self._fits(square, poses, [hit for hit, _ in some])

        seen = self._seen(square, views, selected, shown_m)
        looked = looked_at(
            seen, look, place=lambda each: each[0].place,
            again=lambda each, pose: self._fits(square, [pose], [each[0]])[0],
            sure=sure_of(self.look),
        )  # fmt: skip
        found: dict[tuple[str, str], tuple[Hit, float]] = {}
        for (hit, _), fit in looked:
            placed = replace(self._placed(hit, fit), score=fit.score)
            found.setdefault((hit.place, hit.date), (placed, fit.pose.rotation_deg % 360))
        scores = np.array([hit.score for hit, _ in found.values()], np.float32)
        ordered = [*found.values(), *_left(hits, turns_deg, found, scores)][: len(hits)]
        again = [replace(hit, rank=rank) for rank, (hit, _) in enumerate(ordered, start=1)]
        return again, tuple(turn for _, turn in ordered)

    def _seen(
        self,
        square: TileBatch,
        views: Descriptors,
        selected: NDArray[np.bool_] | None,
        shown_m: float | None,
    ) -> Iterator[tuple[Hit, float]]:
        """What is looked at again, the best first, and the turn of the square at each."""
        maps = self.index.vectors
        assert isinstance(maps, GridMaps), "a second look is made of a grid model's index"
        first = self.candidates.of(
            square, views, maps, selected=selected, sides_m=self.index.sides_m, shown_m=shown_m
        )
        allowed = allowed_places(self.index, selected)
        for each in first:
            hit = hit_of_candidate(self.index, each, allowed=allowed)
            if hit:
                yield hit, each.turn_deg

    def fits(
        self, square: TileBatch, poses: Sequence[Pose], dates: Sequence[str], *, side: int
    ) -> list[Fit]:
        """How a square fits what lies at each pose and date.

        Args:
            square: Alone in a batch.
            poses: Of the square, by the photo's own pixels; those of the fits are likewise.
            dates: Of the tiles, for each pose.
            side: Of the square, in the photo's own pixels.
        """
        factor = side / self.tile_px
        fits = self.look.fits_at(square, [scaled(p, factor) for p in poses], dates, self.reader)
        return [replace(fit, pose=scaled(fit.pose, 1 / factor)) for fit in fits]

    def _fits(self, square: TileBatch, poses: Sequence[Pose], hits: Sequence[Hit]) -> list[Fit]:
        fits = self.look.fits_at(square, poses, [hit.date for hit in hits], self.reader)
        return [
            counted(fit, tile=hit.bounds, photo_px=self.tile_px, is_reranked=self.look.is_reranked)
            for fit, hit in zip(fits, hits, strict=True)
        ]

    def _pose(self, hit: Hit, turn_deg: float) -> Pose:
        assert hit.side_m is not None, "the search of a grid model tells what a photo shows"
        return Pose(
            x=hit.x, y=hit.y, rotation_deg=turn_deg, metres_per_px=hit.side_m / self.tile_px
        )

    def _placed(self, hit: Hit, fit: Fit) -> Hit:
        pose = fit.pose
        return replace(hit, x=pose.x, y=pose.y, side_m=pose.metres_per_px * self.tile_px)


def _left(
    hits: Sequence[Hit],
    turns_deg: Sequence[float],
    looked: Container[tuple[str, str]],
    scores: NDArray[np.float32],
) -> list[tuple[Hit, float]]:
    """Hits of the search that were not looked at again, behind all that were."""
    left = [
        (hit, turn)
        for hit, turn in zip(hits, turns_deg, strict=True)
        if (hit.place, hit.date) not in looked
    ]
    behind_them = behind(scores, np.array([hit.score for hit, _ in left]))
    return [
        (replace(hit, score=float(score)), turn)
        for (hit, turn), score in zip(left, behind_them, strict=True)
    ]
