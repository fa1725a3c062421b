"""What became of the features of a date: batches go in, counts by layer and class come out."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.ingestion.vectors.classify import Classification
from aerialret.ingestion.vectors.vector_layers import VectorLayer
from aerialret.tiles.palette import CLASSES

_NAMES = {land_class.code: land_class.name for land_class in CLASSES}


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerReport:
    """What became of the features of one layer.

    Attributes:
        layer: The layer, by its file.
        features: How many it has.
        read: How many lie near the imagery.
        drawn: How many were drawn, by class name.
        dropped: How many were not drawn, by reason.
        unknown_values: Values that the class mapping does not know; they got the layer's class.
    """

    layer: str
    features: int
    read: int
    drawn: Mapping[str, int]
    dropped: Mapping[str, int]
    unknown_values: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassCount:
    """What became of the features of one class, over all layers.

    Attributes:
        name: The class; `none` for features of layers that have no class of their own.
        read: How many lie near the imagery.
        drawn: How many were drawn.
        dropped: How many were not drawn, by reason.
    """

    name: str
    read: int
    drawn: int
    dropped: Mapping[str, int]


class LayerTally:
    """Counts the features of a layer, batch by batch.

    Attributes:
        layer: The layer.
        read: Features so far.
        drawn: Those that were drawn, by class code.
        dropped: Those that were not, by class code and reason.
    """

    def __init__(self, layer: VectorLayer) -> None:
        self.layer = layer
        self.read = 0
        self.drawn: Counter[int] = Counter()
        self.dropped: Counter[tuple[int, str]] = Counter()
        self._unknown: Counter[str] = Counter()

    def count(self, classes: Classification, reasons: NDArray[np.object_]) -> None:
        """Counts a batch.

        Args:
            classes: The classes of its features.
            reasons: Empty, or why a feature was not drawn.
        """
        kept = reasons == ""
        self.read += len(reasons)
        self.drawn.update(classes.codes[kept].tolist())
        self.dropped.update(
            zip(classes.meant[~kept].tolist(), reasons[~kept].tolist(), strict=True)
        )
        self._unknown.update(classes.unknown)

    def report(self) -> LayerReport:
        """What became of the layer."""
        reasons: Counter[str] = Counter()
        for (_, reason), count in self.dropped.items():
            reasons[reason] += count
        return LayerReport(
            layer=self.layer.label,
            features=self.layer.feature_count,
            read=self.read,
            drawn=_sorted({_NAMES[code]: count for code, count in self.drawn.items()}),
            dropped=_sorted(reasons),
            unknown_values=_sorted(self._unknown),
        )


def class_counts(tallies: Iterable[LayerTally]) -> tuple[ClassCount, ...]:
    """What became of the features of each class that has any, in the order of the codes."""
    drawn: Counter[int] = Counter()
    dropped: dict[int, Counter[str]] = {}
    for tally in tallies:
        drawn.update(tally.drawn)
        for (code, reason), count in tally.dropped.items():
            dropped.setdefault(code, Counter())[reason] += count
    return tuple(
        ClassCount(
            name=_NAMES.get(code, "none"),
            read=drawn[code] + sum(dropped.get(code, Counter()).values()),
            drawn=drawn[code],
            dropped=_sorted(dropped.get(code, Counter())),
        )
        for code in sorted(set(drawn) | set(dropped))
    )


def _sorted(counts: Mapping[Any, int]) -> dict[str, int]:
    return dict(sorted((str(key), count) for key, count in counts.items()))
