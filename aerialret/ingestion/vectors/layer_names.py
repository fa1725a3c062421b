"""Names of layers: what a delivery calls one goes in, what its specification calls it comes out."""

import re

_ZONE = r"(?:d\d{2,3}|d?0?2[ab]|r\d{2}|fxx|fra)"
_BEFORE = re.compile(rf"(?:{_ZONE}|\d{{2,3}})[_-](?=\D)")
_BEHIND = re.compile(rf"(.+)[_-]{_ZONE}")


def plain_name(layer: str) -> str:
    """A layer's name in lower case, without a namespace or the department it was delivered for.

    >>> plain_name("BDTOPO_V3:batiment"), plain_name("D057_BATIMENT"), plain_name("ROUTE_D2A")
    ('batiment', 'batiment', 'route')
    """
    name = layer.rpartition(":")[2].casefold()  # WFS writes BDTOPO_V3:batiment
    name = _BEFORE.sub("", name, count=1) if _BEFORE.match(name) else name
    behind = _BEHIND.fullmatch(name)
    return behind.group(1) if behind else name
