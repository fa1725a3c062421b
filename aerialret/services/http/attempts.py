"""One attempt at one request: it goes out once, an answer in the cache or a reason comes back."""

from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from aerialret.services.http.answer_cache import AnswerCache
from aerialret.services.http.answers import CachedAnswer, Request
from aerialret.services.http.retrying import asked_wait, is_worth_retrying
from aerialret.services.http.secrets import Credentials
from aerialret.services.http.service_messages import exception_code, is_permanent, words_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one attempt.

    Attributes:
        answer: The answer, or None.
        reason: Why there is none.
        status: The HTTP status; 0 where there was none.
        wait_s: The pause that the host asked for, in seconds.
        is_final: Whether another attempt is of no use.
        code: The code of the exception that came instead of an answer; empty: none.
    """

    answer: CachedAnswer | None = None
    reason: str = ""
    status: int = 0
    wait_s: float = 0.0
    is_final: bool = False
    code: str = ""


def attempt(
    request: Request, *, http: httpx.Client, cache: AnswerCache, credentials: Credentials
) -> Attempt:
    """What comes back when `request` goes out once, with the credentials for its host."""
    sent = replace(request, params={**request.params, **dict(credentials.params)})
    try:
        with (
            cache.draft(request) as part,
            http.stream("GET", sent.full_url, auth=credentials.login) as response,
        ):
            _receive(response, part)
            if response.status_code != 200:
                return _refusal(request, response, part)
            return _judged(request, response, part, cache=cache)
    except httpx.TimeoutException:
        return Attempt(reason=f"{request.host} did not answer in time")
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        return Attempt(reason=f"{request.public_url} is no address: {error}", is_final=True)
    except httpx.TooManyRedirects:
        return Attempt(reason=f"{request.host} redirects without end", is_final=True)
    except httpx.HTTPError as error:
        return Attempt(reason=f"{request.host} gave no whole answer: {_told(error)}")


def _receive(response: httpx.Response, part: Path) -> None:
    with part.open("wb") as stream:
        for piece in response.iter_bytes():
            stream.write(piece)


def _judged(
    request: Request, response: httpx.Response, part: Path, *, cache: AnswerCache
) -> Attempt:
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    arrived = CachedAnswer(
        path=part, content_type=content_type, url=request.public_url, from_cache=False
    )
    refused = request.accept(arrived) if request.accept else ""
    if refused:
        code = exception_code(part)
        return Attempt(
            reason=f"{request.host} answered with status 200, but {refused}",
            status=200,
            is_final=is_permanent(code),
            code=code,
        )
    return Attempt(answer=cache.keep(request, part, content_type=content_type), status=200)


def _refusal(request: Request, response: httpx.Response, part: Path) -> Attempt:
    status = response.status_code
    words, code = words_of(part), exception_code(part)
    quoted = f": {words}" if words else ""
    return Attempt(
        reason=f"{request.host} answered {status} {response.reason_phrase}".rstrip() + quoted,
        status=status,
        wait_s=asked_wait(response.headers) if status in (429, 503) else 0.0,
        is_final=not is_worth_retrying(status) or is_permanent(code),
        code=code,
    )


def _told(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
