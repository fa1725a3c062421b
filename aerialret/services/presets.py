"""Services that are known by name: `ign:ortho-2019` goes in, its address and licence come out."""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from aerialret.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A service that is known by name.

    Attributes:
        name: What a user writes.
        entry: The service and what to take of it, as an address.
        title: What it holds, in words.
        licence: Under which licence.
        requests_per_s: Most requests in a second.
    """

    name: str
    entry: str
    title: str
    licence: str
    requests_per_s: float


def find_preset(name: str) -> Preset:
    """The preset `name`.

    Raises:
        ConfigurationError: There is none of that name; the message names the nearest.
    """
    known = presets()
    found = known.get(name.lower())
    if found is None:
        raise ConfigurationError(f"there is no service {name!r}; {_alternatives(name)}")
    return found


@cache
def presets() -> Mapping[str, Preset]:
    """All presets by name, one for each year or period."""
    document = tomllib.loads(
        resources.files("aerialret.services").joinpath("presets.toml").read_text("utf-8")
    )
    return {preset.name: preset for item in document["preset"] for preset in _spelled_out(item)}


@cache
def preset_providers() -> frozenset[str]:
    """What stands before the colon in the names of presets, as `ign`."""
    return frozenset(name.partition(":")[0] for name in presets())


def _spelled_out(item: Mapping[str, Any]) -> Iterator[Preset]:
    values = [value for text in item.get("values", [""]) for value in _values(text)]
    for value in values:
        entry = item.get("only", {}).get(value, item["entry"])
        yield Preset(
            name=item["name"].format(value=value),
            entry=entry.format(value=value),
            title=item["title"].format(value=value),
            licence=item["licence"],
            requests_per_s=float(item["requests_per_s"]),
        )


def _values(text: str) -> list[str]:
    first, dots, last = text.partition("..")
    return [str(year) for year in range(int(first), int(last) + 1)] if dots else [text]


def _alternatives(name: str) -> str:
    provider = name.partition(":")[0].lower()
    own = [known for known in presets() if known.startswith(f"{provider}:")]
    nearest = difflib.get_close_matches(name.lower(), own, n=1, cutoff=0.3)
    families = sorted({_family(known) for known in own})
    return f"did you mean {nearest[0]!r}? " * bool(nearest) + f"known: {', '.join(families)}"


def _family(name: str) -> str:
    """A preset's name with the years of its family put together, as `ign:ortho-YEAR`."""
    head, dash, tail = name.partition("-")
    if not (dash and tail[:4].isdigit()):
        return name
    return f"{head}-{'YEAR..YEAR' if len(tail) > 4 else 'YEAR'}".replace("..", "-")
