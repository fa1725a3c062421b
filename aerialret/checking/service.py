"""A web service looked at: an entry goes in, what the service says of itself comes out.

Only what it says of itself is asked for; no imagery, no item and no feature is fetched.
"""

from collections.abc import Sequence
from typing import Any

from aerialret.checking.report import ServiceFacts, Suggestion
from aerialret.checking.suggestion import UNKNOWN_DATE
from aerialret.config.sources import ServicesConfig
from aerialret.errors import AerialretError
from aerialret.services.entries import ServiceEntry, parse_entry
from aerialret.services.features import wfs_capabilities
from aerialret.services.http.client import ServiceClient
from aerialret.services.http.secrets import masked
from aerialret.services.maps import wms_capabilities, wmts_capabilities
from aerialret.services.maps.projections import named_crs
from aerialret.services.maps.tile_matrix import STANDARD_PIXEL_M
from aerialret.services.stac.stac_collections import read_collections


def check_service(entry: str, *, config: ServicesConfig) -> ServiceFacts:
    """What the service at `entry` says of itself; a refusal or a failure is part of the facts."""
    try:
        parsed = parse_entry(entry)
    except AerialretError as error:
        return ServiceFacts(entry=masked(entry), problem=str(error))
    facts: dict[str, Any] = {"address": parsed.url, **dict(parsed.options)}
    problem = ""
    try:
        with ServiceClient(config) as client:
            facts |= _offer(parsed, client)
    except AerialretError as error:
        problem = str(error)
    return ServiceFacts(
        entry=masked(entry),
        title=parsed.title,
        kind=parsed.kind.upper(),
        facts={**facts, **({"licence": parsed.licence} if parsed.licence else {})},
        problem=problem,
        imagery=parsed.kind != "wfs",
    )


def service_suggestion(services: Sequence[ServiceFacts]) -> Suggestion:
    """A command that takes what several services give."""
    imagery = tuple(service.entry for service in services if service.imagery)
    vectors = tuple(service.entry for service in services if not service.imagery)
    values = {"ortho": imagery, **({"vectors": vectors} if vectors else {})}
    return Suggestion(
        date=UNKNOWN_DATE,
        source=values,
        grid={},
        conditions=(f"write the imagery's year for {UNKNOWN_DATE}, and say which area to take",),
    )


def _offer(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    client.log_in(entry.url, entry.credentials)
    if entry.kind == "wms":
        return _wms(entry, client)
    if entry.kind == "wmts":
        return _wmts(entry, client)
    return _wfs(entry, client) if entry.kind == "wfs" else _stac(entry, client)


def _wms(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    offer = wms_capabilities.read_offer(entry, client=client)
    return {
        "version": offer.version,
        "layers": list(offer.layers),
        "CRS": list(offer.coordinate_systems),
        "format": offer.image_format,
        "limit": f"{offer.max_width_px} x {offer.max_height_px} px" if offer.max_width_px else "",
        "dates": list(offer.dates),
    }


def _wmts(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    offer = wmts_capabilities.read_offer(entry, client=client)
    sets = [offer.matrix_sets[name] for name in sorted(offer.links)]
    systems = {one.identifier: named_crs(one.crs, asked=entry.text) for one in sets}
    return {
        "layers": [offer.layer],
        "CRS": [":".join(crs.to_authority() or (crs.name,)) for crs in systems.values()],
        "matrix sets": [_matrix_set(one) for one in sets],
        "format": offer.image_format,
        "dates": list(offer.dates),
    }


def _matrix_set(one: Any) -> str:
    """A matrix set with the sizes of its pixels, as scale denominators define them."""
    sizes = [level.scaledenominator * STANDARD_PIXEL_M for level in one.tilematrix.values()]
    if not sizes:
        return str(one.identifier)
    return f"{one.identifier} (pixels of {min(sizes):.3g} to {max(sizes):.3g} m)"


def _wfs(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    offer = wfs_capabilities.read_offer(entry, client=client)
    names = [offer.type_named(name, origin=entry.text) for name in entry.names("typenames")]
    codes = [f"EPSG:{code}" for name in names for code in offer.types[name]]
    return {
        "version": wfs_capabilities.VERSION,
        "layers": names,
        "CRS": list(dict.fromkeys(codes)),
        "format": offer.json_format or "GML",
        "limit": f"{offer.page_size} features in an answer"
        + ("" if offer.pages else ", and it gives no further pages"),
    }


def _stac(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    collections = read_collections(entry, client=client)
    return {
        "collections": [one.name for one in collections],
        "dates": [f"{one.first_day or '?'} to {one.last_day or 'today'}" for one in collections],
        "all assets": list(dict.fromkeys(key for one in collections for key in one.assets)),
        "licence": ", ".join(dict.fromkeys(one.licence for one in collections)),
    }
