"""What an ingest would take, before anything is written: a source goes in, numbers come out."""

from collections.abc import Sequence
from pathlib import Path

from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.errors import ConfigurationError
from aerialret.ingestion.estimate import Estimate, estimate
from aerialret.ingestion.gathered import gather
from aerialret.ingestion.grid_choice import check_grid, new_grid
from aerialret.ingestion.ingest_report import Progress
from aerialret.ingestion.tileset_publish import existing_grid
from aerialret.ingestion.workers import worker_count
from aerialret.services.entries import is_service
from aerialret.services.http.secrets import masked
from aerialret.tiles.dates import parse_interval


def foresee(
    folder: Path,
    *,
    date: str,
    source: SourceConfig,
    grid: GridConfig,
    services: ServicesConfig | None = None,
    base: Path = Path(),
    workers: int = 0,
    progress: Progress | None = None,
) -> Estimate:
    """What `aerialret.ingestion.ingest.ingest` with the same arguments would take.

    Raises:
        ConfigurationError: An argument is not legal, or the imagery is that of a service, whose
            pixels would have to be fetched first.
        AerialretError: An input cannot be used.
    """
    label = "".join(date.split())
    parse_interval(label)
    own_grid = existing_grid(folder)
    if own_grid:
        check_grid(own_grid, grid, tileset=str(folder))
    _require_files(source.ortho)
    gathered = gather(
        source, date=label, grid=grid, services=services or ServicesConfig(), base=base,
        progress=progress,
    )  # fmt: skip
    return estimate(
        gathered.orthos,
        grid=own_grid or new_grid(grid, gathered.orthos),
        workers=worker_count(workers),
    )


def _require_files(orthos: Sequence[str]) -> None:
    remote = [entry for entry in orthos if is_service(entry)]
    if remote:
        raise ConfigurationError(
            f"--dry-run decodes a sample of the imagery, but {masked(remote[0])} is a web service "
            "and nothing of it is here yet; 'aerialret check' tells what it offers"
        )
