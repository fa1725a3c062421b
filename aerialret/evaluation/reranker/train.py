"""Training a reranker: a tile set and a model go in, `reranker.safetensors` beside it comes out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.evaluation.asked import asked_modalities
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.measurement import StagedProgress, of_stage
from aerialret.evaluation.reranker.examples import Example, Examples
from aerialret.evaluation.reranker.fitting import fitted
from aerialret.evaluation.run import was_trained
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.descriptors import modalities_of
from aerialret.network.gradient_cells import cell_channels
from aerialret.network.reranker import save_reranker
from aerialret.retrieval.calibration import forget_second_looks
from aerialret.retrieval.parents import require_tile_size
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import places_in

PROTOCOLS = ("hard", "grey")
"""How the photos are cut, in equal parts."""

MOST_PHOTOS = 400
"""Photos at most, over all protocols."""

FEWEST_PLACES = 20
"""From fewer places too little could be learnt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankerReport:
    """What a reranker was trained on.

    Attributes:
        places: Training places.
        photos: Of them.
    """

    places: int
    photos: int


def train_reranker(
    tileset: TileSet,
    model: Model,
    *,
    dates: Dates,
    seed: int,
    progress: StagedProgress | None = None,
) -> RerankerReport:
    """Trains how photos that are laid on places are judged, on the model's own training places.

    Args:
        tileset: Holds the tiles of both dates.
        model: With the head `grid`; `reranker.safetensors` goes into its folder.
        dates: Dates of the photos and of the gallery.
        seed: Seed of all that is drawn.
        progress: Told the stage, what is done and what there is in all.

    Raises:
        NothingToDoError: The tile set has too few places that the model was trained on.
        ConfigurationError: The model has no cells, or model and tile set do not fit together.
    """
    if not model.config.is_grid:
        raise ConfigurationError(
            f"a reranker of cells was to be trained, but model {model.folder} has no head 'grid'; "
            "train 'aerialret' or another recipe with 'model.head = \"grid\"'"
        )
    require_tile_size(model, tileset=tileset)
    places = trained_places(tileset, model, dates=dates)
    known = GalleryCache(tileset, model)
    seen = modalities_of(model.config)[0]
    known.vectors(dates.gallery, seen, progress=of_stage(progress, f"{dates.gallery} by {seen}"))
    source = Examples(
        tileset=tileset, model=model, dates=dates, tiles=frozenset(places), known=known
    )
    asked = [
        (protocol, modality)
        for protocol in PROTOCOLS
        for modality in asked_modalities(tileset, model, date=dates.queries)
    ]
    examples: list[Example] = []
    told = of_stage(progress, "laying photos")
    share = min(len(places), MOST_PHOTOS // len(asked))
    for number, (protocol, modality) in enumerate(asked):
        rng = np.random.default_rng([seed, number])
        some = [places[i] for i in np.sort(rng.permutation(len(places))[:share])]
        drawn = source.of(some, protocol=protocol, modality=modality, seed=seed + 1 + number)
        for example in drawn:
            examples.append(example)
            if told:
                told(len(examples), share * len(asked))
    learnt = model.config.grid_channels
    reranker = fitted(
        examples, learnt=learnt, edges=cell_channels(model.config) - learnt, seed=seed,
        device=model.device,
        progress=of_stage(progress, "reranker, epochs"),
    )  # fmt: skip
    save_reranker(reranker, model.folder, model=model.content_hash)
    forget_second_looks(model.folder, model=model.content_hash)
    return RerankerReport(places=len(places), photos=len(examples))


def train_missing_reranker(
    tileset: TileSet, folder: Path, *, progress: StagedProgress | None = None
) -> RerankerReport | None:
    """Trains the reranker of a model if its recipe asks for second looks and it has none yet.

    Args:
        tileset: That the model was trained on.
        folder: The model's.
        progress: See `train_reranker`.

    Raises:
        NothingToDoError: The model was trained on too few places.
    """
    model = load_model(folder)
    wanted = model.config.is_grid and model.asking.rerank == "cells" and was_trained(model)
    if not wanted or model.reranker is not None:
        return None
    dates = model.manifest.facts["dates"]
    return train_reranker(
        tileset, model, dates=Dates(queries=dates["query"], gallery=dates["gallery"]),
        seed=int(model.manifest.configuration["train"]["seed"]), progress=progress,
    )  # fmt: skip


def trained_places(tileset: TileSet, model: Model, *, dates: Dates) -> list[TileId]:
    """The model's training places that have tiles of both dates.

    Raises:
        NothingToDoError: There are fewer than `FEWEST_PLACES`.
    """
    both = set(tileset.tiles(dates.queries)) & set(tileset.tiles(dates.gallery))
    known = model.split if model.grid == tileset.grid else model.split.iloc[:0]
    places = [tile for tile in places_in(known, "train") if tile in both]
    if len(places) < FEWEST_PLACES:
        raise NothingToDoError(
            f"{len(places)} places of {tileset.folder} that model {model.folder} was trained on "
            f"have tiles of {dates.queries} and {dates.gallery}, but a reranker needs "
            f"{FEWEST_PLACES}; take the tile set that the model was trained on, or a larger one"
        )
    return places
