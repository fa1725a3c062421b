"""What a WFS offers: its address goes in; types, formats, CRSs and its limit come out."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry
from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.client import ServiceClient
from aerialret.services.http.service_messages import exception_in

VERSION = "2.0.0"

MOST_IN_A_PAGE = 5000
"""The Géoplateforme's silent limit; also what a page may weigh in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WfsOffer:
    """What a service says of itself.

    Attributes:
        types: The EPSG codes that each feature type is served in, its own first, by type name.
        json_format: What it calls GeoJSON; empty where it has GML only.
        page_size: The most features that it gives in one answer.
        pages: Whether it gives the rest of an answer on request (startIndex).
        sorts: Whether it sorts (sortBy); True unless it says no.
    """

    types: Mapping[str, tuple[int, ...]]
    json_format: str
    page_size: int
    pages: bool
    sorts: bool

    def type_named(self, name: str, *, origin: str) -> str:
        """The feature type called `name`, with or without prefix, in any letter case.

        Args:
            name: The name that is asked for.
            origin: The entry that asks, for the message.

        Raises:
            ConfigurationError: There is none, or several fit.
        """
        key = name.casefold()
        fitting = [known for known in self.types if known.casefold() == key] or [
            known for known in self.types if known.rpartition(":")[2].casefold() == key
        ]
        if len(fitting) == 1:
            return fitting[0]
        nearest = fitting or difflib.get_close_matches(name, self.types, n=3, cutoff=0.4)
        told = f"did you mean {' or '.join(nearest)}?" if nearest else _listed(self.types)
        raise ConfigurationError(f"{origin} has {len(fitting)} types called {name!r}; {told}")


def read_offer(entry: ServiceEntry, *, client: ServiceClient) -> WfsOffer:
    """What the service of `entry` says of itself (GetCapabilities).

    Raises:
        ServiceError: It does not answer, or its answer is no WFS 2.0.0 description.
    """
    from owslib.wfs import WebFeatureService

    asked = {"service": "WFS", "version": VERSION, "request": "GetCapabilities"}
    answer = client.get(entry.url, {**entry.params, **asked}, accept=_refusal, suffix=".xml")
    try:
        service = WebFeatureService(entry.url, version=VERSION, xml=answer.path.read_bytes())
        constraints = _constraints(ElementTree.parse(answer.path).getroot())
        return _offer(service, constraints)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ServiceError(
            f"{entry.url} describes itself in a way that is no WFS {VERSION} ({error}); open "
            f"{answer.url} to see what it says"
        ) from error


def _offer(service: Any, constraints: Mapping[str, str]) -> WfsOffer:
    formats = service.getOperationByName("GetFeature").parameters.get("outputFormat", {})
    limit = constraints.get("CountDefault", "")
    return WfsOffer(
        types={name: _codes(content.crsOptions) for name, content in service.contents.items()},
        json_format=next((name for name in formats.get("values", ()) if _is_geojson(name)), ""),
        page_size=min(
            int(limit) if limit.isdigit() and int(limit) else MOST_IN_A_PAGE, MOST_IN_A_PAGE
        ),
        pages=constraints.get("ImplementsResultPaging", "TRUE").upper() != "FALSE",
        sorts=constraints.get("ImplementsSorting", "TRUE").upper() != "FALSE",
    )


def _refusal(answer: CachedAnswer) -> str:
    told = exception_in(answer.path)
    if told:
        return f"the answer is an exception: {told}"
    try:
        root = ElementTree.parse(answer.path).getroot()
    except ElementTree.ParseError as error:
        return f"the answer is no XML ({error})"
    is_wfs = root.tag.rpartition("}")[2] == "WFS_Capabilities"
    return "" if is_wfs else "the answer describes no WFS"


def _constraints(root: ElementTree.Element) -> dict[str, str]:
    """The values of all constraints by their names, those of operations and of filters alike."""
    found: dict[str, str] = {}
    for element in root.iter():
        if element.tag.rpartition("}")[2] == "Constraint":
            values = [e.text or "" for e in element.iter() if _holds_value(e)]
            found.setdefault(element.get("name", ""), values[0].strip() if values else "")
    return found


def _holds_value(element: ElementTree.Element) -> bool:
    return element.tag.rpartition("}")[2] in ("DefaultValue", "Value")


def _is_geojson(name: str) -> bool:
    return "json" in name.lower() and "jsonp" not in name.lower() and "csv" not in name.lower()


def _codes(options: Any) -> tuple[int, ...]:
    codes = [getattr(option, "code", None) for option in options or ()]
    return tuple(dict.fromkeys(code for code in codes if isinstance(code, int)))


def _listed(types: Mapping[str, object]) -> str:
    names = sorted(types)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return f"it has {', '.join(names[:12]) or 'none'}{more}"
