"""Second looks of a query: a square and its hits go in, the hits in a better order come out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aerialret.errors import MissingInputError
from aerialret.network.descriptors import modalities_of
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.search import Hit
from aerialret.tiles.pixel_store import TileBatch
from aerialret.verification.pose import Pose
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.second_look import Fit, SecondLook, joint_scores


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLooks:
    """How first hits are looked at again.

    Attributes:
        look: Looks.
        reader: Reads what lies there.
        tile_px: Side of a square in pixels.
        top: Hits of each square that are looked at.
    """

    look: SecondLook
    reader: ReferenceReader
    tile_px: int
    top: int

    @classmethod
    def of(cls, index: Index, *, top: int) -> "SecondLooks":
        """Second looks at the tiles of an index.

        Raises:
            ConfigurationError: The index's model has no cells.
            MissingInputError: The tile set of the index is no longer there.
        """
        model, tile_px = index.model, index.grid.tile_px
        look = SecondLook(model, tile_px=tile_px, modality=modalities_of(model.config)[0])
        if index.tileset is None:
            raise MissingInputError(
                f"the tile set {index.manifest.facts['tile_set']} of index {index.folder} is not "
                "there, so that answers were not looked at a second time"
            )
        return cls(look=look, reader=ReferenceReader(index.tileset), tile_px=tile_px, top=top)

    def again(
        self, square: TileBatch, hits: Sequence[Hit], turns_deg: Sequence[float]
    ) -> tuple[list[Hit], tuple[float, ...]]:
        """The hits in their new order, and the turn of each.

        Args:
            square: What was searched, alone in a batch.
            hits: The best first.
            turns_deg: Of the square, for each hit.
        """
        looked = list(zip(hits, turns_deg, strict=True))[: self.top]
        poses = [self._pose(*each) for each in looked]
        fits = self.look.fits_at(square, poses, [hit.date for hit, _ in looked], self.reader)
        scores = joint_scores(
            np.array([hit.score for hit in hits]), np.array([fit.score for fit in fits])
        )
        placed = [self._placed(hit, fit) for (hit, _), fit in zip(looked, fits, strict=True)]
        placed += hits[len(placed) :]
        turns = [fit.pose.rotation_deg % 360 for fit in fits] + list(turns_deg[len(fits) :])
        order = np.argsort(-scores, kind="stable").tolist()
        again = [
            replace(placed[number], rank=rank, score=float(scores[number]))
            for rank, number in enumerate(order, start=1)
        ]
        return again, tuple(turns[number] for number in order)

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
        fits = self.look.fits_at(square, [_zoomed(p, factor) for p in poses], dates, self.reader)
        return [replace(fit, pose=_zoomed(fit.pose, 1 / factor)) for fit in fits]

    def _pose(self, hit: Hit, turn_deg: float) -> Pose:
        assert hit.side_m is not None, "the search of a grid model tells what a photo shows"
        return Pose(
            x=hit.x, y=hit.y, rotation_deg=turn_deg, metres_per_px=hit.side_m / self.tile_px
        )

    def _placed(self, hit: Hit, fit: Fit) -> Hit:
        pose = fit.pose
        return replace(hit, x=pose.x, y=pose.y, side_m=pose.metres_per_px * self.tile_px)


def _zoomed(pose: Pose, factor: float) -> Pose:
    return replace(pose, metres_per_px=pose.metres_per_px * factor)
