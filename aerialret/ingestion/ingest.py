"""The ingest step: orthophotos and vector layers of one date go in, tiles in a tile set come out.

A failed ingest leaves the tile set as it was. A killed one goes on where it stopped when the same
command is given again, and ends with the same bytes.
"""

from pathlib import Path

from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.errors import WouldOverwriteError
from aerialret.ingestion.date_drift import drift_of
from aerialret.ingestion.gathered import gather
from aerialret.ingestion.grid_choice import check_grid, new_grid
from aerialret.ingestion.ingest_date import DateJob, build_date
from aerialret.ingestion.ingest_report import IngestReport, Progress
from aerialret.ingestion.ingest_request import request_of, source_members
from aerialret.ingestion.source_hashes import SourceHashes
from aerialret.ingestion.tileset_publish import (
    existing_grid,
    published_dates,
    refresh,
    restore_retired,
)
from aerialret.ingestion.workers import worker_count
from aerialret.tiles.dates import parse_interval
from aerialret.tiles.tileset import date_folder

__all__ = ["IngestReport", "ingest"]


def ingest(
    folder: Path,
    *,
    date: str,
    source: SourceConfig,
    grid: GridConfig,
    services: ServicesConfig | None = None,
    base: Path = Path(),
    replace: bool = False,
    workers: int = 0,
    progress: Progress | None = None,
) -> IngestReport:
    """Adds one date to the tile set in `folder`, or makes a tile set of it.

    Args:
        folder: The tile set.
        date: The date's label, as 2004, 2004-07-31 or 1950..1965.
        source: Orthophotos, vector layers and how they are read.
        grid: The grid of a new tile set; an existing one keeps its own.
        services: How web services are asked.
        base: The folder that relative paths in `source` refer to.
        replace: Whether a date that is there already may be replaced. Only the blocks of tiles
            whose files, areas or settings are others are made anew.
        workers: Blocks made at a time; 0: as many as there are cores.
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
        ServiceError: A web service does not answer, or has no imagery in the area.
    """
    label = "".join(date.split())
    parse_interval(label)
    own_grid = existing_grid(folder)
    if own_grid:
        check_grid(own_grid, grid, tileset=str(folder))
    gathered = gather(
        source,
        date=label,
        grid=grid,
        services=services or ServicesConfig(),
        base=base,
        progress=progress,
    )
    used_grid = own_grid or new_grid(grid, gathered.orthos)
    workers = worker_count(workers)
    hashes = SourceHashes(folder)
    members = source_members(gathered, base=base)
    hashes.learn(members, workers=workers, progress=progress)
    hashes.keep()  # a run that is killed need not read the files once more
    request = request_of(gathered, base=base, grid=used_grid, hashes=hashes)
    restore_retired(folder)
    published = published_dates(folder).get(label)
    gaps = published["report"].get("missing", []) if published else []
    if published and published["request"] == request.fingerprint and gaps == [*gathered.missing]:
        refresh(folder)
        return IngestReport.from_plain(published["report"]).with_warnings(drift_of(folder, label))
    if published and not replace and not gaps:
        raise WouldOverwriteError(
            f"tile set {folder} has date {label} already, made from other files or settings; "
            "give --replace to make what they change anew, or another --date"
        )
    made = build_date(
        DateJob(
            target=date_folder(folder, label),
            gathered=gathered,
            base=base,
            request=request,
            grid=used_grid,
            workers=workers,
        ),
        progress=progress,
    )
    refresh(folder)
    return made.with_warnings(drift_of(folder, label))
