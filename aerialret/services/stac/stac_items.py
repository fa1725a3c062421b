"""Items of a STAC API or a static catalogue: an address, an area and days go in, items come out."""

import fnmatch
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pystac
import shapely
from pystac.errors import STACError, STACTypeError
from pystac_client import ItemSearch
from shapely.geometry.base import BaseGeometry

from aerialret.errors import ServiceError
from aerialret.services.entries import ServiceEntry
from aerialret.services.http.answers import FailedRequest, Request
from aerialret.services.http.client import ServiceClient
from aerialret.services.stac.stac_io import ClientStacIO, json_refusal
from aerialret.services.stac.stac_select import days_of, shows
from aerialret.tiles.dates import DateInterval

PAGE = 100
"""How many items a page of an API's answer holds."""


@dataclass(slots=True, kw_only=True)
class FoundItems:
    """What a catalogue has.

    Attributes:
        items: By collection and name.
        missing: A line for each gap.
        other_years: Years of items that show the area, but on other days.
    """

    items: dict[tuple[str, str], pystac.Item] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    other_years: set[int] = field(default_factory=set)

    def consider(self, item: pystac.Item, *, area: BaseGeometry, days: DateInterval) -> None:
        """Takes `item` if it shows `area` and was flown on one of `days`, or does not say when."""
        if not shows(item, area):
            return
        flown = days_of(item)
        if flown is None or flown.overlaps(days):
            self.items.setdefault((item.collection_id or "", item.id), item)
        else:
            self.other_years |= {flown.first.year, flown.last.year}


def find_items(
    entry: ServiceEntry, *, client: ServiceClient, area: BaseGeometry, days: DateInterval
) -> FoundItems:
    """The items of the collections that `entry` names.

    Args:
        entry: A STAC API, or the catalogue or collection at the root of a static one.
        client: Asks, and keeps answers.
        area: What they must show, in EPSG:4326.
        days: When they must have been flown.

    Raises:
        ServiceError: There is no answer, or it is no STAC.
    """
    reader = ClientStacIO(client)
    try:
        root = reader.read_json(with_params(entry))
        search = search_link(root, entry.url)
        if search:
            return _search(search, entry, reader=reader, area=area, days=days)
        catalog = pystac.read_file(with_params(entry), stac_io=reader)
        if not isinstance(catalog, pystac.Catalog):
            raise STACTypeError(root, pystac.Catalog)
        return _walk(catalog, entry, client=client, reader=reader, area=area, days=days)
    except (STACError, STACTypeError, OSError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            f"{entry.url} is no STAC catalogue that can be read ({error}); give the address of an "
            "API, a catalog.json or a collection.json"
        ) from error


def _search(
    url: str,
    entry: ServiceEntry,
    *,
    reader: ClientStacIO,
    area: BaseGeometry,
    days: DateInterval,
) -> FoundItems:
    found, seen, matched = FoundItems(), set[tuple[str, str]](), 0
    search = ItemSearch(
        url,
        method="GET",
        stac_io=reader,
        limit=PAGE,
        collections=list(entry.names("collections")),
        bbox=[round(corner, 7) for corner in area.bounds],
        datetime=f"{days.first}T00:00:00Z/{days.last}T23:59:59Z",
    )
    for page in search.pages_as_dicts():
        matched = max(matched, _matched(page))
        items = [pystac.Item.from_dict(item, preserve_dict=False) for item in page["features"]]
        new = {(item.collection_id or "", item.id) for item in items} - seen
        if not new:
            break  # a service that gives its last page for ever
        seen |= new
        for item in items:
            found.consider(item, area=area, days=days)
    if len(seen) < matched:
        found.missing.append(f"{entry.url}: {len(seen)} of {matched} items came")
    return found


def _walk(
    catalog: pystac.Catalog,
    entry: ServiceEntry,
    *,
    client: ServiceClient,
    reader: ClientStacIO,
    area: BaseGeometry,
    days: DateInterval,
) -> FoundItems:
    found, names = FoundItems(), entry.names("collections")
    links = [link for part in _catalogs(catalog, area=area, names=names) for link in part]
    for href, text in _documents(links, client=client, reader=reader):
        if isinstance(text, FailedRequest):
            found.missing.append(f"item {href}: {text.reason}")
            continue
        item = pystac.Item.from_dict(json.loads(text), href=href, preserve_dict=False)
        if item.collection_id is None or is_named(item.collection_id, names):
            found.consider(item, area=area, days=days)
    return found


def _catalogs(
    catalog: pystac.Catalog, *, area: BaseGeometry, names: Sequence[str]
) -> Iterator[list[str]]:
    """The links to items, of each catalogue that can hold what is asked for."""
    if isinstance(catalog, pystac.Collection) and not (
        is_named(catalog.id, names) and _may_show(catalog, area)
    ):
        return
    yield [str(link.absolute_href) for link in catalog.get_item_links()]
    for child in catalog.get_children():
        yield from _catalogs(child, area=area, names=names)


def _documents(
    links: Sequence[str], *, client: ServiceClient, reader: ClientStacIO
) -> Iterator[tuple[str, str | FailedRequest]]:
    if not all(is_web(link) for link in links):
        yield from ((link, reader.read_text(link)) for link in links)
        return
    requests = [Request(url=link, accept=json_refusal) for link in links]
    for link, answer in zip(links, client.get_all(requests, stage="reading items"), strict=True):
        if isinstance(answer, FailedRequest):
            yield link, answer
        else:
            yield link, answer.path.read_text("utf-8")


def is_web(href: str) -> bool:
    """Whether a link leads to the web, rather than to a file of this machine."""
    return urlsplit(href).scheme in ("http", "https")


def _may_show(collection: pystac.Collection, area: BaseGeometry) -> bool:
    boxes = [box for box in collection.extent.spatial.bboxes if len(box) in (4, 6)]
    squares = [
        shapely.box(box[0], box[1], box[len(box) // 2], box[len(box) // 2 + 1]) for box in boxes
    ]
    return not squares or any(square.intersects(area) for square in squares)


def is_named(collection: str, names: Sequence[str]) -> bool:
    """Whether a collection is one of those that are asked for, by names or patterns."""
    return any(fnmatch.fnmatchcase(collection, name) for name in names)


def with_params(entry: ServiceEntry) -> str:
    """The address of the catalogue with the parameters that are passed on."""
    return Request(url=entry.url, params=entry.params).full_url if is_web(entry.url) else entry.url


def search_link(root: dict[str, object], url: str) -> str:
    """Where an API is searched; empty for a static catalogue."""
    links = root.get("links")
    for link in links if isinstance(links, list) else ():
        if link.get("rel") == "search" and is_web(str(link.get("href"))):
            return str(link["href"])
    conforms = root.get("conformsTo")
    searchable = (
        any("item-search" in str(uri) for uri in conforms or ())
        if isinstance(conforms, list)
        else False
    )
    return f"{url.rstrip('/')}/search" if searchable else ""


def _matched(page: dict[str, object]) -> int:
    context = page.get("context")
    stated = context.get("matched") if isinstance(context, dict) else page.get("numberMatched")
    return stated if isinstance(stated, int) else 0
