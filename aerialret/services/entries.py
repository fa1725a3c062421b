"""One entry of a source that names a web service: its text goes in, what to ask whom comes out.

    wms+https://host/path?layers=NAME&gsd=0.5&crs=EPSG:2154&format=image/png
    wmts+https://host/path?layer=NAME&tilematrixset=PM&tilematrix=18
    wfs+https://host/path?typenames=a,b          with =CLASS behind it, one class for everything
    stac+https://host/path?collections=a&assets=image
    ign:ortho-2019                               a preset, see presets.toml

Parameters that are not ours are passed on to the service, as `map=/data/x.map`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aerialret.errors import ConfigurationError
from aerialret.services.http.secrets import Credentials, is_secret, login_in, masked
from aerialret.services.presets import find_preset, preset_providers

ServiceKind = Literal["wms", "wmts", "wfs", "stac"]

OPTIONS: Mapping[ServiceKind, tuple[str, ...]] = {
    "wms": ("layers", "styles", "gsd", "crs", "format", "chunk_px"),
    "wmts": ("layer", "style", "gsd", "tilematrixset", "tilematrix", "format"),
    "wfs": ("typenames", "crs", "version", "count", "sortby", "id", "coverage"),
    "stac": ("collections", "assets", "gsd", "sign", "requester_pays"),
}
"""The parameters that say what to take, rather than being passed on."""

_REQUIRED: Mapping[ServiceKind, str] = {
    "wms": "layers", "wmts": "layer", "wfs": "typenames", "stac": "collections",
}  # fmt: skip
_ADDRESS = re.compile(r"^(wms|wmts|wfs|stac)\+(https?://.+)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEntry:
    """A web service and what to take of it.

    Attributes:
        kind: Which protocol it speaks.
        url: Its address, without parameters and secrets.
        params: Parameters that are passed on as they are, without secrets.
        options: Parameters that are ours, by their names in lower case.
        text: The entry as it was written, without its class and with secrets masked.
        class_name: The class that all its features get; empty: by the class mapping.
        title: What it holds, in words; empty for an address.
        licence: Under which licence; empty where that is not known.
        requests_per_s: Most requests in a second; 0: as configured.
        credentials: Secrets for its host.
    """

    kind: ServiceKind
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    class_name: str = ""
    title: str = ""
    licence: str = ""
    requests_per_s: float = 0.0
    credentials: Credentials = field(default=Credentials(), repr=False)

    @property
    def label(self) -> str:
        """A short name: a preset's own, else the protocol and the host."""
        preset = not _ADDRESS.match(self.text)
        return self.text if preset else f"{self.kind.upper()} {urlsplit(self.url).netloc}"

    def option(self, name: str, default: str = "") -> str:
        """The option `name`, or `default` where the entry does not give it."""
        return self.options.get(name, default)

    def names(self, name: str) -> tuple[str, ...]:
        """The option `name` as a list: what stands between its commas."""
        return tuple(part for part in self.option(name).split(",") if part)

    def number(self, name: str) -> float:
        """The option `name` as a positive number; 0 where it is not given.

        Raises:
            ConfigurationError: It is none.
        """
        text = self.option(name, "0")
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise ConfigurationError(f"{self.text}: {name} is {text!r}, but must be a number > 0")
        return value


def is_service(entry: str) -> bool:
    """Whether an entry of a source names a web service, rather than a path."""
    prefix = entry.partition(":")[0].lower()
    return bool(_ADDRESS.match(entry)) or (":" in entry and prefix in preset_providers())


def is_rectangle(area: str) -> bool:
    """Whether an area is given as left,bottom,right,top, rather than as the path of a file."""
    return "," in area and all(character in "0123456789+-.,eE " for character in area)


def parse_entry(entry: str) -> ServiceEntry:
    """The service that `entry` names.

    Raises:
        ConfigurationError: No such preset, or the address lacks what it must say.
    """
    if _ADDRESS.match(entry):
        return _parse_address(entry)
    name, _, class_name = entry.partition("=")
    preset = find_preset(name)
    parsed = _parse_address(preset.entry)
    return ServiceEntry(
        kind=parsed.kind,
        url=parsed.url,
        params=parsed.params,
        options=parsed.options,
        text=name,
        class_name=class_name,
        title=preset.title,
        licence=preset.licence,
        requests_per_s=preset.requests_per_s,
    )


def _parse_address(entry: str) -> ServiceEntry:
    text, class_name = _split_class(entry)
    match = _ADDRESS.match(text)
    assert match is not None
    kind = cast(ServiceKind, match[1].lower())
    parts = urlsplit(match[2])
    own = {name.lower() for name in OPTIONS[kind]}
    given = parse_qsl(parts.query, keep_blank_values=True)
    options = {key.lower(): value for key, value in given if key.lower() in own}
    passed_on = [(key, value) for key, value in given if key.lower() not in own]
    if not options.get(_REQUIRED[kind]):
        raise ConfigurationError(
            f"{masked(text)} does not say what to take; add {_REQUIRED[kind]}=NAME, as in "
            f"{kind}+https://host/path?{_REQUIRED[kind]}=NAME"
        )
    return ServiceEntry(
        kind=kind,
        url=urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
        params={key: value for key, value in passed_on if not is_secret(key)},
        options=options,
        text=masked(text),
        class_name=class_name,
        credentials=Credentials(
            params=tuple((key, value) for key, value in passed_on if is_secret(key)),
            login=login_in(match[2]),
        ),
    )


def _split_class(entry: str) -> tuple[str, str]:
    """An address and the class behind it: a second, unescaped `=` in its last parameter."""
    head, separator, last = entry.rpartition("&")
    if not separator:
        head, separator, last = entry.partition("?")
    if not entry.lower().startswith("wfs+") or last.count("=") < 2:
        return entry, ""
    parameter, _, class_name = last.rpartition("=")
    return f"{head}{separator}{parameter}", class_name


def with_options(entry: ServiceEntry) -> str:
    """The entry as an address, presets spelled out: what is really asked, for reports."""
    query = urlencode({**entry.params, **entry.options}, safe=",:/")
    return f"{entry.kind}+{entry.url}?{query}"
