"""The cost of an index: its table and its files go in, vectors for each km² and bytes come out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aerialret.tiles.grid import Grid


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexCost:
    """What an index takes.

    Attributes:
        windows: Vectors that a search compares with; as many as tiles, where there are no windows.
        descriptors_per_km2: Windows for each square kilometre of tiles; each date counts by itself.
        bytes: Of its files, but for the manifest.
    """

    windows: int
    descriptors_per_km2: float
    bytes: int

    @classmethod
    def of(cls, table: pd.DataFrame, files: list[Path], *, grid: Grid, tiles: int) -> "IndexCost":
        """The cost of an index.

        Args:
            table: A row for each window.
            files: All but its manifest.
            grid: Of its places.
            tiles: The tiles that its windows are cut from.
        """
        km2 = tiles * (grid.tile_size_m / 1000) ** 2
        return cls(
            windows=len(table),
            descriptors_per_km2=float(f"{len(table) / km2:.4g}"),
            bytes=sum(path.stat().st_size for path in files),
        )

    @classmethod
    def told_by(cls, facts: dict[str, Any]) -> "IndexCost | None":
        """What a manifest's facts say; None of an index of an earlier version."""
        names = cls.__dataclass_fields__
        return cls(**{name: facts[name] for name in names}) if set(names) <= set(facts) else None

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"{self.windows:,} windows, {self.descriptors_per_km2:g} descriptors for each km², "
            f"{_size(self.bytes)} on disk"
        )


def _size(count: int) -> str:
    size, units = float(count), ["bytes", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.3g} {units[0]}"
