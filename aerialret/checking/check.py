"""The check: paths and services go in, a report of what `ingest` would find comes out.

Headers are read, pixels only when asked for; nothing is written.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aerialret.checking.dates import by_date
from aerialret.checking.findings import findings_of
from aerialret.checking.imagery import Imagery, check_files, summarise
from aerialret.checking.inventory import take_inventory
from aerialret.checking.layers import check_layers
from aerialret.checking.parts import split_parts
from aerialret.checking.report import CheckedPath, CheckReport, Suggestion
from aerialret.checking.service import check_service, service_suggestion
from aerialret.checking.suggestion import suggest
from aerialret.checking.together import common_crs, compare
from aerialret.config.sources import ServicesConfig, SourceConfig
from aerialret.errors import MissingInputError
from aerialret.ingestion.source_files import matches
from aerialret.services.entries import is_service

Progress = Callable[[str, int, int], None]


def check(
    entries: Sequence[str],
    *,
    source: SourceConfig,
    classes: str = "",
    base: Path = Path(),
    deep: bool = False,
    services: ServicesConfig | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """What lies at `entries`, and whether and how it can be ingested.

    Args:
        entries: Files, folders, patterns and services.
        source: Settings that `ingest` would be given.
        classes: The class mapping; empty: the built-in one that names most layers.
        base: The folder that relative paths refer to.
        deep: Whether small windows of every orthophoto are decoded.
        services: How services are asked.
        progress: Called with a stage, files done, files in all.

    Raises:
        MissingInputError: An entry names nothing.
        ConfigurationError: The class mapping or a given CRS cannot be used.
    """
    tell = progress or _silent
    paths: list[CheckedPath] = []
    for entry in entries:
        if is_service(entry):
            asked = check_service(entry, config=services or ServicesConfig())
            paths.append(CheckedPath(entry=asked.entry, service=asked))
            continue
        paths += [
            _path(path, source=source, classes=classes, base=base, deep=deep, tell=tell)
            for path in _required(entry, base=base)
        ]
    imagery = [part for path in paths for part in path.imagery]
    vectors = [part for path in paths for part in path.vectors]
    dates, crs = by_date(imagery, vectors), common_crs(imagery, vectors)
    between = compare(dates, crs=crs, vector_crs=source.vector_crs)
    return CheckReport(
        paths=tuple(paths),
        findings=(*(found for path in paths for found in findings_of(path, source)), *between),
        suggestions=(*suggest(dates, source=source), *_from_services(paths)),
        crs=crs,
        deep=deep,
    )


def _required(entry: str, *, base: Path) -> list[Path]:
    found = matches(entry, base=base)
    if not found:
        raise MissingInputError(
            f"{entry}: there is no such file or folder, no file fits it as a pattern, and it is "
            "no service"
        )
    return found


def _path(
    path: Path, *, source: SourceConfig, classes: str, base: Path, deep: bool, tell: Progress
) -> CheckedPath:
    inventory = take_inventory(path)
    files = check_files(inventory.orthos, source=source, deep=deep, progress=tell)
    facts = {file.path: file for file in files}
    parts = split_parts(inventory.orthos, root=path, by_year=True)
    return CheckedPath(
        entry=str(path),
        inventory=inventory,
        imagery=_sorted(summarise(part, [facts[file] for file in part.files]) for part in parts),
        vectors=tuple(
            check_layers(part, classes=classes, base=base, progress=tell)
            for part in split_parts(inventory.vectors, root=path, by_year=False)
        ),
    )


def _sorted(imagery: Iterable[Imagery]) -> tuple[Imagery, ...]:
    return tuple(sorted(imagery, key=lambda part: (part.part.date, str(part.part.folder))))


def _from_services(paths: Sequence[CheckedPath]) -> list[Suggestion]:
    """Services are only named: which date and which area to take, the user knows."""
    answering = [path.service for path in paths if path.service and not path.service.problem]
    has_files = any(part.usable for path in paths for part in path.imagery)
    return [] if has_files or not answering else [service_suggestion(answering)]


def _silent(stage: str, done: int, total: int) -> None:
    """Says nothing."""
