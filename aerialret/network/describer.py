"""What every method is: images and masks of tiles go in, numbers that describe them come out."""

from torch import nn

from aerialret.config import ModelConfig
from aerialret.network.finish import Finish


class Describer(nn.Module):
    """A method; `aerialret.network.methods.build_network` makes one with its finish.

    `forward` takes image float [n, 3, height, width] and mask float [n, 1 or 3, height, width],
    both in [0, 1], and gives float [n, length].

    Attributes:
        config: What was built.
        length: R, the numbers that `forward` gives for a tile.
        finish: What makes vectors of them.
        mask_finish: The same for masks, where image and mask are described each by itself.
    """

    config: ModelConfig
    length: int
    finish: Finish
    mask_finish: Finish | None

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.mask_finish = None
