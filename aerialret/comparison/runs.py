"""Runs: a method, a seed and a tile set go in, a trained model and its ranks come out.

RUN = FOLDER/runs/NAME-seedN
RUN/model             see `aerialret.network.checkpoint`
RUN/PROTOCOL.*        see `aerialret.comparison.records`

What is there already and was made by the same request is not made again.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from aerialret.comparison.contents import MODEL_FOLDER, RUNS_FOLDER
from aerialret.comparison.machine import machine
from aerialret.comparison.methods import Method
from aerialret.comparison.records import (
    Record,
    RunFacts,
    read_record,
    record_table,
    run_facts,
    write_record,
)
from aerialret.config import as_plain
from aerialret.errors import NothingToDoError
from aerialret.evaluation.comparisons import EVERY, Comparison, Dates, comparisons_of
from aerialret.evaluation.gallery import GalleryCache
from aerialret.evaluation.measurement import StagedProgress
from aerialret.evaluation.query_table import tiles_in_scope
from aerialret.evaluation.reranker.train import train_missing_reranker
from aerialret.evaluation.run import run_evaluation
from aerialret.manifest import already_made, library_versions, read_manifest
from aerialret.network.checkpoint import Model, load_model
from aerialret.network.reranker import reranker_hash
from aerialret.tiles.tileset import TileSet
from aerialret.training.request import TrainingRequest
from aerialret.training.train import train


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all runs of a comparison share.

    Attributes:
        tileset: Holds the tiles.
        dates: Of the queries and of the gallery.
        protocols: How the queries are made.
        protocol_seed: Seed of the queries that are cut out of tiles.
        every_split: Ask about the places of every split; else of the held-out one alone.
        verify: Also verify the first answers of each method's headline.
        out: The comparison's folder.
    """

    tileset: TileSet
    dates: Dates
    protocols: Sequence[str]
    protocol_seed: int
    every_split: bool
    verify: bool = False
    out: Path

    def folder(self, method: Method, seed: int) -> Path:
        """Where a run lies."""
        return self.out / RUNS_FOLDER / f"{method.name}-seed{seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run.

    Attributes:
        queries: The tables of its records, with the columns method, seed and protocol before.
        facts: Of its first protocol.
        fresh: Whether anything was trained or measured just now.
    """

    queries: pd.DataFrame
    facts: RunFacts
    fresh: bool


def require_vacant(ground: Ground, method: Method, seed: int, *, replace: bool) -> None:
    """Checks that no other request made the model of this run.

    Raises:
        WouldOverwriteError: One did, and it is not to be replaced.
    """
    request = TrainingRequest.of(ground.tileset, method.seeded(seed))
    already_made(
        ground.folder(method, seed) / MODEL_FOLDER, kind="model", is_ours=request.made,
        made_of="tile set or configuration", replace=replace,
    )  # fmt: skip


def carry_out(
    ground: Ground,
    method: Method,
    seed: int,
    *,
    replace: bool,
    progress: StagedProgress | None = None,
) -> RunResult:
    """Trains what is not trained, measures what is not measured.

    Raises:
        AerialretError: The method cannot run on this tile set.
    """
    pipeline, tileset = method.seeded(seed), ground.tileset
    possible_comparisons(ground, method)  # what lacks its masks is refused before it is trained
    folder = ground.folder(method, seed)
    report = train(
        tileset, folder / MODEL_FOLDER, pipeline=pipeline, replace=replace, progress=progress
    )
    with suppress(NothingToDoError):  # too few places: second looks are judged by mean cosines
        train_missing_reranker(tileset, folder / MODEL_FOLDER, progress=progress)
    measurer = _Measurer(ground, method, folder, progress)
    records = {protocol: measurer.record(protocol) for protocol in ground.protocols}
    tables = [
        record.table.assign(method=method.name, seed=seed, protocol=protocol)
        for protocol, record in records.items()
    ]
    return RunResult(
        queries=pd.concat(tables, ignore_index=True),
        facts=next(iter(records.values())).facts,
        fresh=measurer.measured or not report.up_to_date,
    )


def possible_comparisons(ground: Ground, method: Method) -> tuple[Comparison, ...]:
    """What the method can be compared by on these dates, the headline first.

    Raises:
        ConfigurationError: Nothing, as it sees masks only and a date has none.
    """
    return comparisons_of(
        method.pipeline.model,
        queries_masked=ground.tileset.has_masks(ground.dates.queries),
        gallery_masked=ground.tileset.has_masks(ground.dates.gallery),
    )


class _Measurer:
    """Measures one run's model; loads it when the first record is missing."""

    def __init__(
        self, ground: Ground, method: Method, folder: Path, progress: StagedProgress | None
    ) -> None:
        self._ground, self._method, self._folder = ground, method, folder
        self._progress = progress
        self.measured = False

    def record(self, protocol: str) -> Record:
        """The record of one protocol, from its files where they are of this request."""
        made_of = self._made_of()
        record = read_record(self._folder, protocol, made_of=made_of)
        if record is None:
            record = self._measure(protocol)
            write_record(self._folder, protocol, record, made_of=made_of)
            self.measured = True
        return record

    def _measure(self, protocol: str) -> Record:
        ground, tiles = self._ground, None
        if not ground.every_split:
            tiles = tiles_in_scope(ground.tileset, self._model, dates=ground.dates)
        evaluation = run_evaluation(
            ground.tileset, self._model, dates=ground.dates, protocol=protocol,
            seed=ground.protocol_seed, asking=self._method.pipeline.query, tiles=tiles,
            gallery=self._gallery, only=EVERY, before_training=False, progress=self._progress,
            verify_top=self._method.pipeline.query.verify_top if ground.verify else 0,
        )  # fmt: skip
        facts = run_facts(evaluation, machine=machine(), versions=library_versions())
        return Record(table=record_table(evaluation), facts=facts)

    @cached_property
    def _model(self) -> Model:
        return load_model(self._folder / MODEL_FOLDER)

    @cached_property
    def _gallery(self) -> GalleryCache:
        return GalleryCache(self._ground.tileset, self._model)

    def _made_of(self) -> dict[str, Any]:
        """All that the figures depend on.

        The configuration is there by itself as older models lack it in their content.
        """
        ground = self._ground
        model = read_manifest(self._folder / MODEL_FOLDER, kind="model")
        return {
            "tile_set": ground.tileset.content_hash,
            "model": model.content_hash,
            "configuration": model.configuration["model"],
            "reranker": reranker_hash(self._folder / MODEL_FOLDER),
            "dates": [ground.dates.queries, ground.dates.gallery],
            "protocol_seed": ground.protocol_seed,
            "every_split": ground.every_split,
            "verify": ground.verify,
            "query": as_plain(self._method.pipeline.query),
        }
