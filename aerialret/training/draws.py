"""What chance decides about the tiles of a batch: turns and modalities."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.config import TrainConfig

_ALIKE_AT_BOTH_DATES = 0.5


@dataclass(frozen=True, slots=True)
class Draws:
    """A place's turn, which all its dates share, and the modalities it keeps at one date.

    Attributes:
        turns: int [n], 0 to 7, see `augment.turn_and_flip`.
        keeps_image: bool [n].
        keeps_mask: bool [n].
    """

    turns: NDArray[np.int64]
    keeps_image: NDArray[np.bool_]
    keeps_mask: NDArray[np.bool_]

    @classmethod
    def of(cls, count: int, *, config: TrainConfig, rng: np.random.Generator) -> "Draws":
        """Turns for `count` places; `modality_dropout` takes image or mask from some."""
        fate = rng.random(count)
        half = config.modality_dropout / 2
        return cls(rng.integers(0, 8, count), fate >= half, (fate < half) | (fate >= 2 * half))

    @classmethod
    def of_one_modality(cls, count: int, *, rng: np.random.Generator) -> "Draws":
        """Turns for `count` places, each shown by its image or by its mask."""
        by_image = rng.random(count) < 0.5
        return cls(rng.integers(0, 8, count), by_image, ~by_image)

    def first(self, n: int) -> "Draws":
        """Those of the first `n` places."""
        return self.take(np.arange(n))

    def take(self, rows: NDArray[np.int64]) -> "Draws":
        """Those of some of the places."""
        return Draws(self.turns[rows], self.keeps_image[rows], self.keeps_mask[rows])

    def at_another_date(self, *, config: TrainConfig, rng: np.random.Generator) -> "Draws":
        """The same turns; half of the places lose other modalities at this date.

        The index holds image and mask while a photo may come without: both sides must meet.
        """
        other = Draws.of(len(self.turns), config=config, rng=rng)
        alike = rng.random(len(self.turns)) < _ALIKE_AT_BOTH_DATES
        return Draws(
            self.turns,
            np.where(alike, self.keeps_image, other.keeps_image),
            np.where(alike, self.keeps_mask, other.keeps_mask),
        )

    def by_the_other_modality(self) -> "Draws":
        """The same turns; who was shown by its image is shown by its mask, and the reverse."""
        return Draws(self.turns, self.keeps_mask, self.keeps_image)
