"""Evaluation: a tile set and a model go in, a report folder comes out.

REPORT/
  manifest.json     what was measured, hashes of the tile set, the model and the index
  metrics.json      the figures: map@5, recall, by split, stratum and modality
  queries.parquet   a row for each query, see `aerialret.evaluation.query_table`
  report.html       everything to look at, in one file
  georeferenced/    located photos on the map, see `aerialret.evaluation.georeferenced`
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

from aerialret import atomic
from aerialret.config import EvaluateConfig, QueryConfig, as_plain
from aerialret.errors import (
    ConfigurationError,
    UnknownDateError,
)
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.georeferenced import file_figures, write_located
from aerialret.evaluation.measurement import StagedProgress
from aerialret.evaluation.query_table import tiles_in_scope
from aerialret.evaluation.report import render_report
from aerialret.evaluation.run import run_evaluation
from aerialret.manifest import already_made, hash_file, hash_files, new_manifest, write_manifest
from aerialret.network.checkpoint import Model
from aerialret.network.reranker import reranker_hash
from aerialret.retrieval.calibration import CALIBRATION_NAME
from aerialret.retrieval.index_store import Index
from aerialret.retrieval.parents import require_parents, require_tile_size
from aerialret.tiles.tileset import TileSet

METRICS_NAME = "metrics.json"
QUERIES_NAME = "queries.parquet"
HTML_NAME = "report.html"
PICTURES_NAME = "georeferenced"


def evaluate(
    tileset: TileSet,
    model: Model,
    out: Path,
    *,
    config: EvaluateConfig,
    asking: QueryConfig | None = None,
    index: Index | None = None,
    replace: bool = False,
    progress: StagedProgress | None = None,
) -> dict[str, Any]:
    """Searches photos of one date among the tiles of another; the figures of `metrics.json`.

    Args:
        tileset: Holds the tiles of both dates.
        model: Describes them.
        out: The report folder.
        config: Which dates, and how the photos are cut out of tiles.
        asking: Turns that are tried, and how the first results are checked.
        index: Its vectors are the gallery; None describes the gallery anew.
        replace: Whether a report of another request in `out` may be replaced.
        progress: Told the stage, the tiles done and the tiles in all.

    Raises:
        UnknownDateError: The tile set or the index lacks a date.
        ConfigurationError: Model, tile set and dates do not fit together.
        StaleArtefactError: The index is of another model or tile set.
        NothingToDoError: No query has its place in the gallery.
        WouldOverwriteError: `out` exists and was not made by this request.
    """
    require_tile_size(model, tileset=tileset)
    dates = dates_of(config, tileset)
    if index is not None:
        _require_gallery(index, model=model, tileset=tileset, gallery=dates.gallery)
    config = replaced(config, queries=dates.queries, gallery=dates.gallery)
    parents = _parents(tileset, model, index)
    asking = asking or QueryConfig()
    configuration = {"evaluate": as_plain(config), "query": as_plain(asking)}
    if (model.folder / CALIBRATION_NAME).is_file():
        configuration["calibration"] = {"sha256": hash_file(model.folder / CALIBRATION_NAME)}
    if reranker := reranker_hash(model.folder):
        configuration["reranker"] = {"sha256": reranker}
    known = already_made(
        out,
        kind="report",
        is_ours=lambda found: (found.parents, found.configuration) == (parents, configuration),
        made_of="tile set, model, index, dates or protocol",
        replace=replace,
    )
    if known:
        metrics: dict[str, Any] = json.loads((out / METRICS_NAME).read_text())
        return metrics
    tiles = tiles_in_scope(tileset, model, dates=dates) if config.places == "held-out" else None
    evaluation = run_evaluation(
        tileset, model, dates=dates, protocol=config.protocol, seed=config.seed, asking=asking,
        tiles=tiles, index=index, before_training=config.untrained, progress=progress,
        verify_top=asking.verify_top if config.verify else 0,
    )  # fmt: skip
    staging = atomic.staging_folder(out)
    metrics = _write(staging, evaluation, parents, configuration)
    atomic.publish_folder(staging, out)
    return metrics


def _write(
    folder: Path,
    evaluation: Evaluation,
    parents: Mapping[str, str],
    configuration: Mapping[str, Any],
) -> dict[str, Any]:
    """Writes the report into the empty folder `folder`; the figures."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    metrics = evaluation.metrics()
    config = configuration["evaluate"]
    written = write_located(evaluation, folder / PICTURES_NAME, count=config["georeferenced"])
    if written:
        metrics["located"]["files"] = file_figures(written, evaluation.photos.shown)
    text = json.dumps(metrics, indent=2, ensure_ascii=False) + "\n"
    (folder / METRICS_NAME).write_text(text, encoding="utf-8")
    evaluation.table.to_parquet(folder / QUERIES_NAME, index=False)
    html = render_report(evaluation, worst=config["worst"], parents=parents, metrics=metrics)
    (folder / HTML_NAME).write_text(html, encoding="utf-8")
    files = [path for path in folder.rglob("*") if path.is_file()]
    manifest = new_manifest(
        "report",
        content_hash=hash_files(files, root=folder),
        parents=parents,
        configuration=configuration,
        facts={
            "scope": metrics["scope"],
            "content": sorted(path.relative_to(folder).as_posix() for path in files),
        },
    )
    write_manifest(folder, manifest)
    return metrics


def dates_of(config: EvaluateConfig, tileset: TileSet) -> Dates:
    """The dates that `config` names: by default the newest is searched for in the oldest.

    Raises:
        UnknownDateError: The tile set lacks a date.
        ConfigurationError: The two are one.
    """
    dates = Dates(
        queries=tileset.require_date(config.queries or tileset.dates[-1]),
        gallery=tileset.require_date(config.gallery or tileset.dates[0]),
    )
    if dates.queries == dates.gallery:
        raise ConfigurationError(
            f"queries and gallery are both of {dates.queries}, so that every tile would find "
            f"itself; {tileset.folder} holds {', '.join(tileset.dates)}: name two of them, or add "
            "one with 'aerialret ingest'"
        )
    return dates


def _require_gallery(index: Index, *, model: Model, tileset: TileSet, gallery: str) -> None:
    require_parents(index, model=model, tileset=tileset)
    if gallery not in index.dates:
        raise UnknownDateError(
            f"the gallery is of {gallery}, but index {index.folder} holds "
            f"{', '.join(index.dates)}; name one of these with '--gallery', or index {gallery}"
        )


def _parents(tileset: TileSet, model: Model, index: Index | None) -> dict[str, str]:
    parents = {"tile_set": tileset.content_hash, "model": model.content_hash}
    return parents if index is None else {**parents, "index": index.manifest.content_hash}
