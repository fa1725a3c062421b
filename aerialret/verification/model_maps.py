"""The cells of a trained network: a model goes in; what makes unit cells of pictures comes out.

They are what the search compares, of pictures at twice the search's size: no other weights, and
trained across dates.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from aerialret.errors import ConfigurationError
from aerialret.network.checkpoint import Model
from aerialret.network.dense import GridLayout
from aerialret.network.inputs import Pictures, input_side
from aerialret.network.model import DescriptorNetwork
from aerialret.network.precision import reduced_precision
from aerialret.network.vectors import grid_cells, inputs_of
from aerialret.verification.second_look import NEARER

MOST_CELLS = 4096
"""Of a picture: each is compared with each of the other's."""


@dataclass(frozen=True, slots=True)
class ModelMaps:
    """Makes cells of pictures whose pixels are those of the model's tiles.

    Attributes:
        model: With a convolutional network that sees images.
    """

    model: Model

    def __post_init__(self) -> None:
        network, config = self.model.network, self.model.config
        if not isinstance(network, DescriptorNetwork) or config.input == "mask":
            raise ConfigurationError(
                f"matcher 'cells' was asked for, but model {self.model.folder} has no network that "
                "sees images; use another matcher, as auto"
            )

    def __call__(self, images: Tensor) -> Tensor:
        """Unit cells float [n, c, rows, columns] of float [n, 3, height, width], 0 to 1."""
        rows, columns = self._cells(*images.shape[-2:])
        size = rows * self._stride_px, columns * self._stride_px
        image = interpolate(
            images.to(self.model.device), size, mode="bilinear", antialias=True,
            align_corners=False,
        )  # fmt: skip
        channels = 1 if self.model.config.mask_encoding == "grey" else 3
        no_mask = torch.zeros(len(image), dtype=torch.bool, device=image.device)
        seen = Pictures(image, image.new_zeros(len(image), channels, *size), no_mask)
        with reduced_precision(self.model.device):
            return self._features(seen)

    def _features(self, seen: Pictures) -> Tensor:
        network = self.model.network
        assert isinstance(network, DescriptorNetwork)
        if self.model.config.is_grid:
            return grid_cells(network, seen, "image")
        image, mask = inputs_of(seen, "image")
        features = network.trunk((network.fuse(image, mask) - network.mean) / network.std)
        return normalize(features.float(), dim=1)

    @property
    def _stride_px(self) -> int:
        return 16 if self.model.config.trunk == "layer3" else 32

    def _cells(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of cells for a picture."""
        config, tile_px = self.model.config, self.model.grid.tile_px
        shown = 1.0
        if config.is_grid:  # the search shows the network a part of a tile, as large as a tile
            shown = min(GridLayout.of(config, tile_px=tile_px).scales)
        nearer = NEARER * input_side(config, tile_px=tile_px) / (tile_px * shown)
        per_px = min(nearer / self._stride_px, math.sqrt(MOST_CELLS / (height * width)))
        return max(1, round(height * per_px)), max(1, round(width * per_px))
