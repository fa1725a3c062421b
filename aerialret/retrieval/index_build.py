"""Building an index: a tile set and a model go in, an index folder comes out; resumable.

Finished chunks of descriptors wait in a hidden folder beside the index until it is whole.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd

from aerialret import atomic
from aerialret.config import IndexConfig, as_plain
from aerialret.config.toml import parse_section, with_values
from aerialret.errors import ConfigurationError
from aerialret.manifest import Manifest, already_made, hash_files, new_manifest, write_manifest
from aerialret.network.checkpoint import MODEL_FILES, Model
from aerialret.network.descriptors import modalities_of
from aerialret.network.reranker import copy_reranker
from aerialret.retrieval.calibration import copy_calibration
from aerialret.retrieval.descriptor_chunks import Progress, prepare_chunks
from aerialret.retrieval.engines import (
    SearchEngine,
    build_index_engine,
    engine_file_name,
    measure_recall,
)
from aerialret.retrieval.gallery import described_gallery
from aerialret.retrieval.index_cost import IndexCost
from aerialret.retrieval.index_recipe import Recipe
from aerialret.retrieval.index_store import MODEL_FOLDER, TILES_NAME
from aerialret.retrieval.parents import require_tile_size
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.tileset import TileSet, grid_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSummary:
    """What building an index did.

    Attributes:
        folder: The index.
        built: False where it was already there, made by the same request.
        dates: The dates of its tiles.
        tiles: Number of tiles that its vectors show.
        dimensions: Length of its vectors.
        modality: What its descriptors are made from.
        recall: Share of exact neighbours that it returns, measured on its own vectors.
        cost: What it takes; None for an index of an earlier version.
    """

    folder: Path
    built: bool
    dates: tuple[str, ...]
    tiles: int
    dimensions: int
    modality: str
    recall: float
    cost: IndexCost | None


def build_index(
    tileset: TileSet,
    model: Model,
    out: Path,
    *,
    config: IndexConfig,
    recipe: Recipe,
    replace: bool = False,
    progress: Progress | None = None,
) -> IndexSummary:
    """Describes the tiles of the dates in `config` and writes them as a searchable index.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        out: The index folder.
        config: Which dates and modality, and how windows are cut.
        recipe: Which index.
        replace: Whether an index of another request in `out` may be replaced.
        progress: Told the tiles or windows done and those in all.

    Raises:
        UnknownDateError: The tile set lacks a date.
        ConfigurationError: Model, tile set, scales and recipe do not fit together.
        NothingToDoError: No window shows enough.
        WouldOverwriteError: `out` exists and was not made by this request.
    """
    config, recipe = _resolved(config, tileset, model), _fitting(recipe, model)
    parents = {"tile_set": tileset.content_hash, "model": model.content_hash}
    configuration = {"index": as_plain(config), "recipe": as_plain(recipe)}
    staging = atomic.staging_folder(out)
    existing = already_made(
        out,
        kind="index",
        is_ours=lambda found: found.parents == parents and _same(found, config, recipe),
        made_of="tile set, model, recipe, dates or windows",
        replace=replace,
    )
    if existing:
        shutil.rmtree(staging, ignore_errors=True)
        _copy_beside(model, out / MODEL_FOLDER)
        return _summary(out, existing, built=False)
    prepare_chunks(staging, request={"parents": parents, "configuration": configuration})
    vectors, table = described_gallery(
        tileset, model, config=config, folder=staging, progress=progress
    )
    manifest = _write_index(
        staging / "whole", tileset, model, vectors, table, parents, configuration,
        recipe=recipe, tile_set_path=_relative_path(tileset.folder, out),
    )  # fmt: skip
    _copy_beside(model, staging / "whole" / MODEL_FOLDER)
    atomic.publish_folder(staging / "whole", out)
    shutil.rmtree(staging)
    return _summary(out, manifest, built=True)


def _copy_beside(model: Model, copy: Path) -> None:
    """What lies beside a model without being part of it; nor is it part of an index."""
    copy_calibration(model.folder, copy, content_hash=model.content_hash)
    copy_reranker(model.folder, copy)


def _same(found: Manifest, config: IndexConfig, recipe: Recipe) -> bool:
    """Whether an index was made by this request; keys that it does not know had their default."""
    made = found.configuration
    try:
        return (
            parse_section(IndexConfig, made["index"], origin="index") == config
            and parse_section(Recipe, made["recipe"], origin="index") == recipe
        )
    except ConfigurationError:  # by a version with other keys
        return False


def _resolved(config: IndexConfig, tileset: TileSet, model: Model) -> IndexConfig:
    """`config` with its dates and its modality spelled out, checked against model and tile set."""
    require_tile_size(model, tileset=tileset)
    asked = config.dates or tuple(tileset.dates[:1])
    dates = tuple(date for date in tileset.dates if date in map(tileset.require_date, asked))
    legal = modalities_of(model.config)
    modality = legal[0] if config.modalities == "auto" else config.modalities
    if modality not in legal:
        raise ConfigurationError(
            f"index.modalities is {modality!r}, but model {model.folder} sees "
            f"{' or '.join(legal)}; choose one of these or train another model"
        )
    bare = [date for date in dates if not tileset.has_masks(date)]
    if modality == "mask" and bare:
        raise ConfigurationError(
            f"an index of masks was asked for, but tile set {tileset.folder} has no vectors of "
            f"{', '.join(bare)}; ingest these dates again with '--vectors'"
        )
    scales = tuple(sorted(set(config.scales), reverse=True))
    return with_values(config, dates=dates, modalities=modality, scales=scales)


def _fitting(recipe: Recipe, model: Model) -> Recipe:
    """The recipe for this model: grids of cells have an engine of their own."""
    if model.config.is_grid and recipe in (Recipe(), Recipe(engine="grid")):
        return Recipe(engine="grid")
    if model.config.is_grid or recipe.engine == "grid":
        head = f"head is {model.config.head!r}"
        raise ConfigurationError(
            f"engine {recipe.engine!r} with factory {recipe.factory!r} was asked for, but the "
            f"{head if model.config.method == 'network' else 'method is no network'} of model "
            f"{model.folder}; use 'index/flat.toml', which fits every model"
        )
    return recipe


def _write_index(
    folder: Path,
    tileset: TileSet,
    model: Model,
    vectors: Descriptors,
    table: gpd.GeoDataFrame,
    parents: Mapping[str, str],
    configuration: Mapping[str, Any],
    *,
    recipe: Recipe,
    tile_set_path: str,
) -> Manifest:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / MODEL_FOLDER).mkdir(parents=True)
    layout = model.layout if model.config.is_grid else None
    index = build_index_engine(vectors, recipe=recipe, layout=layout)
    recall = 1.0 if layout else _checked_recall(index, vectors, recipe)  # every tile is compared
    index.write(folder / engine_file_name(recipe))
    dates = list(configuration["index"]["dates"])
    table.to_parquet(folder / TILES_NAME, index=False)
    for name in MODEL_FILES:
        if (model.folder / name).is_file():  # an older model has no config.json
            shutil.copyfile(model.folder / name, folder / MODEL_FOLDER / name)
    files = [path for path in folder.rglob("*") if path.is_file()]
    tiles = len(table[["place", "date"]].drop_duplicates())
    cost = IndexCost.of(table, files, grid=tileset.grid, tiles=tiles)
    manifest = new_manifest(
        "index",
        content_hash=hash_files(files, root=folder),
        parents=parents,
        configuration=configuration,
        facts={
            "dates": dates,
            "tiles": tiles,
            **cost.facts(),
            "dimensions": int(vectors.shape[1]),
            "grid": grid_facts(tileset.grid),
            "modality": configuration["index"]["modalities"],
            "recall": recall,
            "tile_set": tile_set_path,
            "content": sorted(path.relative_to(folder).as_posix() for path in files),
        },
    )
    write_manifest(folder, manifest)
    return manifest


def _checked_recall(index: SearchEngine, vectors: Descriptors, recipe: Recipe) -> float:
    recall = measure_recall(index, vectors)
    if recall < recipe.recall_floor:
        raise ConfigurationError(
            f"the recipe's factory {recipe.factory!r} returns {recall:.3f} of the exact "
            f"neighbours, but its recall_floor is {recipe.recall_floor:g}; raise nprobe or "
            "ef_search, lower the floor, or use 'Flat'"
        )
    return recall


def _relative_path(target: Path, folder: Path) -> str:
    return Path(os.path.relpath(target.resolve(), folder.resolve())).as_posix()


def _summary(folder: Path, manifest: Manifest, *, built: bool) -> IndexSummary:
    facts = manifest.facts
    return IndexSummary(
        folder=folder,
        built=built,
        dates=tuple(facts["dates"]),
        tiles=facts["tiles"],
        dimensions=facts["dimensions"],
        modality=facts["modality"],
        recall=facts["recall"],
        cost=IndexCost.told_by(dict(facts)),
    )
