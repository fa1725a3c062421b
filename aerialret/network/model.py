"""The descriptor network G_W: tiles go in, descriptors come out (RFIAP 2020, section 4)."""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.describer import Describer
from aerialret.network.gradient_cells import cell_channels
from aerialret.network.grid_head import GridHead
from aerialret.network.transformer import SpatialTransformer

TRUNK_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")

_START_SLOPE, _START_BIAS = 10.0, 7.0
"""The logit of a pair of unit vectors times the root of R: about -4 where they are independent
(the mean of |a - b| is then 1.13) and above 0 where they differ by less than 0.7."""

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class DescriptorNetwork(Describer):
    """Image and mask to descriptor.

    Attributes:
        config: What was built.
        length: R, the numbers that come out for a tile.
        mean: ImageNet's mean of each channel, [1, 3, 1, 1].
        std: ImageNet's standard deviation of each channel, [1, 3, 1, 1].
        fusion: 1x1 convolution of image and mask to 3 channels (equation 4).
        transformer: Cuts out what the trunk sees (GetNet), or None.
        trunk: ResNet to the last convolution that is kept.
        head: C1-C3 and the fully connected layer, or a pooling.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig, *, tile_px: int) -> None:
        super().__init__(config)
        fused = config.input == "image+mask" and not config.joins_descriptors
        self.fusion = _fusion(config) if fused else None
        self.transformer = SpatialTransformer(3) if config.transformer == "getnet" else None
        self.trunk = build_trunk(config)
        cells = -(-tile_px // (16 if config.trunk == "layer3" else 32))
        self.head, self.length = _head(config, cells=cells)
        self.register_buffer(
            "mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False
        )
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Descriptors, not normalised: float [n, R].

        Args:
            image: float [n, 3, height, width] in [0, 1].
            mask: float [n, 1 or 3, height, width] in [0, 1]; see `inputs.fill_absent`.
        """
        fused = self.fuse(image, mask)
        cut = fused if self.transformer is None else self.transformer(fused)
        features = self.trunk((cut - self.mean) / self.std)
        if isinstance(self.head, GridHead):
            return self.head.laid(features, image)
        result: Tensor = self.head(features)
        return result

    def fuse(self, image: Tensor, mask: Tensor) -> Tensor:
        """What the trunk sees: float [n, 3, height, width].

        Without a fusion convolution that is the image, for which a mask may stand in.
        """
        if self.fusion is None:
            return (mask if self.config.input == "mask" else image).expand(-1, 3, -1, -1)
        fused: Tensor = self.fusion(torch.cat([image, mask], dim=1))
        return fused

    def maps(self, image: Tensor, mask: Tensor) -> Tensor:
        """A unit vector for each cell (head `grid` only): float [n, channels, rows, columns].

        Args:
            image: float [n, 3, height, width] in [0, 1], of any size.
            mask: float [n, 1 or 3, height, width] in [0, 1].
        """
        assert isinstance(self.head, GridHead), self.config.head
        features = self.trunk((self.fuse(image, mask) - self.mean) / self.std)
        return self.head.cells(features, image)

    def attention(self, image: Tensor, mask: Tensor) -> Tensor | None:
        """The window that the spatial transformer cuts out: float [n, 3], (s, tx, ty); or None.

        In normalised coordinates: half of its side is s, its centre (tx, ty), the tile -1 to 1.
        """
        if self.transformer is None:
            return None
        return self.transformer.region(self.fuse(image, mask))


class SpatialHead(nn.Module):
    """C1-C3: 3x3 convolution, tanh, batch norm; then fully connected to R, keeping the layout."""

    def __init__(self, config: ModelConfig, *, channels: int, cells: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for filters, stride in zip(config.head_filters, config.head_strides, strict=True):
            layers += [
                nn.Conv2d(
                    channels, filters, 3, stride=stride, padding=config.head_padding,
                    bias=not config.head_batch_norm,
                ),
                nn.Tanh(),
            ]  # fmt: skip
            if config.head_batch_norm:
                layers.append(nn.BatchNorm2d(filters))
            channels, cells = filters, _cells_after(cells, stride, config.head_padding)
        self.convolutions = nn.Sequential(*layers)
        self.fully_connected = nn.Linear(channels * cells * cells, config.dimensions)

    def forward(self, features: Tensor) -> Tensor:
        """Float [n, R] from the trunk's float [n, channels, cells, cells]."""
        result: Tensor = self.fully_connected(self.convolutions(features).flatten(1))
        return result


class PoolingHead(nn.Module):
    """Global max, average or generalised-mean pooling: no parameters, no layout.

    GeM: Radenovic, Tolias and Chum 2018, equation 3, with p = 3.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, features: Tensor) -> Tensor:
        """Float [n, channels] from float [n, channels, cells, cells]."""
        if self.kind == "max":
            return features.amax(dim=(2, 3))
        if self.kind == "average":
            return features.mean(dim=(2, 3))
        return features.clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)


class Similarity(nn.Module):
    """The logit that two descriptors show one place: a fully connected layer on |G(a) - G(b)|.

    RFIAP 2020, equations 2 and 3; the sigmoid is part of the loss. The layer starts as a negated
    L1 distance: with random signs, half of the dimensions would first learn to tell one place's
    dates apart (docs/decisions/0004-similarity-starts-negative.md).
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(dimensions, 1)
        nn.init.constant_(self.classifier.weight, -_START_SLOPE / dimensions)
        nn.init.constant_(self.classifier.bias, _START_BIAS)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Float [n] from two float [n, R]."""
        result: Tensor = self.classifier((first - second).abs()).squeeze(-1)
        return result


def build_trunk(config: ModelConfig) -> nn.Sequential:
    """The ResNet's stages up to the cut, named as in `TRUNK_STAGES`, with random weights."""
    resnet: Any = getattr(torchvision.models, config.backbone)(weights=None)
    trunk = nn.Sequential()
    trunk.add_module("stem", nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool))
    for name in TRUNK_STAGES[1:]:
        trunk.add_module(name, getattr(resnet, name))
        if name == config.trunk:
            break
    if config.bottleneck_stride == "1x1":
        _stride_in_first_convolution(trunk)
    return trunk


def _stride_in_first_convolution(trunk: nn.Sequential) -> None:
    """Moves each bottleneck's stride from its 3x3 to its first 1x1 convolution (He et al. 2016)."""
    for block in trunk.modules():
        if isinstance(block, torchvision.models.resnet.Bottleneck):
            block.conv1.stride, block.conv2.stride = block.conv2.stride, block.conv1.stride


def _fusion(config: ModelConfig) -> nn.Conv2d:
    """The fusion convolution with the weights of equation 4 (RFIAP 2020)."""
    mask_channels = 1 if config.mask_encoding == "grey" else 3
    convolution = nn.Conv2d(3 + mask_channels, 3, 1, bias=False)
    half = 0.5 * torch.eye(3)
    from_mask = torch.full((3, 1), 0.5) if mask_channels == 1 else half
    with torch.no_grad():
        convolution.weight.copy_(torch.cat([half, from_mask], dim=1).view(3, -1, 1, 1))
    convolution.weight.requires_grad_(config.fusion == "trained")
    return convolution


def _head(config: ModelConfig, *, cells: int) -> tuple[nn.Module, int]:
    """The head and the numbers that it gives."""
    channels = _channels(config)
    if config.head == "spatial":
        return SpatialHead(config, channels=channels, cells=cells), config.dimensions
    if config.head == "grid":
        head = GridHead(
            channels=channels, width=config.grid_channels, cells=cells,
            gradients=config.grid_gradients,
        )  # fmt: skip
        return head, cell_channels(config) * cells * cells
    pooling = PoolingHead(config.head)
    if not config.head_linear:
        return pooling, channels
    return nn.Sequential(pooling, nn.Linear(channels, config.dimensions)), config.dimensions


def _channels(config: ModelConfig) -> int:
    expansion = 4 if config.backbone == "resnet50" else 1
    return (256 if config.trunk == "layer3" else 512) * expansion


def _cells_after(cells: int, stride: int, padding: int) -> int:
    after = (cells + 2 * padding - 3) // stride + 1
    if after < 1:
        raise ConfigurationError(
            f"the head's convolutions leave nothing of {cells} cells; use model.head_padding = 1, "
            "smaller model.head_strides, model.trunk = 'layer3' or larger tiles"
        )
    return after
