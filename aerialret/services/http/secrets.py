"""Secrets in addresses: what a user wrote goes in; it comes out apart from what may be told.

They are sent to the host that they were given for, and appear in no message, report or tile set.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

MASK = "***"

_NAMES = (
    "token", "access_token", "accesstoken", "auth_token", "x-amz-security-token", "key", "apikey",
    "api_key", "api-key", "authkey", "auth", "authorization", "subscription-key",
    "ocp-apim-subscription-key", "sig", "signature", "x-amz-signature", "x-amz-credential",
    "password", "passwd", "pwd", "secret", "client_secret",
)  # fmt: skip
_PARAMETER = re.compile(
    rf"((?:[?&;]|%3F|%26)(?:{'|'.join(_NAMES)})(?:=|%3D))((?:(?!%26)[^&;\s\"'<>()])+)",
    re.IGNORECASE,
)
_LOGIN = re.compile(r"(://)[^/?#\s@]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a host is told besides the request.

    Attributes:
        params: Parameters of the address.
        login: Name and password; None: none.
    """

    params: tuple[tuple[str, str], ...] = ()
    login: tuple[str, str] | None = None


def is_secret(name: str) -> bool:
    """Whether a parameter of an address is a secret, by its name."""
    return name.lower() in _NAMES


def masked(text: str) -> str:
    """`text` with the secrets of all addresses in it replaced.

    Example:
        >>> masked("https://me:word@host/wms?layers=a&token=1234")
        'https://***@host/wms?layers=a&token=***'
    """
    return _PARAMETER.sub(rf"\1{MASK}", _LOGIN.sub(rf"\1{MASK}@", text))


def login_in(url: str) -> tuple[str, str] | None:
    """Name and password in front of an address's host; None where there are none."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    name, _, word = user.partition(":")
    return (unquote(name), unquote(word)) if at else None
