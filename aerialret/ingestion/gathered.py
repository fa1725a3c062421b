"""The inputs of one date, ready to be read: a source goes in, local files that exist come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Day  # noqa: N812 (a date's label has that name everywhere)
from pathlib import Path

from aerialret.config.sources import GridConfig, ServicesConfig, SourceConfig
from aerialret.errors import ConfigurationError
from aerialret.ingestion.imagery.ortho_delivery import delivery_warnings, without_duplicates
from aerialret.ingestion.imagery.ortho_files import OrthoFile
from aerialret.ingestion.imagery.ortho_folders import find_orthos
from aerialret.ingestion.imagery.orthophoto import inspect_orthos
from aerialret.ingestion.ingest_report import Progress
from aerialret.services.fetch import fetch_sources, fetches_nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What a date is made from.

    Attributes:
        source: Paths and settings; services have given way to files.
        orthos: The orthophotos, the uppermost first.
        intervals: First and last day of the files whose source tells them.
        missing: Parts of services that could not be had.
        notes: What deserves a look.
    """

    source: SourceConfig
    orthos: tuple[OrthoFile, ...]
    intervals: Mapping[Path, tuple[Day, Day]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def gather(
    source: SourceConfig,
    *,
    date: str,
    grid: GridConfig,
    services: ServicesConfig,
    base: Path,
    progress: Progress | None,
) -> Gathered:
    """The inputs of a date: what services hold is fetched, folders are searched, headers read.

    Args:
        source: Paths, services and settings.
        date: The date's label.
        grid: The grid that is asked for; its CRS is that of orthophotos that carry none.
        services: How services are asked.
        base: The folder that relative paths refer to.
        progress: Called with a stage's name, what is done, and how much there is.

    Raises:
        ConfigurationError: No orthophotos are named, or an entry cannot be used.
        MissingInputError: A path names nothing.
        UnreadableInputError: A file cannot be decoded.
        MissingCrsError: An orthophoto has no CRS, and none is given.
        ServiceError: A service does not answer, or has no imagery in the area.
    """
    if source.area and fetches_nothing(source):
        raise ConfigurationError(
            f"area {source.area} says what to take of web services, but there is none among the "
            "sources; leave it out, or name only the files that are wanted"
        )
    if not source.ortho:
        raise ConfigurationError("no orthophotos were named; give files or folders with --ortho")
    fetched = fetch_sources(
        source, services=services, grid_crs=grid.crs, area_base=base, date=date, progress=progress
    )
    local = replace(fetched.source, ortho_crs=fetched.source.ortho_crs or grid.crs)
    found = find_orthos(local.ortho, base=base)
    inspected = inspect_orthos(found.paths, source=local, progress=progress)
    orthos, doubled = without_duplicates(inspected)
    doubts = delivery_warnings(orthos, date=date)
    return Gathered(
        source=replace(local, ortho_crs=source.ortho_crs),
        orthos=orthos,
        intervals=fetched.intervals,
        missing=fetched.missing,
        notes=(*fetched.notes, *found.warnings, *doubled, *doubts),
    )
