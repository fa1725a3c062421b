"""The measurements of an evaluation: a tile set, a model, two dates go in, figures come out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.errors import NothingToDoError
from aerialret.evaluation.comparisons import (
    Comparer,
    Comparison,
    Dates,
    Measurement,
    StagedProgress,
    comparisons_of,
    truth_rows,
)
from aerialret.evaluation.query_table import ALL, UNSEEN, add_ranks, query_table, ranks_in, scope_of
from aerialret.evaluation.scores import MAP_KEY, chance_map, scores
from aerialret.network.checkpoint import Model, untrained_model
from aerialret.retrieval.index_store import Index
from aerialret.tiles.tileset import TileSet
from aerialret.training.splits import BUFFER, SPLITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured.

    Attributes:
        tileset: Holds the tiles.
        model: Was measured.
        dates: Were compared.
        truth: int [n], the row of each query's place in the gallery; -1 where it has none.
        trained: The measurements by name of the comparison, the headline first.
        untrained: The same before training; empty for a model that was never trained.
        table: A row for each query, see `aerialret.evaluation.query_table`.
    """

    tileset: TileSet
    model: Model
    dates: Dates
    truth: NDArray[np.int64]
    trained: dict[str, Measurement]
    untrained: dict[str, Measurement]
    table: pd.DataFrame

    @property
    def main(self) -> str:
        """Name of the headline comparison."""
        return next(iter(self.trained))

    @property
    def in_scope(self) -> NDArray[np.bool_]:
        """The queries that count for the headline: bool [n]."""
        return self.table["in_scope"].to_numpy(bool)

    def metrics(self) -> dict[str, Any]:
        """The content of `metrics.json`."""
        table, scoped = self.table, self.table["in_scope"]
        answerable = table["rank"].notna()
        gallery = len(self.tileset.tiles(self.dates.gallery))
        return {
            **scores(ranks_in(table, scoped)),
            "gallery": gallery,
            "modality": self.main,
            "scope": scope_of(table),
            "dates": {"queries": self.dates.queries, "gallery": self.dates.gallery},
            "without_answer": int((~answerable).sum()),
            "splits": self._by("split", answerable, order=(*SPLITS, BUFFER, UNSEEN))
            | {ALL: scores(ranks_in(table, answerable))},
            "strata": self._by("land_cover", scoped) | self._by("mask_content", scoped),
            "modalities": {name: self.scores_of(found) for name, found in self.trained.items()},
            "untrained": {name: self.scores_of(found) for name, found in self.untrained.items()},
            "chance": {MAP_KEY: chance_map(gallery)},
        }

    def scores_of(self, measurement: Measurement) -> dict[str, Any]:
        """The figures of a measurement on the queries in scope."""
        return scores(measurement.ranks[self.in_scope])

    def _by(self, column: str, rows: pd.Series, *, order: tuple[str, ...] = ()) -> dict[str, Any]:
        """The figures of `rows` for each value of `column`."""
        present = set(self.table.loc[rows, column])
        names = [name for name in order or sorted(present) if name in present]
        return {
            name: scores(ranks_in(self.table, rows & (self.table[column] == name)))
            for name in names
        }


def run_evaluation(
    tileset: TileSet,
    model: Model,
    *,
    dates: Dates,
    index: Index | None = None,
    before_training: bool = True,
    progress: StagedProgress | None = None,
) -> Evaluation:
    """Searches every tile of one date among those of the other, by everything the model sees.

    Args:
        tileset: Holds the tiles.
        model: Describes them.
        dates: Dates of queries and gallery.
        index: Its vectors are the gallery; None describes the gallery anew.
        before_training: Whether the same network is also measured as it was before training.
        progress: Told the stage, the tiles done and the tiles in all.

    Raises:
        NothingToDoError: No query has its place in the gallery.
        ConfigurationError: The model sees masks only, and a date has none.
    """
    truth = truth_rows(tileset, dates=dates)
    if not (truth >= 0).any():
        raise NothingToDoError(
            f"no place of {dates.queries} has a tile at {dates.gallery} in {tileset.folder}; "
            "choose other dates"
        )
    comparisons = comparisons_of(
        model.config,
        queries_masked=tileset.has_masks(dates.queries),
        gallery_masked=tileset.has_masks(dates.gallery),
    )
    comparer = Comparer(tileset, model, dates=dates, index=index, progress=progress)
    trained = _measured(comparer, comparisons, truth)
    before = untrained_model(model) if before_training and was_trained(model) else None
    untrained = {}
    if before is not None:
        label = "before training:"
        comparer = Comparer(tileset, before, dates=dates, label=label, progress=progress)
        untrained = _measured(comparer, comparisons, truth)
    table = _table(tileset, model, dates, trained, untrained)
    return Evaluation(
        tileset=tileset, model=model, dates=dates, truth=truth, trained=trained,
        untrained=untrained, table=table,
    )  # fmt: skip


def was_trained(model: Model) -> bool:
    """Whether the model is more than its initial weights."""
    return int(model.manifest.facts.get("training", {}).get("epochs", 0)) > 0


def _measured(
    comparer: Comparer, comparisons: tuple[Comparison, ...], truth: NDArray[np.int64]
) -> dict[str, Measurement]:
    return {
        comparison.name: comparer.compare(comparison, truth=truth) for comparison in comparisons
    }


def _table(
    tileset: TileSet,
    model: Model,
    dates: Dates,
    trained: dict[str, Measurement],
    untrained: dict[str, Measurement],
) -> pd.DataFrame:
    main, *others = trained
    table = query_table(tileset, model, trained[main], dates=dates)
    ranks = {name: trained[name] for name in others}
    if untrained:
        ranks["untrained"] = untrained[main]
    add_ranks(table, ranks)
    return table
