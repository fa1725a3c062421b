"""What a STAC says of its collections: an entry goes in; names, days and assets come out."""

from collections.abc import Iterator
from dataclasses import dataclass

import pystac
from pystac.errors import STACError, STACTypeError

from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry
from aerialret.services.http.client import ServiceClient
from aerialret.services.stac.stac_io import ClientStacIO
from aerialret.services.stac.stac_items import is_named, search_link, with_params


@dataclass(frozen=True, slots=True, kw_only=True)
class StacCollection:
    """What a collection says of itself.

    Attributes:
        name: Its identifier.
        first_day: As 2004-07-31; empty: it does not say.
        last_day: As 2004-07-31; empty: it goes on.
        assets: Keys of the assets that its items have, where it says so.
        licence: Its licence.
    """

    name: str
    first_day: str
    last_day: str
    assets: tuple[str, ...]
    licence: str


def read_collections(entry: ServiceEntry, *, client: ServiceClient) -> list[StacCollection]:
    """The collections that `entry` names; no item is read.

    Raises:
        ServiceError: There is no answer, or it is no STAC.
        ConfigurationError: There is no such collection.
    """
    reader = ClientStacIO(client)
    try:
        root = reader.read_json(with_params(entry))
        found = (
            _of_api(entry, reader=reader)
            if search_link(root, entry.url)
            else _of_catalogue(entry, reader=reader)
        )
        collections = [_described(one) for one in found]
    except (STACError, STACTypeError, OSError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(f"{entry.url} is no STAC that can be read ({error})") from error
    if not collections:
        raise ConfigurationError(f"{entry.url} has no collection {entry.option('collections')}")
    return collections


def _of_api(entry: ServiceEntry, *, reader: ClientStacIO) -> Iterator[pystac.Collection]:
    for name in entry.names("collections"):
        content = reader.read_json(f"{entry.url.rstrip('/')}/collections/{name}")
        yield pystac.Collection.from_dict(content)


def _of_catalogue(entry: ServiceEntry, *, reader: ClientStacIO) -> Iterator[pystac.Collection]:
    root = pystac.read_file(with_params(entry), stac_io=reader)
    if not isinstance(root, pystac.Catalog):
        raise STACTypeError(root.to_dict(), pystac.Catalog)
    for one in (root, *root.get_children()):
        if isinstance(one, pystac.Collection) and is_named(one.id, entry.names("collections")):
            yield one


def _described(collection: pystac.Collection) -> StacCollection:
    intervals = collection.extent.temporal.intervals
    firsts = [first for first, _ in intervals if first]
    lasts = [last for _, last in intervals]
    ends = [last for last in lasts if last]
    return StacCollection(
        name=collection.id,
        first_day=str(min(firsts).date()) if firsts else "",
        last_day=str(max(ends).date()) if ends and len(ends) == len(lasts) else "",
        assets=tuple(collection.extra_fields.get("item_assets") or ()),
        licence=collection.license,
    )
