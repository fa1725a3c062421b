"""What is asked of a web service and what comes back: a `Request` goes in, an answer comes out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aerialret.services.http.secrets import masked

Accept = Callable[["CachedAnswer"], str]
"""Says why an answer is none (truncated, an exception in XML, no image), or "" where it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedAnswer:
    """The answer to one request.

    Attributes:
        path: The file that holds its body; it stays in the cache.
        content_type: What the service calls it, lower case, without parameters, as `image/png`.
        url: The full URL that was asked, parameters sorted, without secrets.
        from_cache: Whether it was there before, so that nothing was asked.
    """

    path: Path
    content_type: str
    url: str
    from_cache: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, as `ServiceClient.get_all` takes it.

    Attributes:
        url: The address; it may have parameters already.
        params: More parameters.
        accept: Tells an answer from something else; None takes what comes with status 200.
        refresh: Whether to ask although the answer is in the cache.
        suffix: The ending of the body's file, as `.tif`; it takes no part in the key.
    """

    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    accept: Accept | None = None
    refresh: bool = False
    suffix: str = ""

    @property
    def full_url(self) -> str:
        """The URL with all parameters, sorted by name: the same request has the same one."""
        parts = urlsplit(self.url)
        own = parse_qsl(parts.query, keep_blank_values=True)
        everything = sorted([*own, *self.params.items()])
        return urlunsplit((*parts[:3], urlencode(everything, safe=",:/"), ""))

    @property
    def public_url(self) -> str:
        """The full URL without secrets: what tells this request from others, and may be told."""
        return masked(self.full_url)

    @property
    def host(self) -> str:
        """Host and port, the unit of all limits."""
        return urlsplit(self.url).netloc.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRequest:
    """A request that got no answer, after all attempts.

    Attributes:
        request: What was asked.
        reason: Why there is no answer, in one line.
        status: The HTTP status of the last attempt; 0 where there was none.
        code: The code of the exception in its answer, as `TileOutOfRange`; empty: none.
    """

    request: Request
    reason: str
    status: int = 0
    code: str = ""
