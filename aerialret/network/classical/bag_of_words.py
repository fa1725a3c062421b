"""A bag of visual words: images go in, which local features they have comes out.

Sivic and Zisserman, ICCV 2003: SIFT descriptors are named by the nearest of the words that k-means
finds in the training tiles; a tile is the count of its words, each weighted by tf-idf.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import faiss as typed_faiss
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aerialret.config import ModelConfig
from aerialret.errors import ConfigurationError
from aerialret.network.classical.sift import SIFT_LENGTH, sift_features
from aerialret.network.describer import Describer
from aerialret.tiles.arrays import Image

faiss: Any = typed_faiss  # its stubs lack the wrappers that its Python package adds

_TILES = 1_000  # that words are learnt from; 12,000 would be 3 GB of descriptors
_DESCRIPTORS = 200_000  # of these tiles, that k-means sees
_ITERATIONS = 20


class BagOfWords(Describer):
    """Image to tf-idf of its visual words; the words are learnt by `fit`.

    Attributes:
        config: What was built.
        length: R, the numbers that come out for a tile: one for each word.
        codebook: float32 [words, 128], the RootSIFT descriptors that words stand for; 0 before
            `fit`.
        idf: float32 [words], log(N / N_i): how rare a word is among the training tiles.
    """

    codebook: Tensor
    idf: Tensor

    def __init__(self, config: ModelConfig, *, seed: int = 0) -> None:
        super().__init__(config)
        self.length = config.words
        self._seed = seed
        self.register_buffer("codebook", torch.zeros(config.words, SIFT_LENGTH))
        self.register_buffer("idf", torch.zeros(config.words))

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        """Descriptors, not normalised: float [n, words]; zeros for an image without keypoints.

        Sivic and Zisserman 2003, section 4.1: n_id / n_d * log(N / N_i).

        Args:
            image: float [n, 3, height, width] in [0, 1].
            mask: Not looked at.

        Raises:
            ConfigurationError: No words were learnt yet.
        """
        if not bool(self.codebook.any()):
            raise ConfigurationError(
                "model.method 'bow-sift' has no visual words yet; run 'aerialret train' first, "
                "which learns them from the training tiles"
            )
        pixels = image.mul(255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        counts = torch.zeros(len(image), self.length)
        for row, tile in enumerate(pixels):
            counts[row] = self._counts(sift_features(tile).descriptors)
        frequency = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
        return frequency.to(image) * self.idf.to(image)

    def fit(self, images: Iterable[NDArray[np.uint8]]) -> None:
        """Learns the words and how rare they are from training tiles, seen once.

        Of many tiles a sample is used; the same tiles in the same order give the same words.

        Args:
            images: uint8 [k, 3, height, width] each.

        Raises:
            ConfigurationError: The tiles have fewer keypoints than there should be words.
        """
        random = np.random.default_rng(self._seed)
        tiles = _sampled_descriptors(_each(images), most=_TILES, random=random)
        descriptors = np.concatenate([np.empty((0, SIFT_LENGTH), np.float32), *tiles])
        if len(descriptors) < self.length:
            raise ConfigurationError(
                f"model.words is {self.length}, but the training tiles have {len(descriptors)} "
                "keypoints; lower model.words or train on more tiles"
            )
        words = _cluster(descriptors, words=self.length, seed=self._seed, random=random)
        self.codebook.copy_(torch.from_numpy(words))
        holding = torch.stack([self._counts(found) > 0 for found in tiles]).sum(dim=0)
        self.idf.copy_(torch.log(len(tiles) / holding.clamp(min=1)))

    def _counts(self, descriptors: NDArray[np.float32]) -> Tensor:
        """How often each word occurs: float32 [words] on the CPU."""
        codebook = self.codebook.cpu()
        half_squares = codebook.square().sum(dim=1) / 2
        words = (half_squares - torch.from_numpy(descriptors) @ codebook.T).argmin(dim=1)
        return torch.bincount(words, minlength=self.length).float()


def _each(images: Iterable[NDArray[np.uint8]]) -> Iterator[Image]:
    for some in images:
        yield from some


def _sampled_descriptors(
    tiles: Iterable[Image], *, most: int, random: np.random.Generator
) -> list[NDArray[np.float32]]:
    """The descriptors of at most `most` tiles, each as likely as any other (Vitter 1985, R)."""
    kept: list[NDArray[np.float32]] = []
    for number, tile in enumerate(tiles):
        place = number if number < most else int(random.integers(number + 1))
        if place < len(kept):
            kept[place] = sift_features(tile).descriptors
        elif place < most:
            kept.append(sift_features(tile).descriptors)
    return kept


def _cluster(
    descriptors: NDArray[np.float32], *, words: int, seed: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """The centres of `words` clusters, float32 [words, 128], by k-means of a sample."""
    if len(descriptors) > max(_DESCRIPTORS, words):
        chosen = random.choice(len(descriptors), max(_DESCRIPTORS, words), replace=False)
        descriptors = descriptors[np.sort(chosen)]
    kmeans = faiss.Kmeans(
        SIFT_LENGTH, words, niter=_ITERATIONS, seed=seed,
        min_points_per_centroid=1, max_points_per_centroid=len(descriptors),
    )  # fmt: skip
    kmeans.train(descriptors)
    centres: NDArray[np.float32] = kmeans.centroids
    return centres
