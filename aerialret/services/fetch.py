"""The web services of one date: a source goes in, the same source with local files comes out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Day  # noqa: N812 - `date` is the label that users give
from pathlib import Path

from aerialret.config.sources import ServicesConfig, SourceConfig
from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry, is_service, parse_entry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.service_area import ServiceArea, service_area
from aerialret.services.service_coverage import reaching_in, write_coverage

Progress = Callable[[str, int, int], None]

_KINDS: Mapping[str, tuple[str, ...]] = {
    "ortho": ("wms", "wmts", "stac"),
    "vectors": ("wfs",),
    "vector_coverage": ("wfs",),
    "date_graph": ("wfs",),
}
"""Which services can stand for which key of a source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedSource:
    """A source that needs no network any more.

    Attributes:
        source: The source; each service entry gave way to its files, in place and order.
        missing: A line for each part that should be there and is not: what, where, why.
        notes: Lines for a person: what was empty, dropped or assumed.
        intervals: First and last day on which the content of a file was flown, where known.
    """

    source: SourceConfig
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    intervals: Mapping[Path, tuple[Day, Day]] = field(default_factory=dict)


def fetch_sources(
    source: SourceConfig,
    *,
    services: ServicesConfig,
    grid_crs: str,
    area_base: Path,
    date: str,
    progress: Progress | None = None,
) -> FetchedSource:
    """Fetches what the service entries of `source` name; without any, nothing is done.

    Args:
        source: Paths and service entries.
        services: How services are asked.
        grid_crs: The CRS of the tile set; empty: that of the first entry that names one.
        area_base: The folder that a relative path in `source.area` refers to.
        date: The date's label; services that hold many dates are asked for this one.
        progress: Called with a stage's name, what is done, and how much there is.

    Raises:
        ConfigurationError: An entry cannot be used, or there is no `area`.
        ServiceError: A service does not answer, or has no imagery at all in the area.
        RequestLimitError: `services.max_requests` requests were made; what came is kept.
    """
    entries = _entries(source)
    if not entries:
        return FetchedSource(source=source)
    area = service_area(source.area, entries=entries.values(), grid_crs=grid_crs, base=area_base)
    with ServiceClient(services, progress=progress) as client:
        fetched = {
            text: _fetch(entry, client=client, area=area, date=date, gsd_m=source.gsd_m)
            for text, entry in entries.items()
        }
        local = _localised(source, entries, fetched)
        drawn = [fetched[text] for text in source.vectors if text in fetched]
        if drawn:
            given = area_base / local.vector_coverage if local.vector_coverage else None
            coverage = write_coverage(area, answers=drawn, given=given, folder=client.cache_folder)
            local = replace(local, vector_coverage=str(coverage))
    return _checked(source, local, list(fetched.values()))


def fetches_nothing(source: SourceConfig) -> bool:
    """Whether no service is among the entries of `source`."""
    return not any(is_service(text) for key in _KINDS for text in _texts(source, key))


def _entries(source: SourceConfig) -> dict[str, ServiceEntry]:
    """The services that `source` names, by what names them, each once."""
    entries = {}
    for key, kinds in _KINDS.items():
        for text in filter(is_service, _texts(source, key)):
            entry = entries[text] = parse_entry(text)
            if entry.kind not in kinds:
                raise ConfigurationError(
                    f"{entry.text} is a {entry.kind.upper()}, but {key} takes {' or '.join(kinds)} "
                    "among services"
                )
            if entry.class_name and key != "vectors":
                raise ConfigurationError(
                    f"{entry.text}: only vectors have classes; drop the last ="
                )
    return entries


def _texts(source: SourceConfig, key: str) -> tuple[str, ...]:
    value = getattr(source, key)
    return (value,) if isinstance(value, str) else tuple(value)


def _fetch(
    entry: ServiceEntry, *, client: ServiceClient, area: ServiceArea, date: str, gsd_m: float
) -> FetchedFiles:
    client.log_in(entry.url, entry.credentials)
    if entry.requests_per_s:
        client.limit(entry.url, requests_per_s=entry.requests_per_s)
    shape, crs = area.shape, area.crs
    if entry.kind == "wfs":
        from aerialret.services.features.wfs import fetch_wfs

        return fetch_wfs(entry, client=client, area=reaching_in(area), crs=crs)
    if entry.kind == "stac":
        from aerialret.services.stac.stac import fetch_stac

        return fetch_stac(entry, client=client, area=shape, crs=crs, date=date, gsd_m=gsd_m)
    if entry.kind == "wmts":
        from aerialret.services.maps.wmts import fetch_wmts

        return fetch_wmts(entry, client=client, area=shape, crs=crs, gsd_m=gsd_m)
    from aerialret.services.maps.wms import fetch_wms

    return fetch_wms(entry, client=client, area=shape, crs=crs, gsd_m=gsd_m)


def _localised(
    source: SourceConfig, entries: Mapping[str, ServiceEntry], fetched: Mapping[str, FetchedFiles]
) -> SourceConfig:
    """`source` with the files of its services in their place."""

    def files(key: str) -> Iterator[str]:
        for text in _texts(source, key):
            if text not in fetched:
                yield text
                continue
            suffix = f"={entries[text].class_name}" if entries[text].class_name else ""
            yield from (f"{path}{suffix}" for path in fetched[text].paths)

    return replace(
        source,
        ortho=tuple(files("ortho")),
        vectors=tuple(files("vectors")),
        vector_coverage=_only("vector_coverage", list(files("vector_coverage"))),
        date_graph=_only("date_graph", list(files("date_graph"))),
    )


def _only(key: str, files: list[str]) -> str:
    if len(files) > 1:
        raise ConfigurationError(
            f"{key} names a service of {len(files)} layers, but takes one; keep one in typenames="
        )
    return files[0] if files else ""


def _checked(
    source: SourceConfig, local: SourceConfig, answers: list[FetchedFiles]
) -> FetchedSource:
    missing = tuple(line for files in answers for line in files.missing)
    notes = tuple(line for files in answers for line in files.notes)
    if source.ortho and not local.ortho:
        why = next(iter((*missing, *notes)), "nothing lies there")
        raise ServiceError(
            f"no service has imagery in area {source.area}: {why}; check --area and its CRS"
        )
    intervals = {path: days for files in answers for path, days in files.intervals.items()}
    return FetchedSource(source=local, missing=missing, notes=notes, intervals=intervals)
