"""How tiles look at one date: a configuration and chance go in, draws for each come out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.config import TrainConfig
from aerialret.training.augment import Colours
from aerialret.training.displacement import Displacements
from aerialret.training.fading import Fading


@dataclass(frozen=True, slots=True)
class Looks:
    """The augmentation of n tiles, each date for itself.

    Attributes:
        displacements: Which window is seen.
        colours: How its colours change.
        fading: Whether it looks like an old print.
    """

    displacements: Displacements
    colours: Colours
    fading: Fading

    @classmethod
    def draw(
        cls, count: int, *, config: TrainConfig, rng: np.random.Generator, window: bool
    ) -> "Looks":
        """Independent looks of `count` tiles; see `Displacements.draw`."""
        return cls(
            Displacements.draw(count, config=config, rng=rng, window=window),
            Colours.draw(count, rng),
            Fading.draw(count, share=config.grey_share, rng=rng),
        )

    def take(self, rows: NDArray[np.int64]) -> "Looks":
        """The looks of some of the tiles."""
        return Looks(self.displacements.take(rows), self.colours.take(rows), self.fading.take(rows))
