"""What an ingest did: counts of tiles and features, to be stored with the date and printed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from aerialret.ingestion.vectors.vector_counts import ClassCount, LayerReport

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage's name, what is done, and how much there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """What became of the features of one class.

    Attributes:
        name: The class; `none` for features of layers that have no class of their own.
        read: Features near the imagery.
        drawn: How many of them were drawn.
        dropped: How many were not, by reason.
        ground_share: Share of the covered pixels of all tiles, from 0 to 1.
        ground_km2: The same in square kilometres.
    """

    name: str
    read: int
    drawn: int
    dropped: Mapping[str, int]
    ground_share: float
    ground_km2: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """What an ingest of one date did.

    Attributes:
        date: The date's label.
        tiles_written: Tiles that the date now has.
        tiles_outside: Cells that touch an orthophoto but hold no image.
        tiles_too_empty: Cells with a smaller share of image than `min_valid`.
        orthophotos: Files of imagery.
        value_range: Sensor values drawn black and white; empty where 8 bits stayed as they were.
        layers: What became of each vector layer.
        unmapped_layers: Vector layers that no class rule names.
        coverage: What says where the vectors are complete.
        class_shares: Share of the covered pixels by class name, over all tiles.
        warnings: What deserves a look.
        classes: What became of the features of each class, and the ground that they cover.
        edition: The edition of the vector layers, where they betray one.
        covered_km2: Ground of the tiles inside the vector coverage.
        dated_tiles: Tiles whose days of flight a source tells; those of others are the label's.
        missing: Parts of web services that could not be had.
        blocks_made: Blocks of tiles that this run made; no part of the stored report.
        blocks_kept: Blocks that it took over, as their inputs are the same; no part of it either.
    """

    date: str
    tiles_written: int
    tiles_outside: int
    tiles_too_empty: int
    orthophotos: int
    value_range: tuple[float, ...]
    layers: tuple[LayerReport, ...]
    unmapped_layers: tuple[str, ...]
    coverage: str
    class_shares: Mapping[str, float]
    warnings: tuple[str, ...]
    classes: tuple[ClassReport, ...] = ()
    edition: str = ""
    covered_km2: float = 0.0
    dated_tiles: int = 0
    missing: tuple[str, ...] = ()
    blocks_made: int = field(default=0, compare=False)
    blocks_kept: int = field(default=0, compare=False)

    @property
    def features_read(self) -> int:
        """Features near the imagery, over all layers."""
        return sum(layer.read for layer in self.layers)

    @property
    def features_drawn(self) -> int:
        """Features that were drawn, over all layers."""
        return sum(sum(layer.drawn.values()) for layer in self.layers)

    @property
    def features_dropped(self) -> dict[str, int]:
        """Features that were not drawn, by reason, over all layers."""
        total: dict[str, int] = {}
        for layer in self.layers:
            for reason, count in layer.dropped.items():
                total[reason] = total.get(reason, 0) + count
        return dict(sorted(total.items()))

    def to_plain(self) -> dict[str, Any]:
        """The report as dictionaries, lists, strings and numbers, for JSON."""
        plain = asdict(self)
        for key in _TUPLES:
            plain[key] = list(plain[key])
        for key in ("blocks_made", "blocks_kept"):
            del plain[key]
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "IngestReport":
        """The report that `to_plain` wrote."""
        values = {"classes": (), "missing": (), **plain}
        for key in _TUPLES:
            values[key] = tuple(values[key])
        values["layers"] = tuple(LayerReport(**layer) for layer in values["layers"])
        values["classes"] = tuple(ClassReport(**item) for item in values["classes"])
        return cls(**values)

    def with_blocks(self, *, made: int, kept: int) -> "IngestReport":
        """The report of this run."""
        return replace(self, blocks_made=made, blocks_kept=kept)

    def with_warnings(self, warnings: tuple[str, ...]) -> "IngestReport":
        """The report with what only all dates together show."""
        return replace(self, warnings=(*self.warnings, *warnings))


_TUPLES = ("value_range", "layers", "unmapped_layers", "warnings", "classes", "missing")


def class_reports(
    counts: tuple[ClassCount, ...], *, shares: Mapping[str, float], covered_km2: float
) -> tuple[ClassReport, ...]:
    """The counts of features with the ground that each class covers.

    Args:
        counts: Features by class.
        shares: Share of the covered pixels by class name; absent classes have none.
        covered_km2: Ground of the tiles inside the vector coverage.
    """
    return tuple(
        ClassReport(
            name=count.name,
            read=count.read,
            drawn=count.drawn,
            dropped=count.dropped,
            ground_share=shares.get(count.name, 0.0),
            ground_km2=round(shares.get(count.name, 0.0) * covered_km2, 6),
        )
        for count in counts
    )
