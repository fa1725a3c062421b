"""How tiles look at one date: a configuration and chance go in, draws for each come out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aerialret.config import TrainConfig
from aerialret.training.augment import Colours
from aerialret.training.displacement import Displacements, Windows
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
        cls,
        count: int,
        *,
        config: TrainConfig,
        rng: np.random.Generator,
        window: bool,
        windows: Windows | None = None,
    ) -> "Looks":
        """Independent looks of `count` tiles; see `Displacements.draw`, or `about` for windows."""
        if windows is None:
            displacements = Displacements.draw(count, config=config, rng=rng, window=window)
        else:
            displacements = Displacements.about(windows, config=config, rng=rng)
        return cls(
            displacements,
            Colours.draw(count, rng),
            Fading.draw(count, share=config.grey_share, rng=rng),
        )

    def take(self, rows: NDArray[np.int64]) -> "Looks":
        """The looks of some of the tiles."""
        return Looks(self.displacements.take(rows), self.colours.take(rows), self.fading.take(rows))
