"""The model artefact: a trained network goes in, a folder comes out, and back.

MODEL/
  manifest.json       configuration, split, scores, hashes of parents
  config.json         the section model: what the weights are weights of
  model.safetensors   the network with the best validation map@5
  split.parquet       place, col, row, split
  history.csv         a row for each epoch
  curves.svg          the plot of history.csv

What is measured or trained afterwards lies beside it and is no part of it: calibration.json,
reranker.safetensors.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import nn

from aerialret.atomic import write_bytes, write_text
from aerialret.config import ModelConfig, QueryConfig
from aerialret.config.toml import parse_section
from aerialret.errors import AerialretError, NotAnArtefactError
from aerialret.manifest import MANIFEST_NAME, Manifest, read_manifest
from aerialret.network.dense import GridLayout
from aerialret.network.describer import Describer
from aerialret.network.gradient_cells import cell_channels
from aerialret.network.methods import build_network, vector_length
from aerialret.network.reranker import CellReranker, read_reranker
from aerialret.network.weights import initial_network
from aerialret.tiles.grid import Grid

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
SIMILARITY_NAME = "similarity.safetensors"
SPLIT_NAME = "split.parquet"
HISTORY_NAME = "history.csv"
CURVES_NAME = "curves.svg"

MODEL_FILES = (MANIFEST_NAME, CONFIG_NAME, WEIGHTS_NAME, SPLIT_NAME)
"""What a copy of a model needs in order to describe tiles; older models have no `config.json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A loaded model.

    Attributes:
        folder: Where it lies.
        manifest: What made it.
        config: Its architecture.
        grid: The grid of the tile set it was trained on.
        network: The method, see `aerialret.network.methods`, in evaluation mode, on `device`.
        device: Where it computes.
        split: A row for each place of the training tile set: place, col, row, split; split is
            train, val, test, or buffer for places left out between them.
        reranker: Judges photos laid on candidates, where one was trained for this model.
    """

    folder: Path
    manifest: Manifest
    config: ModelConfig
    grid: Grid
    network: Describer
    device: torch.device
    split: pd.DataFrame
    reranker: CellReranker | None = None

    @property
    def length(self) -> int:
        """Numbers in a gallery tile's vector."""
        return self.layout.length if self.config.is_grid else vector_length(self.network)

    @property
    def layout(self) -> GridLayout:
        """How the cells of a tile lie in its vector; of models with the head `grid`."""
        return GridLayout.of(self.config, tile_px=self.grid.tile_px)

    @property
    def asking(self) -> QueryConfig:
        """How its recipe says that it is asked: turns to try, results to check."""
        asked = self.manifest.facts.get("asking", {})
        return parse_section(QueryConfig, asked, origin=str(self.folder))

    @property
    def content_hash(self) -> str:
        """SHA-256 of configuration, weights and split; of older models without the first."""
        return self.manifest.content_hash


def load_model(folder: Path, *, device: str = "auto") -> Model:
    """The model in `folder`.

    Raises:
        NotAnArtefactError: The folder is no model, or a file of it is missing or broken.
    """
    manifest = read_manifest(folder, kind="model")
    config = _read_config(folder, manifest)
    grid = Grid(**manifest.facts["grid"])
    network = build_network(config, tile_px=grid.tile_px)
    try:
        network.load_state_dict(load_file(folder / WEIGHTS_NAME))
        split = pd.read_parquet(folder / SPLIT_NAME)
    except Exception as error:  # safetensors, torch and pyarrow raise errors that share no base
        raise NotAnArtefactError(
            f"{folder} is a damaged model ({error}); run 'aerialret train' again"
        ) from error
    model = _placed(folder, manifest, config, grid, network, split, device)
    return with_reranker(model) if config.is_grid else model


def with_reranker(model: Model) -> Model:
    """The same model with the reranker that its folder has now.

    Raises:
        NotAnArtefactError: It is damaged.
    """
    reranker = read_reranker(
        model.folder, model=model.content_hash, learnt=model.config.grid_channels,
        edges=cell_channels(model.config) - model.config.grid_channels,
    )  # fmt: skip
    return replace(model, reranker=None if reranker is None else reranker.to(model.device))


def untrained_model(model: Model) -> Model | None:
    """The same network before training, or None where its initial weights cannot be had."""
    seed = int(model.manifest.configuration["train"]["seed"])
    try:
        network = initial_network(model.config, tile_px=model.grid.tile_px, seed=seed)
    except AerialretError:
        return None
    return _placed(
        model.folder, model.manifest, model.config, model.grid, network, model.split,
        str(model.device),
    )  # fmt: skip


def save_module(network: nn.Module, path: Path) -> None:
    """Writes a module's tensors as safetensors in one step."""
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    write_bytes(path, save(tensors))  # its own save_file makes a file that only its owner reads


def save_config(section: Mapping[str, Any], path: Path) -> None:
    """Writes the section model, in its plain form, as JSON; equal ones give equal bytes."""
    text = json.dumps(section, indent=2, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def choose_device(name: str) -> torch.device:
    """The device that `name` means; auto is the GPU where there is one.

    Raises:
        AerialretError: A GPU was asked for, but torch sees none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise AerialretError("device is 'cuda', but torch sees no GPU; use 'auto' or 'cpu'")
    return torch.device(name)


def _read_config(folder: Path, manifest: Manifest) -> ModelConfig:
    """The configuration of a model; an older one has it in its manifest alone."""
    if not (folder / CONFIG_NAME).is_file():
        return parse_section(ModelConfig, manifest.configuration["model"], origin=str(folder))
    try:
        values = dict(json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise NotAnArtefactError(
            f"{folder} is a damaged model ({CONFIG_NAME}: {error}); run 'aerialret train' again"
        ) from error
    return parse_section(ModelConfig, values, origin=str(folder / CONFIG_NAME))


def _placed(
    folder: Path,
    manifest: Manifest,
    config: ModelConfig,
    grid: Grid,
    network: Describer,
    split: pd.DataFrame,
    device: str,
) -> Model:
    place: Any = choose_device(device)
    network = network.to(place, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    return Model(
        folder=folder, manifest=manifest, config=config, grid=grid, network=network, device=place,
        split=split,
    )  # fmt: skip
