"""What an ingest did: counts of tiles and features, to be stored with the date and printed."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from aerialret.ingestion.vector import LayerReport

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the stage's name, what is done, and how much there is."""


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
        for key in ("value_range", "layers", "unmapped_layers", "warnings"):
            plain[key] = list(plain[key])
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "IngestReport":
        """The report that `to_plain` wrote."""
        values = dict(plain)
        for key in ("value_range", "unmapped_layers", "warnings"):
            values[key] = tuple(values[key])
        values["layers"] = tuple(LayerReport(**layer) for layer in values["layers"])
        return cls(**values)
