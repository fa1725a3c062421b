"""The methods of a comparison: pipelines go in, the same on common ground come out, each named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from aerialret.comparison.request import CompareRequest
from aerialret.config import Pipeline, SplitConfig
from aerialret.errors import ConfigurationError
from aerialret.evaluation.comparisons import Dates

_UNSAFE = re.compile(r"[^A-Za-z0-9._+=-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One line of a comparison.

    Attributes:
        name: What it is called; also the name of its folders.
        pipeline: Its sections model, train, split and query count.
    """

    name: str
    pipeline: Pipeline

    @property
    def is_random(self) -> bool:
        """Whether another seed gives other descriptors: trained, drawn at the start, or words."""
        model = self.pipeline.model
        if model.method != "network":
            return model.method == "bow-sift"
        drawn = model.weights == "none" or model.head == "spatial" or model.head_linear
        return self.pipeline.train.epochs > 0 or drawn or model.transformer != "none"

    def seeds(self, seeds: Sequence[int]) -> tuple[int, ...]:
        """Those of `seeds` that this method is run with."""
        return tuple(seeds) if self.is_random else tuple(seeds[:1])

    def seeded(self, seed: int) -> Pipeline:
        """The pipeline of one run."""
        return replace(self.pipeline, train=replace(self.pipeline.train, seed=seed))


def variant_name(recipe: str, assignments: Sequence[str] = ()) -> str:
    """A name for a recipe with some keys changed, as in `rfiap2020+dimensions=128`."""
    changes = [f"+{assignment.split('.', 1)[-1]}" for assignment in assignments]
    return _UNSAFE.sub("-", "".join([recipe, *changes]).replace('"', "").replace(" ", ""))


def on_common_ground(
    methods: Sequence[Method], *, split: SplitConfig, dates: Dates, request: CompareRequest
) -> list[Method]:
    """The methods with one split, one pair of dates to train on, and at most the epochs asked for.

    Methods of one name that are the same are one.

    Raises:
        ConfigurationError: Two different methods have one name.
    """
    found: dict[str, Method] = {}
    for method in methods:
        train = method.pipeline.train
        epochs = min(train.epochs, request.epochs) if request.epochs else train.epochs
        train = replace(train, dates=(dates.queries, dates.gallery), epochs=epochs)
        common = replace(method, pipeline=replace(method.pipeline, split=split, train=train))
        if found.setdefault(common.name, common) != common:
            raise ConfigurationError(
                f"two different pipelines are called {common.name}, which names their folder; "
                "rename one of the files"
            )
    return list(found.values())
