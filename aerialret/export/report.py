"""What came of an export: counts go in, a value that the command line tells comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[str, int, int], None]
"""Called with the stage, the tiles done and the tiles to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportReport:
    """What an export holds.

    Attributes:
        out: Its folder.
        tiles: How many tiles it has of each date.
        masks: How many of them have a mask file.
        empty_dates: Dates that were asked for and have no tile in the area.
        files_written: Files that this run wrote; 0 where the export was there already.
    """

    out: Path
    tiles: Mapping[str, int]
    masks: int
    empty_dates: tuple[str, ...]
    files_written: int


def no_progress(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
