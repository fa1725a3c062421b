"""The ingest step: orthophotos and vector layers of one date go in, tiles in a tile set come out.

A failed ingest leaves the tile set as it was. A killed one goes on where it stopped when the same
command is given again, and ends with the same bytes.
"""

from pathlib import Path

from aerialret.config.sources import GridConfig, SourceConfig
from aerialret.errors import ConfigurationError, WouldOverwriteError
from aerialret.ingestion.grid_choice import check_grid, new_grid
from aerialret.ingestion.ingest_date import DateJob, build_date
from aerialret.ingestion.ingest_report import IngestReport, Progress
from aerialret.ingestion.ingest_request import request_of
from aerialret.ingestion.ortho_files import ORTHO_SUFFIXES, OrthoFile
from aerialret.ingestion.orthophoto import inspect_orthos
from aerialret.ingestion.source_files import find_files
from aerialret.ingestion.tileset_publish import (
    existing_grid,
    published_dates,
    refresh,
    restore_retired,
)
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.tileset import date_folder

__all__ = ["IngestReport", "ingest"]


def ingest(
    folder: Path,
    *,
    date: str,
    source: SourceConfig,
    grid: GridConfig,
    base: Path = Path(),
    replace: bool = False,
    progress: Progress | None = None,
) -> IngestReport:
    """Adds one date to the tile set in `folder`, or makes a tile set of it.

    Args:
        folder: The tile set.
        date: The date's label, as 2004, 2004-07-31 or 1950..1965.
        source: Orthophotos, vector layers and how they are read.
        grid: The grid of a new tile set; an existing one keeps its own.
        base: The folder that relative paths in `source` refer to.
        replace: Whether a date that is there already may be replaced.
        progress: Called with a stage's name, what is done, and how much there is.

    Returns:
        What was done; where the same request was done before, what was done then.

    Raises:
        ConfigurationError: The date, the grid, a class or a band is not legal.
        MissingInputError: A path names nothing.
        UnreadableInputError: A file cannot be decoded.
        MissingCrsError: A file has no CRS, and none is given.
        EmptyLayerError: A vector file that was named has no features.
        UnmappedLayerError: No layer of a vector path has a class.
        NothingToDoError: No tile holds enough image.
        NotAnArtefactError: `folder` holds something else.
        WouldOverwriteError: The date is there already, of another request.
    """
    label = "".join(date.split())
    parse_interval(label)
    own_grid = existing_grid(folder)
    if own_grid:
        check_grid(own_grid, grid, tileset=str(folder))
    orthos = _find_orthos(source, base=base, progress=progress)
    used_grid = own_grid or new_grid(grid, orthos)
    request = request_of(source, base=base, orthos=orthos, grid=used_grid)
    restore_retired(folder)
    published = published_dates(folder).get(label)
    if published and published["request"] == request.fingerprint:
        refresh(folder)
        return IngestReport.from_plain(published["report"])
    if published and not replace:
        raise WouldOverwriteError(
            f"tile set {folder} has date {label} already, made from other files or settings; "
            "give --replace to make it anew, or another --date"
        )
    build_date(
        DateJob(
            target=date_folder(folder, label),
            source=source,
            base=base,
            request=request,
            orthos=tuple(orthos),
            grid=used_grid,
        ),
        progress=progress,
    )
    refresh(folder)
    return IngestReport.from_plain(published_dates(folder)[label]["report"])


def _find_orthos(source: SourceConfig, *, base: Path, progress: Progress | None) -> list[OrthoFile]:
    if not source.ortho:
        raise ConfigurationError("no orthophotos were named; give files or folders with --ortho")
    paths = find_files(source.ortho, base=base, suffixes=ORTHO_SUFFIXES, option="--ortho")
    return inspect_orthos(paths, source=source, progress=progress)
