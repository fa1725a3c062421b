"""Vector layers of a WFS 2.0.0: an entry and an area go in, GeoParquet files of its types come out.

A service that cuts its answers short says so nowhere. Here every answer is held against what the
service counts (numberMatched), and what does not come is told.
"""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

from shapely.geometry.base import BaseGeometry

from aerialret.errors import ConfigurationError
from aerialret.services.entries import ServiceEntry, with_options
from aerialret.services.features.feature_store import feature_store
from aerialret.services.features.wfs_area import AreaReport, fetch_area, judge, touches
from aerialret.services.features.wfs_capabilities import VERSION, WfsOffer, read_offer
from aerialret.services.features.wfs_query import WfsQuery
from aerialret.services.features.wfs_schema import FeatureSchema, read_schema, schema_refusal
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.lattice_cells import cells_around
from aerialret.services.maps.projections import moved, named_crs
from aerialret.tiles.grid import Bounds


def fetch_wfs(
    entry: ServiceEntry, *, client: ServiceClient, area: BaseGeometry, crs: str
) -> FetchedFiles:
    """The features in `area` of each type that `entry` names, a GeoParquet file for each type.

    Files are called by the types, as `batiment.parquet`, and hold whole features.

    Args:
        entry: The service, its type names and options.
        client: Asks, and keeps answers.
        area: Where; features that do not touch it are left out.
        crs: The coordinate system of `area`; also that of the answer, where the service has it.

    Raises:
        ConfigurationError: The service has no such type, or the entry asks for another version.
        ServiceError: The service does not say what it offers.
    """
    if entry.option("version", VERSION) != VERSION:
        raise ConfigurationError(
            f"{entry.text} asks for WFS {entry.option('version')}, but only {VERSION} tells how "
            "many features there are; leave version out"
        )
    offer = read_offer(entry, client=client)
    names = [offer.type_named(name, origin=entry.url) for name in entry.names("typenames")]
    parts = [_fetch_type(name, entry, offer, client=client, area=area, crs=crs) for name in names]
    known = _coverage(entry, offer, client=client, area=area, crs=crs)
    return FetchedFiles(
        paths=tuple(path for part in parts for path in part.paths),
        missing=tuple(line for part in (*parts, known) for line in part.missing),
        notes=tuple(line for part in (*parts, known) for line in part.notes),
        lacking=tuple(ground for part in (*parts, known) for ground in part.lacking),
        within=known.within,
    )


def _coverage(
    entry: ServiceEntry, offer: WfsOffer, *, client: ServiceClient, area: BaseGeometry, crs: str
) -> FetchedFiles:
    """The polygons of the type that the entry names as `coverage`, if the service has it."""
    wanted = entry.option("coverage")
    if not wanted:
        return FetchedFiles()
    try:
        name = offer.type_named(wanted, origin=entry.url)
    except ConfigurationError:
        return FetchedFiles(
            notes=(f"{entry.url} has no {wanted}: the area counts as known to its borders",)
        )
    came = _fetch_type(name, entry, offer, client=client, area=area, crs=crs)
    if not came.paths:
        return replace(came, lacking=(area,))
    return replace(came, paths=(), within=came.paths[0])


def _fetch_type(
    name: str,
    entry: ServiceEntry,
    offer: WfsOffer,
    *,
    client: ServiceClient,
    area: BaseGeometry,
    crs: str,
) -> FetchedFiles:
    query = _query(name, entry, offer, client=client, crs=crs)
    asked = moved(area, named_crs(crs, asked="area"), named_crs(query.crs, asked=entry.text))
    path = _path(query, entry, asked, folder=client.cache_folder)
    told = AreaReport(crs=query.crs)
    if not query.can_page:
        told.notes.append(
            f"{name}: the service puts features in no order, so that pages may overlap; the area "
            f"was asked for in parts of at most {query.page_size} features"
        )
    with feature_store(path.with_suffix(".partial.sqlite")) as store:
        roots = [cell for cell in cells_around(Bounds(*asked.bounds)) if touches(cell, asked)]
        fetch_area(query, roots, area=asked, client=client, store=store, told=told)
        judge(name, store, told, area=asked)
        if len(store):
            store.write(path, crs=told.crs, fields=list(query.schema.fields))
        else:
            path.unlink(missing_ok=True)
        found = len(store)
    systems = (named_crs(query.crs, asked=entry.text), named_crs(crs, asked="area"))
    return FetchedFiles(
        paths=(path,) if found else (),
        missing=tuple(told.missing),
        notes=tuple(told.notes),
        lacking=tuple(moved(ground, *systems) for ground in told.lacking),
    )


def _query(
    name: str, entry: ServiceEntry, offer: WfsOffer, *, client: ServiceClient, crs: str
) -> WfsQuery:
    count = int(entry.number("count")) or offer.page_size
    return WfsQuery(
        url=entry.url,
        params=entry.params,
        type_name=name,
        epsg=_epsg(entry, offer.types[name], crs=crs),
        json_format="" if _names_format(entry) else offer.json_format,
        schema=_schema(name, entry, client=client),
        page_size=min(count, offer.page_size),
        pages=offer.pages,
        sorts=offer.sorts or bool(entry.option("sortby")),
    )


def _names_format(entry: ServiceEntry) -> bool:
    """Whether the entry says in which format to answer."""
    return any(name.lower() == "outputformat" for name in entry.params)


def _schema(name: str, entry: ServiceEntry, *, client: ServiceClient) -> FeatureSchema:
    asked = {
        "service": "WFS",
        "version": VERSION,
        "request": "DescribeFeatureType",
        "typeNames": name,
    }
    passed_on = {key: value for key, value in entry.params.items() if key.lower() != "outputformat"}
    answer = client.get(entry.url, {**passed_on, **asked}, accept=schema_refusal, suffix=".xsd")
    return read_schema(answer.path, identity=entry.option("id"), sort_by=entry.option("sortby"))


def _epsg(entry: ServiceEntry, served: tuple[int, ...], *, crs: str) -> int:
    """The CRS to ask for: the entry's, else the area's where it is served, else the type's own."""
    given = named_crs(entry.option("crs") or crs, asked=entry.text).to_epsg()
    if given is not None and (entry.option("crs") or given in served or not served):
        return int(given)
    if not served:
        raise ConfigurationError(
            f"{entry.url} does not say in which CRS it answers; add crs=EPSG:NUMBER to the entry"
        )
    return served[0]


def _path(query: WfsQuery, entry: ServiceEntry, area: BaseGeometry, *, folder: Path) -> Path:
    """The file of a type's features: by its name, in a folder of this question's own."""
    question = json.dumps([with_options(entry), query.type_name, query.crs, area.wkt])
    name = query.type_name.rpartition(":")[2]
    key = hashlib.sha256(question.encode()).hexdigest()[:16]
    return folder / "wfs" / key / f"{name}.parquet"
