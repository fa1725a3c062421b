"""What a comparison came to: facts of its runs go in, a value that tables are made of comes out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import pandas as pd

from aerialret.comparison.methods import Method
from aerialret.comparison.records import RunFacts

QUERY_COLUMNS = (
    "method", "seed", "protocol", "comparison", "query", "place", "split", "in_scope", "rank",
    "distance_m", "corner_error_m",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFacts:
    """What the tables tell of a method beside its figures.

    Attributes:
        method: What was compared.
        headline: Name of the headline comparison.
        dimensions: R, numbers in a descriptor.
        parameters: Numbers in the network's weights.
        epochs: Epochs of each training.
        training_s: Mean time of a training, in seconds; None where that is not known.
        seeds: Runs with different seeds.
        scope: Split of the queries that count.
        gallery: Tiles that were searched.
        machines: Where the runs were measured.
        versions: Of aerialret and its libraries.
    """

    method: Method
    headline: str
    dimensions: int
    parameters: int
    epochs: int
    training_s: float | None
    seeds: int
    scope: str
    gallery: int
    machines: tuple[str, ...]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, method: Method, runs: Sequence[RunFacts]) -> "MethodFacts":
        """The facts of a method's runs; one at least."""
        first = runs[0]
        times = [run.training_s for run in runs if run.training_s is not None]
        return cls(
            method=method, headline=first.headline, dimensions=first.dimensions,
            parameters=first.parameters, epochs=first.epochs,
            training_s=fmean(times) if times and first.epochs else None, seeds=len(runs),
            scope=first.scope, gallery=first.gallery,
            machines=tuple(dict.fromkeys(run.machine for run in runs)), versions=first.versions,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A method that could not run, and why."""

    method: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Everything that was measured.

    Attributes:
        queries: A row for each query of each run, as `aerialret.comparison.figures` takes them;
            empty if no method ran.
        methods: The methods that ran, in their order.
        failures: Those that could not.
    """

    queries: pd.DataFrame
    methods: tuple[MethodFacts, ...]
    failures: tuple[Failure, ...]
