"""Locating by cells: a photo, a map and about where it lies go in, its place comes out.

Points that look alike are rare between years; cells of orientated gradients seldom look alike one
by one, but all together they do where the photo belongs. So the similarity itself is looked for at
which the cells agree most: on a coarse grid around the start, then ever finer. The photo is warped
by what was found before it is looked at closer (EarthMatch, Berton et al., CVPRW 2024, section 3).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.cells import CellMaker, GradientCells
from aerialret.verification.doubt import cells_doubt
from aerialret.verification.location import MOST_OTHERS, ControlPoints, Location
from aerialret.verification.overlay import Overlay, best_on_grid, between_cells, climbed
from aerialret.verification.patches import Patches, patches_of
from aerialret.verification.pictures import Picture, on_fixed_grid
from aerialret.verification.pose import Matrix, Pose, as_square, inverse, moved
from aerialret.verification.reference import Reference

TOLERANCE_CELLS = 1.5
"""How far from where the photo lies a part of it may fit best, to agree; at the closer look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One comparison of a photo and a map.

    Attributes:
        cells: Describes them.
        side_px: Pixels along the photo's longer side, but never finer than the map.
        margin: Of that side, of map around the photo that is looked at.
        most: About how many of the photo's cells are compared.
        turns_deg: Further turns that are tried; none for what lies nearly right.
        scales: Further scales that are tried.
        reach: Greatest shift that is tried, in cells.
    """

    cells: CellMaker
    side_px: int
    margin: float
    most: int
    turns_deg: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    reach: int = 0


COARSE = Look(
    cells=GradientCells(stride_px=4, blur_px=3.0), side_px=128, margin=0.2, most=250,
    turns_deg=(-10, -7.5, -5, -2.5, 0, 2.5, 5, 7.5, 10),
    scales=(0.84, 0.89, 0.94, 1.0, 1.06, 1.12, 1.19), reach=4,
)  # fmt: skip
"""A search puts a photo within a tenth of its side, 7.5 degrees and a sixth of its scale."""

FINE = Look(cells=GradientCells(), side_px=160, margin=0.12, most=400)

CLOSE = Look(cells=GradientCells(blur_px=1.5), side_px=160, margin=0.12, most=1200)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellLocator:
    """By cells; only near a start.

    Attributes:
        looks: One after the other, the closest last.
    """

    looks: Sequence[Look] = (COARSE, FINE, CLOSE)

    def locate(
        self, image: Image, valid: Valid, reference: Reference, *, start: Pose | None
    ) -> Location | None:
        """Where the photo lies near `start`; None where that is not known, or shows nothing."""
        if start is None:
            return None
        photo = Picture(image=image, valid=valid, back=np.eye(3))
        pose = as_square(start.to_map(width=image.shape[2], height=image.shape[1]))
        guess: Matrix = reference.from_map @ pose
        laid: _Laid | None = None
        for look in self.looks:
            laid = _laid(guess, photo, reference, look)
            if laid is None:
                return None
            guess = laid.matrix
        if laid is None:
            return None
        return _location(laid, photo, reference, rounds=len(self.looks) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Laid:
    """A photo on a map.

    Attributes:
        matrix: From the photo's pixels to the reference's.
        score: Mean cosine of the cells.
        rival: The best of those beside it.
        patches: Its parts.
        to_photo: From the pixels of the grid on which it was looked at to the photo's, as it lay.
        to_reference: And to the reference's.
        stride_px: Of the cells on that grid.
    """

    matrix: Matrix
    score: float
    rival: float
    patches: Patches
    to_photo: Matrix
    to_reference: Matrix
    stride_px: int


def _laid(guess: Matrix, photo: Picture, reference: Reference, look: Look) -> _Laid | None:
    """The photo where it fits best near `guess`; None where there is nothing to compare."""
    pair = on_fixed_grid(photo, reference, guess, side_px=look.side_px, margin=look.margin)
    if pair is None:
        return None
    own, theirs = (look.cells(each.image, each.valid) for each in pair)
    overlay = Overlay.of(own, theirs, most=look.most)
    if overlay is None:
        return None
    step = np.zeros(4)
    if look.turns_deg:
        turns, logs = np.radians(look.turns_deg).tolist(), np.log(look.scales).tolist()
        step = best_on_grid(overlay, turns=turns, logs=logs, reach=look.reach)[1]
    score, step = climbed(overlay, step)
    step = between_cells(overlay, step)
    back = pair[1].back
    matrix: Matrix = back @ overlay.matrix(step) @ inverse(pair[0].back)
    return _Laid(
        matrix=matrix, score=score, rival=overlay.rival(step),
        patches=patches_of(overlay, step), to_photo=pair[0].back, to_reference=back,
        stride_px=overlay.stride_px,
    )  # fmt: skip


def _location(laid: _Laid, photo: Picture, reference: Reference, rounds: int) -> Location:
    """A part of the photo that agrees is a control point."""
    height, width = photo.valid.shape
    patches, stride = laid.patches, laid.stride_px
    own = moved((patches.places + 0.5) * stride, laid.to_photo)
    theirs = moved((patches.found + 0.5) * stride, reference.to_map @ laid.to_reference)
    pairs = ControlPoints(photo=own, map=theirs)
    agree = patches.agreeing(TOLERANCE_CELLS)
    location = Location(
        kind="similarity", matrix=reference.to_map @ laid.matrix, points=pairs.some(agree),
        matches=len(pairs), width=width, height=height, rounds=rounds, score=laid.score,
        others=pairs.some(~agree).evenly(MOST_OTHERS),
    )  # fmt: skip
    return replace(location, doubt=cells_doubt(location, score=laid.score, rival=laid.rival))
