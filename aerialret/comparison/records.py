"""Records of measured runs: an evaluation goes in, a table and its facts come out, and back.

RUN/PROTOCOL.parquet   a row for each query and comparison: comparison, query (its number), place,
                       split, in_scope, rank (null where the gallery lacks the place), distance_m
                       (from the truth to the first result), corner_error_m (of the photo's corners
                       by the first result; NaN for methods that tell the tile alone); verified
                       answers are a comparison of their own, see `VERIFIED`
RUN/PROTOCOL.json      what it was made of, and what else the tables tell of the run
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aerialret import atomic
from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.locating import Located, search_errors
from aerialret.evaluation.query_table import nullable_ranks, scope_of
from aerialret.network.checkpoint import Model
from aerialret.training.history import TIMING_NAME, Timing

FORMAT = 2

VERIFIED = ", verified"
"""What follows a comparison's name where its first answers were verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """What the tables tell of a run beside its figures.

    Attributes:
        headline: Name of the headline comparison.
        dimensions: R, numbers in a descriptor; of image and mask together where each has one.
        parameters: Numbers in the network's weights.
        epochs: Epochs of its training.
        training_s: How long training took, in seconds; None where that is not known.
        scope: Split of the queries that count: test, val, unseen or all.
        gallery: Tiles that were searched.
        machine: Where it was measured.
        versions: Of aerialret and the libraries that measured it.
    """

    headline: str
    dimensions: int
    parameters: int
    epochs: int
    training_s: float | None
    scope: str
    gallery: int
    machine: str
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A measured run.

    Attributes:
        table: A row for each query and comparison.
        facts: What else is known of it.
    """

    table: pd.DataFrame
    facts: RunFacts


def record_table(evaluation: Evaluation) -> pd.DataFrame:
    """The ranks by every comparison, and of the headline once it is verified."""
    parts = [_rows(evaluation, name) for name in evaluation.trained]
    if evaluation.located is not None:
        parts.append(_verified_rows(evaluation, evaluation.located))
    return pd.concat(parts, ignore_index=True)


def run_facts(evaluation: Evaluation, *, machine: str, versions: Mapping[str, str]) -> RunFacts:
    """What the tables tell of the model that was measured."""
    model = evaluation.model
    training = model.manifest.facts.get("training", {})
    return RunFacts(
        headline=evaluation.main,
        dimensions=_dimensions(model),
        parameters=sum(weights.numel() for weights in model.network.parameters()),
        epochs=int(training.get("epochs", 0)),
        training_s=_training_s(model),
        scope=scope_of(evaluation.table),
        gallery=len(evaluation.tileset.tiles(evaluation.dates.gallery)),
        machine=machine,
        versions=dict(versions),
    )


def write_record(folder: Path, protocol: str, record: Record, *, made_of: Any) -> None:
    """Writes both files; the facts last, so that they vouch for the table."""
    with atomic.atomic_file(folder / f"{protocol}.parquet") as partial:
        record.table.to_parquet(partial, index=False)
    content = {"format": FORMAT, "made_of": made_of, "facts": asdict(record.facts)}
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    atomic.write_text(folder / f"{protocol}.json", text)


def read_record(folder: Path, protocol: str, *, made_of: Any) -> Record | None:
    """What was measured of just this; None where it must be measured (again)."""
    try:
        content = json.loads((folder / f"{protocol}.json").read_text())
        if content["format"] != FORMAT or content["made_of"] != made_of:
            return None
        table = pd.read_parquet(folder / f"{protocol}.parquet")
        return Record(table=table, facts=RunFacts(**content["facts"]))
    except (OSError, ValueError, KeyError, TypeError):  # absent, or damaged: as if never measured
        return None


def _training_s(model: Model) -> float | None:
    """Seconds of all epochs, from the model's timing file; None without one."""
    timing = model.folder / TIMING_NAME
    return Timing.read(timing).total_s if timing.is_file() else None


def _dimensions(model: Model) -> int:
    """R, without what the search adds to a vector for the Euclidean distance."""
    length = model.network.finish.length
    return 2 * length if model.config.joins_descriptors else length


def _rows(evaluation: Evaluation, comparison: str) -> pd.DataFrame:
    found = evaluation.trained[comparison]
    rows = evaluation.table[["place", "split", "in_scope"]].reset_index(drop=True)
    rows["rank"] = nullable_ranks(found.ranks)
    rows["distance_m"] = found.distance_m
    rows["corner_error_m"] = search_errors(found, evaluation.photos).corner_m
    return _named(rows, comparison)


def _verified_rows(evaluation: Evaluation, located: Located) -> pd.DataFrame:
    """The headline's photos after verification; those that were not verified have no rank."""
    rows = evaluation.table[["place", "split", "in_scope"]].reset_index(drop=True)
    rows["rank"] = nullable_ranks(located.ranks)
    rows["distance_m"] = located.errors.centre_m
    rows["corner_error_m"] = located.errors.corner_m
    return _named(rows, evaluation.main + VERIFIED)


def _named(rows: pd.DataFrame, comparison: str) -> pd.DataFrame:
    rows.insert(0, "query", np.arange(len(rows)))
    rows.insert(0, "comparison", comparison)
    return rows
