"""What a WMTS offers: its capabilities go in, the layer and how its tiles are asked come out."""

import warnings
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry
from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.client import ServiceClient
from aerialret.services.http.service_messages import exception_in, words_of
from aerialret.services.maps.wms_capabilities import unknown_name

_LOSSLESS_FIRST = ("image/png", "image/webp", "image/jpeg")


@dataclass(frozen=True, slots=True, kw_only=True)
class WmtsOffer:
    """A layer of a WMTS.

    Attributes:
        layer: Its name.
        style: The style to ask for.
        image_format: The format to ask for.
        links: owslib's links from the layer to tile matrix sets, by the names of these.
        matrix_sets: owslib's tile matrix sets, by name.
        template: The address of a tile, with {TileMatrix}, {TileRow} and {TileCol} in it, where
            the service takes no parameters; else "".
        dates: What the layer says of its dates (dimension Time).
    """

    layer: str
    style: str
    image_format: str
    links: dict[str, Any]
    matrix_sets: dict[str, Any]
    template: str
    dates: tuple[str, ...] = ()

    def address(self, *, matrix_set: str, matrix: str, col: int, row: int) -> str:
        """The address of one tile, for services that take no parameters."""
        values = {
            "TileMatrixSet": matrix_set, "TileMatrix": matrix, "TileRow": row, "TileCol": col,
            "Style": self.style, "style": self.style, "Layer": self.layer,
        }  # fmt: skip
        address = self.template
        for name, value in values.items():
            address = address.replace(f"{{{name}}}", quote(str(value), safe=":"))
        return address


def read_offer(entry: ServiceEntry, *, client: ServiceClient) -> WmtsOffer:
    """What the service says of the entry's layer.

    An answer in the cache that lacks what is asked for is asked anew: services grow.

    Raises:
        ServiceError: The service gives no capabilities.
        ConfigurationError: It has no such layer, style or format; the message names the nearest.
    """
    answer = _capabilities(entry, client, refresh=False)
    try:
        return _offer(entry, answer)
    except ConfigurationError:
        if not answer.from_cache:
            raise
    return _offer(entry, _capabilities(entry, client, refresh=True))


def is_document(entry: ServiceEntry) -> bool:
    """Whether the entry's address is that of a capabilities document, which takes no parameters."""
    return entry.url.lower().endswith(".xml")


def _capabilities(entry: ServiceEntry, client: ServiceClient, *, refresh: bool) -> CachedAnswer:
    ours = {"SERVICE": "WMTS", "REQUEST": "GetCapabilities", "VERSION": "1.0.0"}
    params = {**entry.params, **({} if is_document(entry) else ours)}
    return client.get(entry.url, params, accept=_is_capabilities, refresh=refresh)


def _is_capabilities(answer: CachedAnswer) -> str:
    try:
        root = ElementTree.parse(answer.path).getroot()
    except ElementTree.ParseError as error:
        words = words_of(answer.path)
        return f"the capabilities are no whole XML ({error})" + (f": {words}" if words else "")
    if root.tag.rpartition("}")[2] == "Capabilities":
        return ""
    return f"there are no WMTS capabilities: {exception_in(answer.path) or root.tag}"


def _offer(entry: ServiceEntry, answer: CachedAnswer) -> WmtsOffer:
    service = _parsed(entry, answer.path.read_bytes())
    wanted = entry.option("layer")
    if wanted not in service.contents:
        raise unknown_name("layer", wanted, service.contents, asked=entry.url)
    layer = service.contents[wanted]
    image_format = _chosen(entry, "format", layer.formats, _preferred(layer.formats))
    default = next((name for name, style in layer.styles.items() if style["isDefault"]), "")
    style = _chosen(entry, "style", list(layer.styles), default or next(iter(layer.styles), ""))
    return WmtsOffer(
        layer=wanted,
        style=style,
        image_format=image_format,
        links=dict(layer.tilematrixsetlinks),
        matrix_sets=dict(service.tilematrixsets),
        template=_template(entry, service, layer, image_format),
        dates=tuple(
            str(value)
            for name, dimension in layer.dimensions.items()
            if name.lower() == "time"
            for value in dimension["values"]
        ),
    )


def _parsed(entry: ServiceEntry, content: bytes) -> Any:
    from owslib.wmts import WebMapTileService

    try:
        with warnings.catch_warnings(action="ignore"):  # owslib's own, about odd metadata
            return WebMapTileService(entry.url, xml=content)
    except Exception as error:  # owslib raises what its parsers raise
        raise ServiceError(
            f"{entry.url} gives WMTS capabilities that cannot be understood: {error}"
        ) from error


def _preferred(offered: list[str]) -> str:
    return next((name for name in _LOSSLESS_FIRST if name in offered), "image/png")


def _chosen(entry: ServiceEntry, option: str, offered: list[str], default: str) -> str:
    wanted = entry.option(option)
    if wanted and offered and wanted not in offered:
        raise unknown_name(option, wanted, offered, asked=entry.url)
    return wanted or default


def _template(entry: ServiceEntry, service: Any, layer: Any, image_format: str) -> str:
    takes_parameters = any(one.name == "GetTile" and one.methods for one in service.operations)
    if takes_parameters and not is_document(entry):
        return ""
    templates = [
        str(resource["template"])
        for resource in layer.resourceURLs
        if resource["resourceType"] == "tile" and resource["format"] in (image_format, None)
    ]
    if not templates and is_document(entry):
        raise ServiceError(
            f"{entry.url} gives no address for tiles of {layer.name} in {image_format}; "
            "choose another with format="
        )
    return templates[0] if templates else ""
