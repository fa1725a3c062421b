"""A web service looked at: an entry goes in, what the service says of itself comes out.

Only its capabilities are asked for; no imagery and no feature is fetched.
"""

from collections.abc import Sequence
from typing import Any

from aerialret.checking.report import ServiceFacts, Suggestion
from aerialret.checking.suggestion import UNKNOWN_DATE
from aerialret.config.sources import ServicesConfig
from aerialret.errors import AerialretError
from aerialret.services import wfs_capabilities, wms_capabilities
from aerialret.services.client import ServiceClient
from aerialret.services.entries import ServiceEntry, parse_entry


def check_service(entry: str, *, config: ServicesConfig) -> ServiceFacts:
    """What the service at `entry` says of itself; a refusal or a failure is part of the facts."""
    try:
        parsed = parse_entry(entry)
    except AerialretError as error:
        return ServiceFacts(entry=entry, problem=str(error))
    facts: dict[str, Any] = {"address": parsed.url, **dict(parsed.options)}
    problem = ""
    try:
        with ServiceClient(config) as client:
            facts |= _offer(parsed, client)
    except AerialretError as error:
        problem = str(error)
    return ServiceFacts(
        entry=entry,
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
    if entry.kind == "wms":
        return _wms(entry, client)
    if entry.kind == "wfs":
        return _wfs(entry, client)
    return {"asked": f"no: a {entry.kind.upper()} is only asked when it is ingested"}


def _wms(entry: ServiceEntry, client: ServiceClient) -> dict[str, Any]:
    offer = wms_capabilities.read_offer(entry, client=client)
    return {
        "version": offer.version,
        "layers": list(offer.layers),
        "CRS": list(offer.coordinate_systems),
        "format": offer.image_format,
        "limit": f"{offer.max_width_px} x {offer.max_height_px} px" if offer.max_width_px else "",
    }


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
