"""Imagery of a STAC: an entry, an area and a date go in, rasters and the days they were flown out.

Whole files are fetched, one for each item. Not supported: buckets whose readers pay (requester
pays) and other links that need credentials of one's own; services that sign links for everybody,
as the Planetary Computer does, are asked for that with `sign=`.
"""

from collections.abc import Mapping
from datetime import date as Day  # noqa: N812 - `date` is the label that users give
from pathlib import Path

import pystac
from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError
from aerialret.services.entries import ServiceEntry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.projections import moved, named_crs
from aerialret.services.stac.stac_assets import (
    AssetLink,
    bytes_to_fetch,
    fetch_assets,
    link_to,
    size_text,
)
from aerialret.services.stac.stac_items import FoundItems, find_items, is_web
from aerialret.services.stac.stac_select import asset_of, days_of
from aerialret.tiles.dates import DateInterval, parse_interval


def fetch_stac(
    entry: ServiceEntry,
    *,
    client: ServiceClient,
    area: BaseGeometry,
    crs: str,
    date: str,
    gsd_m: float,
) -> FetchedFiles:
    """A raster of each item that shows a part of `area` and was flown at `date`; newest first.

    Args:
        entry: The STAC, its collections, and which assets to take.
        client: Asks, and keeps answers.
        area: Where.
        crs: The coordinate system of `area`.
        date: The date's label, as 2019 or 2018..2020.
        gsd_m: Ground pixel that is asked for, in metres, unless the entry says; 0: the finest.

    Raises:
        ConfigurationError: The links need credentials, or lead where nothing can be read.
        ServiceError: There is no answer, or it is no STAC.
    """
    if entry.option("requester_pays").lower() not in ("", "0", "false", "no"):
        raise ConfigurationError(f"{entry.text} asks for requester pays, {_BY_HAND}")
    degrees = moved(area, named_crs(crs, asked="area"), named_crs("EPSG:4326", asked="STAC"))
    days = parse_interval(date)
    found = find_items(entry, client=client, area=degrees, days=days)
    chosen, without = _chosen(found, entry, folder=client.cache_folder, gsd_m=gsd_m)
    intervals, missing = _fetch(chosen, entry, client=client, days=days)
    return FetchedFiles(
        paths=tuple(intervals),
        missing=(*found.missing, *missing),
        notes=(*_notes(found, entry, date=date), *without),
        intervals={path: (flown.first, flown.last) for path, flown in intervals.items()},
    )


_BY_HAND = (
    "but only links that anybody can read are; fetch the files with the provider's own tool, as "
    "'aws s3 cp --request-payer requester', and give them to --ortho"
)


def _chosen(
    found: FoundItems, entry: ServiceEntry, *, folder: Path, gsd_m: float
) -> tuple[list[tuple[pystac.Item, AssetLink]], list[str]]:
    """What to fetch of each item, newest first, and a line for each item without imagery."""
    chosen, without = [], []
    names, gsd = entry.names("assets"), entry.number("gsd") or gsd_m
    for item in sorted(found.items.values(), key=_newest_first):
        picked = asset_of(item, names=names, gsd_m=gsd)
        if picked is None:
            asked = f"called {' or '.join(names)}" if names else "that is imagery"
            held = ", ".join(item.assets) or "none"
            without.append(f"item {item.id} has no asset {asked}; it has {held}")
            continue
        chosen.append((item, link_to(item, *picked, folder=folder)))
    return chosen, without


def _fetch(
    chosen: list[tuple[pystac.Item, AssetLink]],
    entry: ServiceEntry,
    *,
    client: ServiceClient,
    days: DateInterval,
) -> tuple[Mapping[Path, DateInterval], list[str]]:
    local = {link.path: _in_place(link, entry) for _, link in chosen if not is_web(link.href)}
    remote = [link for _, link in chosen if link.path not in local]
    sign = entry.option("sign")
    size_bytes = bytes_to_fetch(remote, client=client, sign=sign)
    _check_size(size_bytes, entry, allowed=client.config.max_bytes)
    stage = f"fetching images, {size_text(size_bytes)} in all" if size_bytes else "fetching images"
    reasons = dict(
        zip(remote, fetch_assets(remote, client=client, sign=sign, stage=stage), strict=True)
    )
    intervals: dict[Path, DateInterval] = {}
    for item, link in chosen:
        if not reasons.get(link):
            intervals[local.get(link.path, link.path)] = days_of(item) or days
    return intervals, [reason for reason in reasons.values() if reason]


def _check_size(size_bytes: int, entry: ServiceEntry, *, allowed: float) -> None:
    if allowed and size_bytes > allowed:
        raise ConfigurationError(
            f"{entry.text}: {size_text(size_bytes)} would be fetched, but services.max_bytes "
            f"allows {size_text(allowed)}; give a smaller --area or larger pixels (--gsd-m), or "
            "raise the limit"
        )


def _in_place(link: AssetLink, entry: ServiceEntry) -> Path:
    """The file of a catalogue that lies on this machine."""
    path = Path(link.href)
    if is_web(entry.url) or not path.is_file():
        raise ConfigurationError(f"{link.label} lies at {link.href}, {_BY_HAND}")
    return path


def _newest_first(item: pystac.Item) -> tuple[int, int, str, str]:
    flown = days_of(item)
    last, first = (flown.last, flown.first) if flown else (Day.min, Day.min)
    return -last.toordinal(), -first.toordinal(), item.collection_id or "", item.id


def _notes(found: FoundItems, entry: ServiceEntry, *, date: str) -> list[str]:
    notes = [
        f"item {item.id} does not say when it was flown; {date} is assumed"
        for _, item in sorted(found.items.items())
        if days_of(item) is None
    ]
    if found.items:
        return notes
    others = ", ".join(str(year) for year in sorted(found.other_years))
    elsewhen = f"; those of the area are of {others}" if others else ""
    return [f"{entry.option('collections')}: 0 items in the area of {date}{elsewhen}"]
