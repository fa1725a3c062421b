"""What a WMS offers: its capabilities go in, layers, CRSs, formats and limits that fit come out."""

import difflib
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry
from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.client import ServiceClient
from aerialret.services.http.service_messages import exception_in, words_of

_LOSSLESS_FIRST = ("image/geotiff", "image/tiff", "image/png", "image/webp", "image/jpeg")
_ROOTS = ("WMS_Capabilities", "WMT_MS_Capabilities")


@dataclass(frozen=True, slots=True, kw_only=True)
class WmsOffer:
    """How one entry's layers can be asked for.

    Attributes:
        version: The version that is spoken.
        image_format: The format to ask for.
        max_width_px: Widest image that is given; 0: the service names no limit.
        max_height_px: Highest image that is given; 0: the service names no limit.
        layers: The layers, as the service writes them.
        coordinate_systems: Names of the CRSs in which all layers come.
        dates: What the first layer says of its dates (dimension TIME).
    """

    version: str
    image_format: str
    max_width_px: int
    max_height_px: int
    layers: tuple[str, ...]
    coordinate_systems: tuple[str, ...]
    dates: tuple[str, ...] = ()

    def check_crs(self, crs: str, *, asked: str) -> None:
        """Checks that the layers come in `crs`.

        Raises:
            ConfigurationError: They do not; the message names those in which they do.
        """
        if self.coordinate_systems and crs.upper() not in self.coordinate_systems:
            raise ConfigurationError(
                f"{asked} is not served in {crs}; "
                f"{_offered(crs, self.coordinate_systems)}: choose with crs=NAME in the entry"
            )


def read_offer(entry: ServiceEntry, *, client: ServiceClient) -> WmsOffer:
    """What the service says of the entry's layers.

    An answer in the cache that lacks what is asked for is asked anew: services grow.

    Raises:
        ServiceError: The service gives no capabilities.
        ConfigurationError: It has no such layer or format; the message names the nearest.
    """
    answer = _capabilities(entry, client, refresh=False)
    try:
        return _offer(entry, answer)
    except ConfigurationError:
        if not answer.from_cache:
            raise
    return _offer(entry, _capabilities(entry, client, refresh=True))


def unknown_name(what: str, name: str, known: Iterable[str], *, asked: str) -> ConfigurationError:
    """The error for a name that a service does not have."""
    return ConfigurationError(f"{asked} has no {what} {name!r}; {_offered(name, list(known))}")


def _capabilities(entry: ServiceEntry, client: ServiceClient, *, refresh: bool) -> CachedAnswer:
    params = {
        **entry.params, "SERVICE": "WMS", "REQUEST": "GetCapabilities", "VERSION": "1.3.0"
    }  # fmt: skip
    return client.get(entry.url, params, accept=_is_capabilities, refresh=refresh)


def _is_capabilities(answer: CachedAnswer) -> str:
    try:
        root = ElementTree.parse(answer.path).getroot()
    except ElementTree.ParseError as error:
        words = words_of(answer.path)
        return f"the capabilities are no whole XML ({error})" + (f": {words}" if words else "")
    if root.tag.rpartition("}")[2] in _ROOTS:
        return ""
    return f"there are no WMS capabilities: {exception_in(answer.path) or root.tag}"


def _offer(entry: ServiceEntry, answer: CachedAnswer) -> WmsOffer:
    content = answer.path.read_bytes()
    root = ElementTree.fromstring(content)
    version = "1.1.1" if root.get("version", "1.3.0") < "1.3" else "1.3.0"
    service = _parsed(entry, version, content)
    layers = [_layer(entry, service, name) for name in entry.names("layers")]
    offered = [{str(name).upper() for name in layer.crsOptions or ()} for layer in layers]
    return WmsOffer(
        version=version,
        image_format=_format(entry, service.getOperationByName("GetMap").formatOptions),
        max_width_px=_limit(root, "MaxWidth"),
        max_height_px=_limit(root, "MaxHeight"),
        layers=tuple(layer.name for layer in layers),
        coordinate_systems=tuple(sorted(set.intersection(*offered))),
        dates=tuple(text.strip() for text in layers[0].timepositions or ()),
    )


def _parsed(entry: ServiceEntry, version: str, content: bytes) -> Any:
    from owslib.wms import WebMapService

    try:
        with warnings.catch_warnings(action="ignore"):  # owslib's own, about odd metadata
            return WebMapService(entry.url, version=version, xml=content)
    except Exception as error:  # owslib raises what its parsers raise
        raise ServiceError(
            f"{entry.url} gives WMS capabilities that cannot be understood: {error}"
        ) from error


def _layer(entry: ServiceEntry, service: Any, name: str) -> Any:
    named = {str(key).lower(): key for key in service.contents}
    if name.lower() not in named:
        raise unknown_name("layer", name, service.contents, asked=entry.url)
    return service.contents[named[name.lower()]]


def _format(entry: ServiceEntry, offered: Sequence[str]) -> str:
    wanted = entry.option("format")
    if not wanted:
        return next((name for name in _LOSSLESS_FIRST if name in offered), "image/png")
    if offered and wanted not in offered:
        images = [name for name in offered if name.startswith("image/")]
        raise unknown_name("format", wanted, images, asked=entry.url)
    return wanted


def _limit(root: ElementTree.Element, name: str) -> int:
    text = root.findtext(f"{{*}}Service/{{*}}{name}", "").strip()
    return int(text) if text.isdigit() else 0


def _offered(name: str, known: Sequence[str]) -> str:
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.4)
    if close:
        return f"the nearest are {', '.join(lower[one] for one in close)}"
    few = ", ".join(sorted(known)[:6])
    return f"it has {few}{' and others' if len(known) > 6 else ''}" if known else "it names none"
