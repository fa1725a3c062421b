"""The client of all web services: requests go in, answers on disk come out, each asked once.

It asks no faster than it may, waits when a host asks for it, asks again when an answer is cut
short, and keeps every answer, so that a run that was stopped goes on where it was.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from types import TracebackType

import httpx

from aerialret import __version__
from aerialret.config.sources import ServicesConfig
from aerialret.errors import RequestLimitError, ServiceError
from aerialret.services.http.answer_cache import AnswerCache, cache_folder
from aerialret.services.http.answers import Accept, CachedAnswer, FailedRequest, Request
from aerialret.services.http.attempts import Attempt, attempt
from aerialret.services.http.host_health import HostHealth
from aerialret.services.http.retrying import back_off
from aerialret.services.http.secrets import Credentials, masked
from aerialret.services.http.token_bucket import Clock, SystemClock, TokenBucket

__all__ = ["CachedAnswer", "FailedRequest", "Request", "ServiceClient"]

Progress = Callable[[str, int, int], None]

_NOBODY = Credentials()


class ServiceClient:
    """Asks web services, politely and until they answer.

    Example:
        >>> with ServiceClient(ServicesConfig()) as client:
        ...     answer = client.get("https://data.geopf.fr/wfs", {"request": "GetCapabilities"})

    Args:
        config: Limits, patience and the cache folder.
        progress: Called with a stage's name, what is done, and how much there is.
        clock: The time; tests let it run faster.
    """

    def __init__(
        self,
        config: ServicesConfig,
        *,
        progress: Progress | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config
        self.cache_folder = cache_folder(config)
        self._cache = AnswerCache(self.cache_folder)
        self._progress = progress
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._buckets: dict[str, TokenBucket] = {}
        self._gates: dict[str, threading.Semaphore] = {}
        self._health: dict[str, HostHealth] = {}
        self._credentials: dict[str, Credentials] = {}
        self._made = 0
        self._http = httpx.Client(
            timeout=config.timeout_s,
            follow_redirects=True,
            headers={"User-Agent": f"aerialret/{__version__}"},
        )

    def __enter__(self) -> "ServiceClient":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    @property
    def requests_made(self) -> int:
        """How many requests went out, repetitions included."""
        return self._made

    def limit(self, url: str, *, requests_per_s: float) -> None:
        """Asks the host of `url` no more often than that, nor than the configuration allows."""
        bucket = self._bucket(Request(url=url).host)
        bucket.rate = min(bucket.rate, requests_per_s)

    def log_in(self, url: str, credentials: Credentials) -> None:
        """Sends `credentials` with every request to the host of `url`, and to no other."""
        self._credentials[Request(url=url).host] = credentials

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        accept: Accept | None = None,
        refresh: bool = False,
        suffix: str = "",
    ) -> CachedAnswer:
        """The answer to one request, from the cache or from the service.

        Args:
            url: The address; it may have parameters already.
            params: More parameters.
            accept: Says why an answer is none, or ""; what it refuses is asked again, never kept.
            refresh: Whether to ask although the answer is in the cache.
            suffix: The ending of the body's file, as `.tif`.

        Raises:
            ServiceError: There is no answer after all attempts; the message quotes the service.
            RequestLimitError: `services.max_requests` requests were made.
        """
        asked = Request(url=url, params=params or {}, accept=accept, refresh=refresh, suffix=suffix)
        answer = self._ask(asked)
        if isinstance(answer, FailedRequest):
            raise ServiceError(f"{answer.reason}; asked was {asked.public_url}")
        return answer

    def get_all(
        self, requests: Sequence[Request], *, stage: str = ""
    ) -> Iterator[CachedAnswer | FailedRequest]:
        """The answers to many requests, in their order; several are asked at the same time.

        A request that fails is answered by a `FailedRequest`.

        Args:
            requests: What to ask.
            stage: What progress calls it.

        Raises:
            RequestLimitError: `services.max_requests` requests were made.
        """
        named = stage or (f"asking {requests[0].host}" if requests else "")
        with ThreadPoolExecutor(self.config.parallel) as pool:
            remaining = iter(requests)
            ahead: deque[Future[CachedAnswer | FailedRequest]] = deque()
            try:
                for done in range(1, len(requests) + 1):
                    more = islice(remaining, 2 * self.config.parallel - len(ahead))
                    ahead.extend(pool.submit(self._ask, request) for request in more)
                    answer = ahead.popleft().result()
                    if self._progress:
                        self._progress(named, done, len(requests))
                    yield answer
            finally:
                for future in ahead:
                    future.cancel()

    def size_of(self, url: str) -> int:
        """How many bytes the file at `url` has (HEAD); 0 where its host does not say."""
        host = Request(url=url).host
        if self._health_of(host).given_up:
            return 0
        with self._gate(host):
            self._bucket(host).take()
            self._count()
            try:
                told = self._http.head(url)
            except (httpx.HTTPError, httpx.InvalidURL):
                return 0
        length = told.headers.get("content-length", "")
        return int(length) if told.status_code == 200 and length.isdigit() else 0

    def forget(self, request: Request) -> None:
        """Drops the answer to `request` from the cache: what was made of it is kept instead."""
        self._cache.drop(request)

    def _ask(self, request: Request) -> CachedAnswer | FailedRequest:
        kept = None if request.refresh else self._cache.find(request)
        if kept is not None:
            return kept
        outcome, health = Attempt(), self._health_of(request.host)
        for repetition in range(self.config.retries + 1):
            if repetition:
                wait = max(back_off(request.public_url, attempt=repetition), outcome.wait_s)
                self._clock.sleep(wait)
            if health.given_up:
                return FailedRequest(request=request, reason=health.given_up)
            outcome = self._once(request)
            health.tell_attempt(outcome.status)
            if outcome.answer is not None:
                return outcome.answer
            if outcome.is_final:
                return _failed(request, outcome)
        health.tell_failure(outcome.status, masked(outcome.reason))
        return _failed(request, outcome, attempts=self.config.retries + 1)

    def _once(self, request: Request) -> Attempt:
        bucket = self._bucket(request.host)
        with self._gate(request.host):
            bucket.take()
            self._count()
            outcome = attempt(
                request,
                http=self._http,
                cache=self._cache,
                credentials=self._credentials.get(request.host, _NOBODY),
            )
        if outcome.wait_s:
            bucket.hold(outcome.wait_s)
        return outcome

    def _count(self) -> None:
        with self._lock:
            if self.config.max_requests and self._made >= self.config.max_requests:
                raise RequestLimitError(
                    f"{self._made} requests were made, the most that services.max_requests "
                    "allows; the answers are kept: give the same command again to go on"
                )
            self._made += 1

    def _bucket(self, host: str) -> TokenBucket:
        with self._lock:
            return self._buckets.setdefault(
                host, TokenBucket(self.config.requests_per_s, clock=self._clock)
            )

    def _health_of(self, host: str) -> HostHealth:
        with self._lock:
            return self._health.setdefault(host, HostHealth())

    def _gate(self, host: str) -> threading.Semaphore:
        with self._lock:
            return self._gates.setdefault(host, threading.Semaphore(self.config.parallel))


def _failed(request: Request, outcome: Attempt, *, attempts: int = 0) -> FailedRequest:
    again = f" ({attempts} attempts)" if attempts else ""
    return FailedRequest(
        request=request,
        reason=masked(outcome.reason) + again,
        status=outcome.status,
        code=outcome.code,
    )
