"""Locators: a photo, a map and about where it lies go in, its place on the map comes out.

Two ways to the same answer: by points that look alike (`refine`), or by cells (`by_cells`).
"""

from dataclasses import dataclass
from typing import Protocol

from aerialret.tiles.arrays import Image, Valid
from aerialret.verification.doubt import LEAST_BELIEVABLE
from aerialret.verification.estimate import TOLERANCE_PX
from aerialret.verification.location import Location
from aerialret.verification.matching import Matcher
from aerialret.verification.pose import Pose
from aerialret.verification.reference import Reference
from aerialret.verification.refine import locate
from aerialret.verification.rerank import SIFT


class Locator(Protocol):
    """Lays photos on maps."""

    def locate(
        self, image: Image, valid: Valid, reference: Reference, *, start: Pose | None
    ) -> Location | None:
        """Where the photo lies, or None where nothing agrees on any place.

        Args:
            image: uint8 [3, h, w], the photo as it is.
            valid: bool [h, w], where it shows the ground.
            reference: A north-up mosaic that may show the same.
            start: About where it lies, as far as that is known.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class PointLocator:
    """By pairs of points.

    Attributes:
        matcher: Pairs them.
        tolerance_px: How far off an inlier may lie, in pixels of the reference.
        least_inliers: Fewer are not believed.
    """

    matcher: Matcher = SIFT
    tolerance_px: float = TOLERANCE_PX
    least_inliers: int = LEAST_BELIEVABLE

    def locate(
        self, image: Image, valid: Valid, reference: Reference, *, start: Pose | None
    ) -> Location | None:
        """Where the photo lies, or None where its points agree on no place."""
        return locate(
            image, valid, reference, start=start, matcher=self.matcher,
            tolerance_px=self.tolerance_px, least_inliers=self.least_inliers,
        )  # fmt: skip
