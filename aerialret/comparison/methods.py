"""The methods of a comparison: pipelines go in, the same on common ground come out, each named."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRecipe:
    """A recipe as the command line asks for it.

    Attributes:
        recipe: A pipeline file or the name of one.
        label: What to call the method; empty: by the recipe's name.
    """

    recipe: str
    label: str = ""


def named_recipes(words: Sequence[str]) -> list[NamedRecipe]:
    """The recipes that `words` ask for, each as `RECIPE` or `LABEL=RECIPE`.

    Raises:
        ConfigurationError: A label cannot name a folder, or is used twice.
    """
    found = [_named_recipe(word) for word in words]
    counts = Counter(one.label for one in found if one.label)
    for label, count in counts.items():
        if count > 1:
            recipes = " and ".join(one.recipe for one in found if one.label == label)
            raise ConfigurationError(
                f"the label {label!r} is given to {recipes}, but names one method; give another"
            )
    return found


def _named_recipe(word: str) -> NamedRecipe:
    label, equals, recipe = word.partition("=")
    if not equals or Path(word).is_file():
        return NamedRecipe(recipe=word)
    if not label or not recipe or _UNSAFE.search(label):
        raise ConfigurationError(
            f"{word!r} is no LABEL=PIPELINE: a label holds letters, digits and the signs . _ + -, "
            "as in max-pooling=resnet50"
        )
    return NamedRecipe(recipe=recipe, label=label)


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
                "give one of them another name with LABEL=PIPELINE"
            )
    return list(found.values())
