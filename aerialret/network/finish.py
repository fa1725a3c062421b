"""The finish of a descriptor: a network's output goes in, the vector that is compared comes out."""

from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from aerialret.config import ModelConfig

Role: TypeAlias = Literal["query", "gallery"]
"""Which side of a comparison a vector is on; Euclidean distances are coded unlike on the two."""

_LEAST_VARIANCE = 1e-6  # of the largest principal component: below it a direction is noise


class Finish(nn.Module):
    """Normalisation, then whitening, both as the configuration says.

    What is learnt from the training places are buffers; before `fit` they change nothing.

    Args:
        config: Its keys normalisation, whitening and dimensions.
        length: Numbers that come in.
    """

    mean: Tensor
    scale: Tensor
    centre: Tensor
    projection: Tensor

    def __init__(self, config: ModelConfig, *, length: int) -> None:
        super().__init__()
        self.normalisation = config.normalisation
        self.whitening = config.whitening
        self.length = min(config.dimensions, length) if config.whitening else length
        if self.normalisation == "standardised":
            self.register_buffer("mean", torch.zeros(length))
            self.register_buffer("scale", torch.ones(length))
        if self.whitening:
            self.register_buffer("centre", torch.zeros(length))
            self.register_buffer("projection", torch.eye(length, self.length))

    @property
    def learns(self) -> bool:
        """Whether `fit` changes anything."""
        return self.whitening or self.normalisation == "standardised"

    def forward(self, raw: Tensor) -> Tensor:
        """Float [n, length] from the network's float [n, R]."""
        normalised = self._normalised(raw)
        if not self.whitening:
            return normalised
        return (normalised - self.centre) @ self.projection

    def fit(self, raw: Tensor) -> None:
        """Learns mean, scale and principal components from float [n, R], n at least 1.

        Whitening by principal components: Jegou and Chum, ECCV 2012.
        """
        if self.normalisation == "standardised":
            self.mean.copy_(raw.mean(dim=0))
            spread = raw.std(dim=0, correction=0)
            self.scale.copy_(torch.where(spread > 0, spread, torch.ones_like(spread)))
        if self.whitening:
            self._fit_whitening(self._normalised(raw))

    def _fit_whitening(self, vectors: Tensor) -> None:
        centre = vectors.mean(dim=0)
        _, spread, components = torch.linalg.svd((vectors - centre).double(), full_matrices=False)
        variance = spread.square() / len(vectors)
        kept = (variance > _LEAST_VARIANCE * variance[:1]).nonzero().squeeze(1)[: self.length]
        self.centre.copy_(centre)
        self.projection.zero_()
        self.projection[:, : len(kept)] = (components[kept] / variance[kept, None].sqrt()).T.float()

    def _normalised(self, raw: Tensor) -> Tensor:
        if self.normalisation == "none":
            return raw
        if self.normalisation == "standardised":
            return (raw - self.mean) / self.scale
        return normalize(raw, p=1 if self.normalisation == "l1" else 2, dim=1)


def coded(vectors: Tensor, *, distance: str, role: Role) -> Tensor:
    """Vectors whose inner product between a query and a gallery tile is the score, 1 at best.

    cosine: unit vectors, float [n, R]. euclidean: float [n, R + 2]; the inner product of
    (q, 1, 1 - |q|^2 / 2) and (g, -|g|^2 / 2, 1) is 1 - |q - g|^2 / 2, which for unit vectors is the
    cosine similarity.
    """
    if distance == "cosine":
        return normalize(vectors, dim=1)
    half = vectors.square().sum(dim=1, keepdim=True) / 2
    one = torch.ones_like(half)
    ends = [one, 1 - half] if role == "query" else [-half, one]
    return torch.cat([vectors, *ends], dim=1)


def coded_length(length: int, *, distance: str) -> int:
    """Numbers in a coded vector of `length` numbers."""
    return length if distance == "cosine" else length + 2
