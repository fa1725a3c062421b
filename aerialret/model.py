"""The descriptor network G_W: tiles go in, descriptors come out (RFIAP 2020, section 4)."""

from typing import Any

import torch
import torchvision
from torch import Tensor, nn

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError

TRUNK_STAGES = ("stem", "layer1", "layer2", "layer3", "layer4")

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class DescriptorNetwork(nn.Module):
    """Image and mask to descriptor.

    A modality that is absent is replaced by the other one, so that equation 4's two halves add up
    to it: a photo without mask reaches the trunk at full strength.

    Attributes:
        config: What was built.
        fusion: 1x1 convolution of image and mask to 3 channels (equation 4).
        trunk: ResNet to the last convolution that is kept.
        head: C1-C3 and the fully connected layer, or a pooling.
    """

    def __init__(self, config: ModelConfig, *, tile_px: int) -> None:
        super().__init__()
        self.config = config
        self.fusion = _fusion(config) if config.input == "image+mask" else None
        self.trunk = build_trunk(config)
        channels = _channels(config)
        cells = -(-tile_px // (16 if config.trunk == "layer3" else 32))
        self.head = (
            SpatialHead(config, channels=channels, cells=cells)
            if config.head == "spatial"
            else PoolingHead(config.head)
        )
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor | None, mask: Tensor | None) -> Tensor:
        """Descriptors, not normalised: float [n, R].

        Args:
            image: float [n, 3, height, width] in [0, 1], or None where there is none.
            mask: float [n, 1 or 3, height, width] in [0, 1], or None where there is none.
        """
        pixels = (self.fuse(image, mask) - self.mean) / self.std
        result: Tensor = self.head(self.trunk(pixels))
        return result

    def fuse(self, image: Tensor | None, mask: Tensor | None) -> Tensor:
        """What the trunk sees: float [n, 3, height, width]."""
        if self.fusion is None:
            only = image if self.config.input == "image" else mask
            if only is None:
                raise ValueError(f"this network sees {self.config.input}, and none was given")
            return only.expand(-1, 3, -1, -1)
        if image is None and mask is None:
            raise ValueError("neither image nor mask was given")
        if image is None:
            image = mask.expand(-1, 3, -1, -1)  # type: ignore[union-attr]
        if mask is None:
            mask = luma(image) if self.config.mask_encoding == "grey" else image
        fused: Tensor = self.fusion(torch.cat([image, mask], dim=1))
        return fused


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
        """float [n, R] from the trunk's float [n, channels, cells, cells]."""
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
        """float [n, channels] from float [n, channels, cells, cells]."""
        if self.kind == "max":
            return features.amax(dim=(2, 3))
        if self.kind == "average":
            return features.mean(dim=(2, 3))
        return features.clamp(min=1e-6).pow(3).mean(dim=(2, 3)).pow(1 / 3)


class Similarity(nn.Module):
    """The logit that two descriptors show one place: a fully connected layer on |G(a) - G(b)|.

    RFIAP 2020, equations 2 and 3; the sigmoid is part of the loss.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.classifier = nn.Linear(dimensions, 1)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """float [n] from two float [n, R]."""
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
    return trunk


def descriptor_length(config: ModelConfig) -> int:
    """R, the length of the network's descriptors."""
    return config.dimensions if config.head == "spatial" else _channels(config)


def luma(image: Tensor) -> Tensor:
    """ITU-R BT.601 luma: float [n, 1, height, width] from red, green, blue."""
    weights = image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    return (image * weights).sum(dim=1, keepdim=True)


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
