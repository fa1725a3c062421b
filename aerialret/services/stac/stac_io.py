"""STAC documents: links of pystac and pystac-client go in, the client's answers come out."""

import json
from typing import Any

from pystac_client.stac_api_io import StacApiIO

from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.client import ServiceClient


class ClientStacIO(StacApiIO):
    """Reads STAC through a `ServiceClient`: politely, again where it fails, and from its cache.

    The client asks by GET only. What a link wants sent by POST goes as parameters: STAC API gives
    both the same names.
    """

    def __init__(self, client: ServiceClient) -> None:
        super().__init__()
        self._client = client

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """The text at `href`.

        Raises:
            ServiceError: There is no answer after all attempts.
        """
        params = {name: _spelled(value) for name, value in (parameters or {}).items()}
        answer = self._client.get(href, params, accept=json_refusal)
        return answer.path.read_text("utf-8")


def json_refusal(answer: CachedAnswer) -> str:
    """Why an answer is no JSON object, or ""."""
    try:
        document = json.loads(answer.path.read_bytes())
    except ValueError as error:
        return f"the answer is no JSON, or cut short ({error})"
    return "" if isinstance(document, dict) else "the answer is JSON, but no object"


def _spelled(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(_spelled(part) for part in value)
    return json.dumps(value)
