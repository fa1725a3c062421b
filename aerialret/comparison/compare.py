"""A comparison: methods and a tile set go in, their figures and a folder of tables come out.

FOLDER/
  runs/         a folder for each run, see `aerialret.comparison.runs`
  table.md      the table, its notes, and the tables of a study
  table.csv     the same with every figure
  study.csv     the tables of a study with every figure
  compare.html  everything to look at, in one file
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from aerialret.comparison.contents import RUNS_FOLDER
from aerialret.comparison.methods import Method
from aerialret.comparison.outcome import QUERY_COLUMNS, Failure, MethodFacts, Outcome
from aerialret.comparison.request import CompareRequest
from aerialret.comparison.runs import Ground, RunResult, carry_out, require_vacant
from aerialret.errors import AerialretError, WouldOverwriteError
from aerialret.evaluation.measurement import StagedProgress
from aerialret.evaluation.scores import MAP_KEY
from aerialret.retrieval.metrics import map_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How a comparison tells what it does.

    Attributes:
        line: Told one line for each finished run.
        doing: Told what is being done, many times a second.
    """

    line: Callable[[str], None]
    doing: Callable[[str], None]

    def stages(self, run: str) -> StagedProgress:
        """A callback for the stages of one run."""
        return lambda stage, done, total: self.doing(f"{run}: {stage} {done:,}/{total:,}")


def compare(
    ground: Ground,
    methods: Sequence[Method],
    *,
    request: CompareRequest,
    replace: bool = False,
    telling: Telling,
) -> Outcome:
    """Trains and measures every method with every seed; those that cannot run have a reason.

    Args:
        ground: What all runs share.
        methods: See `aerialret.comparison.methods.on_common_ground`.
        request: Which seeds.
        replace: Whether models of other requests may be replaced.
        telling: How to tell what is done.

    Raises:
        WouldOverwriteError: The folder holds something else, or models of other requests.
    """
    _require_folder(ground.out)
    for method in methods:
        for seed in method.seeds(request.seeds):
            require_vacant(ground, method, seed, replace=replace)
    found: list[pd.DataFrame] = []
    facts: list[MethodFacts] = []
    failures: list[Failure] = []
    for method in methods:
        try:
            results = _all_seeds(ground, method, request, replace, telling)
        except WouldOverwriteError:
            raise
        except (AerialretError, torch.OutOfMemoryError) as error:
            reason = " ".join(str(error).split())
            failures.append(Failure(method=method.name, reason=reason))
            telling.line(f"{method.name}: cannot run here: {reason}")
            continue
        found += [result.queries for result in results]
        facts.append(MethodFacts.of(method, [result.facts for result in results]))
    none = pd.DataFrame(columns=list(QUERY_COLUMNS))
    queries = pd.concat(found, ignore_index=True) if found else none
    return Outcome(queries=queries, methods=tuple(facts), failures=tuple(failures))


def _all_seeds(
    ground: Ground,
    method: Method,
    request: CompareRequest,
    replace: bool,
    telling: Telling,
) -> list[RunResult]:
    results = []
    for seed in method.seeds(request.seeds):
        run = f"{method.name} seed {seed}"
        result = carry_out(ground, method, seed, replace=replace, progress=telling.stages(run))
        telling.line(f"{run}: {_told(result)}")
        results.append(result)
    return results


def _told(result: RunResult) -> str:
    """As in `map@5 0.812 aligned, 0.330 hard; 20 epochs in 310 s`."""
    counted = result.queries[
        result.queries["in_scope"] & (result.queries["comparison"] == result.facts.headline)
    ]
    ranks = counted.groupby("protocol", sort=False)["rank"]
    told = ", ".join(f"{map5:.3f} {name}" for name, map5 in ranks.apply(_map5).items())
    facts = result.facts
    if not facts.epochs:
        return f"{MAP_KEY} {told}; untrained"
    seconds = f" in {facts.training_s:,.0f} s" if facts.training_s is not None else ""
    state = "" if result.fresh else ", as it was"
    epochs = f"{facts.epochs} epoch{'' if facts.epochs == 1 else 's'}"
    return f"{MAP_KEY} {told}; {epochs}{seconds}{state}"


def _map5(ranks: pd.Series) -> float:
    return map_at(ranks.dropna().to_numpy(np.int64))


def _require_folder(out: Path) -> None:
    """Checks that `out` is a comparison's folder, or nothing yet.

    Raises:
        WouldOverwriteError: It is something else.
    """
    empty = not out.exists() or (out.is_dir() and not any(out.iterdir()))
    if not empty and not (out / RUNS_FOLDER).is_dir():
        raise WouldOverwriteError(
            f"{out} exists and is no comparison: it has no folder {RUNS_FOLDER}; give another "
            "'--out'"
        )
