"""aerialret from Python: a folder goes in, a model that describes or an index that finds comes out.

import aerialret

model = aerialret.load_model("model")
vectors = model.describe(images)  # uint8 [n, 3, h, w] -> float32 [n, R]

index = aerialret.load_index("index")
hits = index.search(index.model.describe_queries(photos), top=5)
"""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aerialret.errors import ConfigurationError
from aerialret.network import checkpoint
from aerialret.network.descriptors import Modality, describe, describe_queries, modalities_of
from aerialret.network.inputs import resize_images, resize_masks
from aerialret.retrieval import index_store
from aerialret.retrieval.search import Hit, search
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import TileBatch

__all__ = ["Hit", "LoadedIndex", "LoadedModel", "load_index", "load_model"]

Folder = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that describes tiles.

    Attributes:
        model: The artefact: its folder, manifest, configuration, grid and network.
    """

    model: checkpoint.Model

    @property
    def length(self) -> int:
        """R, the numbers of a vector."""
        return self.model.length

    @property
    def tile_px(self) -> int:
        """Side of a tile in pixels; pictures of another side are resized to it."""
        return self.model.grid.tile_px

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """What a tile can be described by, the richest first."""
        return modalities_of(self.model.config)

    def describe(
        self,
        images: NDArray[np.uint8] | None = None,
        masks: NDArray[np.uint8] | None = None,
        *,
        batch_size: int = 32,
    ) -> NDArray[np.float32]:
        """The vectors of tiles as an index holds them: float32 [n, R].

        They are of unit length, so that an inner product is a cosine similarity (but with Euclidean
        distances and late fusion: there, take `describe_queries` for the asking side).

        Args:
            images: uint8 [n, 3, h, w], red, green, blue, north up, each one whole tile.
            masks: uint8 [n, h, w], class codes; 0 background, 255 outside the vector coverage.
            batch_size: Tiles described at once.

        Raises:
            ConfigurationError: A shape or type is another, or the model cannot see what is given.
        """
        batch, modality = self._seen(images, masks)
        return describe(self.model, batch, modality=modality, batch_size=batch_size)

    def describe_queries(
        self,
        images: NDArray[np.uint8] | None = None,
        masks: NDArray[np.uint8] | None = None,
        *,
        rotations: int = 1,
        batch_size: int = 32,
    ) -> NDArray[np.float32]:
        """The vectors to ask with: float32 [n, V, R], of which the best of V counts for a tile.

        Args:
            images: As for `describe`.
            masks: As for `describe`.
            rotations: Turns that are tried, evenly over the circle.
            batch_size: Tiles described at once.

        Raises:
            ConfigurationError: As for `describe`.
        """
        batch, modality = self._seen(images, masks)
        return describe_queries(
            self.model, batch, modality=modality, rotations=rotations, batch_size=batch_size
        )

    def _seen(
        self, images: NDArray[np.uint8] | None, masks: NDArray[np.uint8] | None
    ) -> tuple[TileBatch, Modality]:
        """The pictures as tiles of the model's size, and what they are described by."""
        given = "+".join(n for n, part in (("image", images), ("mask", masks)) if part is not None)
        modality = next((legal for legal in self.modalities if legal == given), None)
        if modality is None:  # nothing, too little, or too much
            raise ConfigurationError(
                f"model {self.model.folder} describes by {' or '.join(self.modalities)}, but it "
                f"was given {given or 'nothing'}"
            )
        return _as_tiles(images, masks, side=self.tile_px), modality


class LoadedIndex:
    """An index that finds places.

    Attributes:
        index: The artefact: its folder, manifest, grid, tiles and vectors.
    """

    def __init__(self, index: index_store.Index) -> None:
        self.index = index

    def __len__(self) -> int:
        return len(self.index)

    @cached_property
    def model(self) -> LoadedModel:
        """The model that the index was built with, from the copy inside the index."""
        return LoadedModel(self.index.model)

    def search(
        self, vectors: NDArray[np.float32], *, top: int = 5, dates: str = ""
    ) -> list[list[Hit]]:
        """The `top` best places for each query, the best first.

        Args:
            vectors: float32 [n, R], or [n, V, R] as from `LoadedModel.describe_queries`.
            top: Places for each query; fewer where the index has fewer.
            dates: Only tiles of this date or interval, as 1950..1975; empty: any.

        Raises:
            ConfigurationError: The vectors are not those of the index's model.
            NothingToDoError: The index has no tile of these dates.
        """
        length = int(self.index.manifest.facts["dimensions"])
        if vectors.ndim not in (2, 3) or vectors.shape[-1] != length:
            raise ConfigurationError(
                f"vectors have the shape {list(vectors.shape)}, but index {self.index.folder} "
                f"compares [n, {length}] or [n, V, {length}]; describe with its own model"
            )
        if not len(vectors):
            return []
        interval = parse_interval(dates) if dates else None
        return search(self.index, vectors, top=top, dates=interval)


def load_model(folder: Folder, *, device: str = "auto") -> LoadedModel:
    """The model in `folder`.

    Args:
        folder: What `aerialret train` or `aerialret model import` wrote.
        device: Where it computes: auto, cpu or cuda.

    Raises:
        NotAnArtefactError: The folder is no model, or a file of it is missing or broken.
    """
    return LoadedModel(checkpoint.load_model(Path(folder), device=device))


def load_index(folder: Folder, *, device: str = "auto") -> LoadedIndex:
    """The index in `folder`.

    Args:
        folder: What `aerialret index` wrote.
        device: Where it searches and describes: auto, cpu or cuda.

    Raises:
        NotAnArtefactError: The folder is no index, or a file of it is missing or broken.
    """
    return LoadedIndex(index_store.load_index(Path(folder), device=device))


def _as_tiles(
    images: NDArray[np.uint8] | None, masks: NDArray[np.uint8] | None, *, side: int
) -> TileBatch:
    """Tiles of `side` pixels; what is not given is black, or outside the vector coverage."""
    if images is None:
        images = np.zeros((0 if masks is None else len(masks), 3, side, side), np.uint8)
    if masks is None:
        masks = np.full((len(images), side, side), NO_COVERAGE, np.uint8)
    _require(images, "images", "[n, 3, h, w]", fits=images.ndim == 4 and images.shape[1] == 3)
    _require(masks, "masks", "[n, h, w]", fits=masks.ndim == 3)
    if len(images) != len(masks):
        raise ConfigurationError(
            f"there are {len(images)} images, but {len(masks)} masks; give one for each image"
        )
    pixels = resize_images(torch.from_numpy(np.ascontiguousarray(images)).float(), side=side)
    classes = resize_masks(torch.from_numpy(np.ascontiguousarray(masks))[:, None], side=side)
    return TileBatch(
        pixels.round().clamp(0, 255).to(torch.uint8).numpy(),
        classes[:, 0].numpy(),
        np.ones((len(images), side, side), bool),
    )


def _require(pixels: NDArray[np.uint8], name: str, shape: str, *, fits: bool) -> None:
    """Checks that pixels are bytes of square tiles."""
    if fits and pixels.dtype == np.uint8 and pixels.shape[-2] == pixels.shape[-1]:
        return
    raise ConfigurationError(
        f"{name} must be uint8 {shape} with h = w, but are {pixels.dtype} {list(pixels.shape)}; "
        "pictures as [n, h, w, 3] turn into it with numpy.moveaxis(pictures, -1, 1)"
    )
