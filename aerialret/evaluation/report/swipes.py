"""Swipes: an evaluation goes in, photos laid on their first answers and on the truth come out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report.wording import figure, metres
from aerialret.evaluation.windows import ALIGNED
from aerialret.pages.swipe import Outline, Swipe, legend_of
from aerialret.querying.laid_photo import lay, side_for, swipe_of, window_around
from aerialret.tiles.grid import Bounds
from aerialret.verification.pose import Matrix, corners
from aerialret.verification.reference import ReferenceReader
from aerialret.verification.transform import least_squares

RIGHT, WRONG = 3, 3
"""Photos that are drawn of those found at first, and of those missed by most."""

SIDE_PX = 360

_PLACED = ("answer", "where the first answer puts the photo")
_TRUTH = ("truth", "what the photo shows")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwipeCard:
    """A photo on the map: where its first answer puts it and, where that is wrong, where it lies.

    Attributes:
        place: Its place.
        told: Its rank, score and distance, in words.
        swipes: Each with what it is.
    """

    place: str
    told: str
    swipes: tuple[tuple[str, Swipe], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwipeGallery:
    """What is drawn: of the photos found at first, and of those that were missed by most."""

    right: tuple[SwipeCard, ...]
    wrong: tuple[SwipeCard, ...]

    @property
    def legend(self) -> list[Outline]:
        """The outlines that are drawn."""
        cards = (*self.right, *self.wrong)
        return legend_of([swipe for card in cards for _, swipe in card.swipes])


def swipe_gallery(evaluation: Evaluation, *, wrong: int = WRONG) -> SwipeGallery | None:
    """Photos laid on the map; None where they are whole tiles or the method tells the tile alone.

    Of those found at first: the one laid best, the one in the middle and the worst. Of the others:
    those whose right place came latest.

    Args:
        evaluation: What was measured.
        wrong: Photos of the latter, at most `WRONG`.
    """
    placed_m = evaluation.trained[evaluation.main].placed_m
    if evaluation.photos.protocol == ALIGNED or placed_m is None:
        return None
    drawing = _Drawing(evaluation, placed_m, ReferenceReader(evaluation.tileset))
    first, missed = _chosen(evaluation, placed_m, wrong=min(wrong, WRONG))
    return SwipeGallery(
        right=tuple(drawing.right(row) for row in first),
        wrong=tuple(drawing.wrong(row) for row in missed),
    )


def _chosen(
    evaluation: Evaluation, placed_m: NDArray[np.float64], *, wrong: int
) -> tuple[list[int], list[int]]:
    """Rows of the table: of those found at first, and of those that were not."""
    table = evaluation.table
    told = evaluation.in_scope & np.isfinite(placed_m).all(axis=(1, 2))
    first = table[told & (table["rank"] == 1).fillna(False).to_numpy(bool)]
    by_error = first.sort_values(["distance_m", "place"]).index
    spread = np.linspace(0, len(by_error) - 1, min(RIGHT, len(by_error))).round().astype(int)
    missed = table[told & (table["rank"] > 1).fillna(False).to_numpy(bool)]
    worst = missed.sort_values(["rank", "place"], ascending=[False, True]).head(wrong)
    return [int(by_error[n]) for n in spread], [int(row) for row in worst.index]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """What the cards share."""

    evaluation: Evaluation
    placed_m: NDArray[np.float64]
    reader: ReferenceReader

    def right(self, row: int) -> SwipeCard:
        """A photo on its first answer, with the truth around it."""
        shown_m = self.evaluation.photos.shown.corners_m[row]
        window = window_around(self.placed_m[row], shown_m)
        truth = (*_TRUTH, shown_m)
        swipe = self._swipe(row, f"r{row}", self.placed_m[row], window, _PLACED, (truth,))
        return self._card(row, (("On its first answer", swipe),))

    def wrong(self, row: int) -> SwipeCard:
        """A photo on its first answer, and where it lies."""
        placed_m, shown_m = self.placed_m[row], self.evaluation.photos.shown.corners_m[row]
        answer = self._swipe(row, f"w{row}", placed_m, window_around(placed_m), _PLACED)
        truth = self._swipe(row, f"t{row}", shown_m, window_around(shown_m), _TRUTH)
        return self._card(row, (("On its first answer", answer), ("Where it lies", truth)))

    def _card(self, row: int, swipes: tuple[tuple[str, Swipe], ...]) -> SwipeCard:
        line: Any = self.evaluation.table.loc[row]
        score = float(self.evaluation.trained[self.evaluation.main].nearest.scores[row, 0])
        told = (
            f"right place at rank {int(line['rank']):,} · first answer with score {figure(score)}, "
            f"{metres(float(line['distance_m']))} off"
        )
        return SwipeCard(place=str(line["place"]), told=told, swipes=swipes)

    def _swipe(
        self,
        row: int,
        name: str,
        corners_m: NDArray[np.float64],
        window: Bounds,
        own: tuple[str, str],
        outlines: Sequence[tuple[str, str, NDArray[np.float64]]] = (),
    ) -> Swipe:
        """The photo with its corners at `corners_m`."""
        evaluation, dates = self.evaluation, self.evaluation.dates
        batch = evaluation.photos.cut(evaluation.tileset, slice(row, row + 1)).batch
        finest_m = evaluation.tileset.grid.resolution_m
        laid = lay(
            batch.images[0], batch.valid[0], _onto(corners_m, side_px=batch.valid.shape[2]),
            window=window, reader=self.reader, date=dates.gallery,
            side_px=side_for(window, finest_m=finest_m, most_px=SIDE_PX),
        )  # fmt: skip
        place = evaluation.photos.tiles[row].place
        return swipe_of(
            laid, name=name, crs=evaluation.tileset.grid.crs, own=own, outlines=tuple(outlines),
            labels=(f"Map of {dates.gallery}", f"Photo of {dates.queries}"),
            alts=(
                f"Tiles of {dates.gallery}, north up",
                f"The photo of {place}, {own[1]}",
            ),
        )  # fmt: skip


def _onto(corners_m: NDArray[np.float64], *, side_px: int) -> Matrix:
    """From the pixels of a square photo to the map, by its corners: float64 [3, 3]."""
    own = corners(width=side_px, height=side_px)
    matrix = least_squares("affine", own, corners_m)
    if matrix is None:
        raise AssertionError(f"the corners {corners_m.tolist()} span no ground")
    return matrix
