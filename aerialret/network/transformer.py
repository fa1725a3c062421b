"""A spatial transformer: pixels go in, the window of them that matters comes out, at full size.

GetNet (Yu, Liu, Sun, Wang, Zhang), section III-A, after Jaderberg et al. 2015.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

LEAST_SCALE = 0.3
"""A window of less than a tenth of the tile's area magnifies pixels more than it shows."""

OVERHANG = 0.1
"""How far a window may reach over the tile's edge, in half sides of the tile.

A sigmoid that ended at a scale of 1 could start there only where its gradient has vanished. Ending
a little later, it starts at 1 with a gradient, and a window overhangs by a twentieth of a side.
"""

_START_SCALE = math.log((1 - LEAST_SCALE) / OVERHANG)  # its sigmoid gives a scale of 1
_FILTERS = (16, 32, 64, 64)
_POOLED = 4  # cells a side: an average over the whole tile could not tell where something is
_HIDDEN = 64


class SpatialTransformer(nn.Module):
    """Cuts a window out of each picture and magnifies it; before training, the whole picture.

    Attributes:
        localisation: Finds what matters; sees a picture as it enters the trunk.
        parameters_of_window: Fully connected, to what `bounded_region` takes.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.localisation = _localisation(channels)
        self.parameters_of_window = nn.Linear(_HIDDEN, 3)
        nn.init.zeros_(self.parameters_of_window.weight)
        with torch.no_grad():
            self.parameters_of_window.bias.copy_(torch.tensor([_START_SCALE, 0.0, 0.0]))

    def forward(self, pixels: Tensor) -> Tensor:
        """The window of each picture, as large as the picture: float [n, channels, h, w]."""
        return cut_out(pixels, self.region(pixels))

    def region(self, pixels: Tensor) -> Tensor:
        """The window (s, tx, ty) of each picture: float [n, 3]; see `cut_out`.

        Computed in the precision of the weights: bfloat16 has coordinates of half a pixel.
        """
        with torch.autocast(pixels.device.type, enabled=False):
            found = self.localisation(pixels.to(self.parameters_of_window.weight.dtype))
            return bounded_region(self.parameters_of_window(found))


def bounded_region(raw: Tensor) -> Tensor:
    """Windows (s, tx, ty) that lie on the tile, from any numbers: float [n, 3] from float [n, 3].

    s is at least `LEAST_SCALE`, and s + |t| at most 1 + `OVERHANG`: the farther from the centre,
    the smaller.
    """
    shift = (1 - LEAST_SCALE) * torch.tanh(raw[:, 1:])
    most = 1 + OVERHANG - shift.abs().amax(dim=1)
    scale = LEAST_SCALE + (most - LEAST_SCALE) * torch.sigmoid(raw[:, 0])
    return torch.cat([scale[:, None], shift], dim=1)


def cut_out(pixels: Tensor, region: Tensor) -> Tensor:
    """The window of each picture, sampled bilinearly: float [n, channels, h, w].

    GetNet, equations 3 and 5. Coordinates run from -1 at the outer edge of the first pixel to 1 at
    that of the last, x to the right and y downwards; what lies outside repeats the edge.

    Args:
        pixels: float [n, channels, h, w].
        region: float [n, 3]: s, the window's half side, and tx, ty, its centre.
    """
    if not len(pixels):  # which torch has no grid for
        return pixels
    scale, shift_x, shift_y = region.unbind(dim=1)
    zero = torch.zeros_like(scale)
    rows = [scale, zero, shift_x, zero, scale, shift_y]
    with torch.autocast(pixels.device.type, enabled=False):
        matrix = torch.stack(rows, dim=1).view(-1, 2, 3)
        grid = affine_grid(matrix, list(pixels.shape), align_corners=False)
        window = grid_sample(
            pixels.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=False
        )
    return window.to(pixels.dtype)


def _localisation(channels: int) -> nn.Sequential:
    """Strided convolutions, pooling to a coarse grid, fully connected: float [n, _HIDDEN]."""
    layers: list[nn.Module] = []
    for filters in _FILTERS:
        layers += [
            nn.Conv2d(channels, filters, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
        ]
        channels = filters
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(_POOLED),
        nn.Flatten(),
        nn.Linear(channels * _POOLED**2, _HIDDEN),
        nn.ReLU(),
    )
