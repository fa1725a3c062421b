"""Services are asked politely, until they answer, and never twice for what is there."""

import hashlib
import re
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aerialret.config.sources import ServicesConfig
from aerialret.errors import RequestLimitError, ServiceError
from aerialret.services.entries import parse_entry
from aerialret.services.http.answers import CachedAnswer, FailedRequest, Request
from aerialret.services.http.client import ServiceClient
from aerialret.services.http.retrying import LONGEST_WAIT_S, asked_wait, back_off
from aerialret.services.http.secrets import Credentials
from aerialret.services.http.service_messages import exception_in, words_of
from aerialret.services.http.token_bucket import TokenBucket
from tests.fault_proxy import EXCEPTION, FAULTS, FastClock, Fault, FaultPlan, unreliable
from tests.loopback import Reply, serve

NAMES = [f"/part-{number}" for number in range(8)]


def signed(path: str) -> Reply:
    """A body that says whether it is whole: its digest, then its content."""
    content = path.encode() * 400
    return Reply(body=hashlib.sha256(content).hexdigest().encode() + content)


def is_signed(answer: CachedAnswer) -> str:
    body = answer.path.read_bytes()
    whole = body[:64] == hashlib.sha256(body[64:]).hexdigest().encode()
    return "" if whole else "its signature is wrong"


def client(folder: Path, clock: FastClock | None = None, **config: Any) -> ServiceClient:
    defaults = {"requests_per_s": 1000.0, "parallel": 4, "retries": 5, "timeout_s": 5.0}
    return ServiceClient(
        ServicesConfig(cache=str(folder), **{**defaults, **config}), clock=clock or FastClock()
    )


def requests(url: str, names: list[str] = NAMES) -> list[Request]:
    return [Request(url=url + name, accept=is_signed) for name in names]


class HandClock:
    """A time that passes only in sleep."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@given(rate=st.floats(0.1, 100), takes=st.integers(1, 50), capacity=st.integers(1, 5))
def test_a_bucket_never_gives_more_than_its_rate(rate: float, takes: int, capacity: int) -> None:
    clock = HandClock()
    bucket = TokenBucket(rate, capacity=capacity, clock=clock)
    for _ in range(takes):
        bucket.take()
    assert clock.time == pytest.approx(max(0, takes - capacity) / rate, abs=1e-6)


def test_a_bucket_that_is_held_gives_nothing_for_so_long() -> None:
    clock = HandClock()
    bucket = TokenBucket(10, capacity=5, clock=clock)
    bucket.hold(7)
    bucket.take()
    assert clock.time == pytest.approx(7)


def test_retry_after_is_read_as_seconds_and_as_a_date() -> None:
    now = datetime(2026, 7, 1, 12, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert asked_wait({"retry-after": "5"}) == 5
    assert asked_wait({"retry-after": later}, now=now) == 90
    assert asked_wait({"retry-after": later}, now=now + timedelta(hours=1)) == 0
    assert asked_wait({"retry-after": "soon"}) == asked_wait({}) == 0


@settings(max_examples=30)
@given(st.text(), st.integers(1, 40))
def test_waits_grow_to_a_limit_and_can_be_repeated(url: str, attempt: int) -> None:
    wait = back_off(url, attempt=attempt)
    assert wait == back_off(url, attempt=attempt)
    assert min(0.25 * 2 ** (attempt - 1), LONGEST_WAIT_S / 2) <= wait <= LONGEST_WAIT_S


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_overcome(tmp_path: Path, fault: Fault) -> None:
    plan = FaultPlan(share=1.0, most=2, faults=(fault,))
    with serve(unreliable(signed, plan)) as server, client(tmp_path) as asking:
        answers = list(asking.get_all(requests(server.url)))
        assert [answer.path.read_bytes() for answer in answers] == [
            signed(name).body for name in NAMES
        ]
        assert asking.requests_made == len(server.asked) == 3 * len(NAMES) or fault == "slow"


@pytest.mark.parametrize("seed", range(3))
def test_faults_at_random_change_no_answer(tmp_path: Path, seed: int) -> None:
    with (
        serve(unreliable(signed, FaultPlan(seed=seed))) as server,
        client(tmp_path) as asking,
    ):
        bodies = [answer.path.read_bytes() for answer in asking.get_all(requests(server.url))]
    assert bodies == [signed(name).body for name in NAMES]


def test_what_is_lost_is_told_in_its_place(tmp_path: Path) -> None:
    plan = FaultPlan(share=0.3, lost=("part-2", "part-5"))
    with serve(unreliable(signed, plan)) as server, client(tmp_path) as asking:
        answers = list(asking.get_all(requests(server.url)))
    lost = [index for index, answer in enumerate(answers) if isinstance(answer, FailedRequest)]
    assert lost == [2, 5]
    assert all("(6 attempts)" in answers[index].reason for index in lost)


def test_an_answer_that_comes_too_late_is_asked_again(tmp_path: Path) -> None:
    plan = FaultPlan(share=1.0, most=1, faults=("slow",), slow_s=0.5)
    with serve(unreliable(signed, plan)) as server, client(tmp_path, timeout_s=0.15) as asking:
        assert asking.get(server.url + "/a").path.read_bytes() == signed("/a").body
        assert len(server.asked) == 2


def test_the_pause_that_a_host_asks_for_is_kept(tmp_path: Path) -> None:
    replies = iter([Reply(status=429, headers={"Retry-After": "40"}), Reply(body=b"now")])
    clock = FastClock(speed=400)
    with serve(lambda _: next(replies)) as server, client(tmp_path, clock) as asking:
        assert asking.get(server.url).path.read_bytes() == b"now"
    assert max(clock.slept) >= 39


def test_no_more_than_so_many_are_asked_at_once(tmp_path: Path) -> None:
    lock, running, most = threading.Lock(), Counter[str](), []

    def slow(path: str) -> Reply:
        with lock:
            running["now"] += 1
            most.append(running["now"])
        time.sleep(0.03)
        with lock:
            running["now"] -= 1
        return signed(path)

    with serve(slow) as server, client(tmp_path, parallel=3) as asking:
        list(asking.get_all(requests(server.url, [f"/{number}" for number in range(15)])))
    assert max(most) == 3


def test_a_refusal_is_not_repeated_and_quotes_the_service(tmp_path: Path) -> None:
    refusal = Reply(status=400, body=EXCEPTION, content_type="text/xml")
    with (
        serve(lambda _: refusal) as server,
        client(tmp_path) as asking,
        pytest.raises(ServiceError, match=r"answered 400 .*the tile store is busy.*\?layers=a"),
    ):
        asking.get(server.url, {"layers": "a"})
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    "code", ["LayerNotDefined", "InvalidParameterValue", "OperationNotSupported", "wms:InvalidCRS"]
)
def test_an_exception_that_would_come_again_is_not_asked_for_again(
    tmp_path: Path, status: int, code: str
) -> None:
    body = EXCEPTION.replace(b"<ServiceException>", f'<ServiceException code="{code}">'.encode())
    refusal = Reply(status=status, body=body, content_type="text/xml")
    with serve(lambda _: refusal) as server, client(tmp_path) as asking:
        (failed,) = asking.get_all([Request(url=server.url, accept=is_signed)])
    assert isinstance(failed, FailedRequest)
    assert failed.code == code.rpartition(":")[2]
    assert len(server.asked) == 1


def test_an_exception_that_may_pass_is_asked_for_again(tmp_path: Path) -> None:
    body = EXCEPTION.replace(b"<ServiceException>", b'<ServiceException code="NoApplicableCode">')
    replies = iter([Reply(body=body), Reply(body=EXCEPTION), signed("/a")])
    with serve(lambda _: next(replies)) as server, client(tmp_path) as asking:
        asking.get(server.url + "/a", accept=is_signed)
        assert len(server.asked) == 3


def test_a_host_that_died_is_left_alone_and_others_are_not(tmp_path: Path) -> None:
    def dying(path: str) -> Reply:
        return signed(path) if path < "/part-3" else Reply(body=b"half", cut_at=0)

    names = [f"/part-{number:02}" for number in range(40)]
    with serve(dying) as dead, serve(signed) as alive, client(tmp_path, retries=2) as asking:
        answers = list(asking.get_all(requests(dead.url, ["/part-1", "/part-2"])))
        answers += list(asking.get_all(requests(dead.url, [f"/part-{n}" for n in range(30, 70)])))
        others = list(asking.get_all(requests(alive.url, names)))
    failed = [answer for answer in answers if isinstance(answer, FailedRequest)]
    assert len(failed) == 40
    assert "not asked, as 5 requests in a row had failed" in failed[-1].reason
    assert "gave no whole answer" in failed[-1].reason
    assert len(dead.asked) <= 2 + 3 * (5 + 4)
    assert len(alive.asked) == len(others) == len(names)


def test_a_host_that_answers_now_and_then_is_asked_to_the_end(tmp_path: Path) -> None:
    lost = tuple(f"part-{number:02}" for number in range(40) if number % 4)
    plan = FaultPlan(share=0.0, lost=lost, faults=("cut at once",))
    names = [f"/part-{number:02}" for number in range(40)]
    with (
        serve(unreliable(signed, plan)) as server,
        client(tmp_path, retries=0, parallel=1) as asking,
    ):
        answers = list(asking.get_all(requests(server.url, names)))
        assert len(server.asked) == len(names)
    assert sum(isinstance(answer, CachedAnswer) for answer in answers) == 10


@pytest.mark.parametrize("suffix", [".json", ".about.json", ".body", ""])
def test_a_body_keeps_its_bytes_whatever_its_ending(tmp_path: Path, suffix: str) -> None:
    with serve(signed) as server, client(tmp_path) as asking:
        for _ in range(2):
            answer = asking.get(server.url + "/a", suffix=suffix)
            assert answer.path.read_bytes() == signed("/a").body
        assert len(server.asked) == 1


def test_secrets_are_sent_but_neither_kept_nor_told(tmp_path: Path) -> None:
    entry = parse_entry("wms+http://me:pa%40ss@h/p?layers=a&Token=s3cret&sig=a%2Bb&map=x")
    assert entry.credentials.login == ("me", "pa@ss")
    assert entry.credentials.params == (("Token", "s3cret"), ("sig", "a+b"))
    assert (entry.url, entry.params) == ("http://h/p", {"map": "x"})
    assert entry.text == "wms+http://***@h/p?layers=a&Token=***&sig=***&map=x"
    assert "s3cret" not in repr(entry)
    with serve(lambda path: Reply(status=403, body=path.encode())) as server:
        with client(tmp_path) as asking:
            asking.log_in(server.url, entry.credentials)
            with pytest.raises(ServiceError) as refused:
                asking.get(server.url + "/a?key=k3y")
        assert server.asked == ["/a?Token=s3cret&key=k3y&sig=a%2Bb"]
    assert "answered 403 Forbidden: /a?Token=***&key=***&sig=***" in str(refused.value)
    assert not {"s3cret", "k3y", "a%2Bb"} & set(re.split(r"[=&;\s]", str(refused.value)))


def test_secrets_go_to_no_other_host(tmp_path: Path) -> None:
    secret = Credentials(params=(("token", "t"),), login=("a", "b"))
    with serve(signed) as own, serve(signed) as other, client(tmp_path) as asking:
        asking.log_in(own.url, secret)
        asking.get(own.url + "/a")
        asking.get(other.url + "/a")
        assert (own.asked, other.asked) == (["/a?token=t"], ["/a"])


def test_a_host_that_is_not_there_is_named(tmp_path: Path) -> None:
    with serve(signed) as server:
        url = server.url
    with client(tmp_path, retries=1) as asking, pytest.raises(ServiceError, match="2 attempts"):
        asking.get(url)


def test_the_order_of_parameters_does_not_matter(tmp_path: Path) -> None:
    with serve(signed) as server, client(tmp_path) as asking:
        first = asking.get(server.url + "/a?y=2", {"x": "1", "z": ""})
        again = asking.get(server.url + "/a", {"z": "", "y": "2", "x": "1"})
        assert server.asked == ["/a?x=1&y=2&z="]
    assert again.path == first.path
    assert (first.from_cache, again.from_cache) == (False, True)


def test_refresh_asks_although_the_answer_is_there(tmp_path: Path) -> None:
    counter = iter(range(9))
    with (
        serve(lambda _: Reply(body=str(next(counter)).encode())) as server,
        client(tmp_path) as asking,
    ):
        bodies = [
            asking.get(server.url, refresh=refresh).path.read_bytes()
            for refresh in (False, False, True, False)
        ]
    assert bodies == [b"0", b"0", b"1", b"1"]


def test_an_answer_that_was_refused_is_not_kept(tmp_path: Path) -> None:
    with serve(lambda _: Reply(body=b"unsigned")) as server, client(tmp_path, retries=0) as asking:
        with pytest.raises(ServiceError, match="status 200, but its signature is wrong"):
            asking.get(server.url, accept=is_signed)
        assert asking.get(server.url).from_cache is False
    assert [path for path in tmp_path.rglob("*") if path.name.endswith(".part")] == []


def test_a_damaged_cache_is_asked_again(tmp_path: Path) -> None:
    with serve(signed) as server, client(tmp_path) as asking:
        body = asking.get(server.url + "/a").path
        body.write_bytes(body.read_bytes()[:10])
        assert asking.get(server.url + "/a").path.read_bytes() == signed("/a").body
        assert len(server.asked) == 2


def test_a_run_that_was_limited_goes_on_where_it_stopped(tmp_path: Path) -> None:
    got: list[Any] = []
    with serve(signed) as server:
        for _ in range(2):
            with (
                client(tmp_path, max_requests=3) as asking,
                pytest.raises(RequestLimitError, match=r"3 requests were made.*give the same"),
            ):
                list(asking.get_all(requests(server.url)))
        with client(tmp_path, max_requests=3) as asking:
            got = list(asking.get_all(requests(server.url)))
        assert sorted(server.asked) == sorted(NAMES)
    assert [answer.path.read_bytes() for answer in got] == [signed(name).body for name in NAMES]


def test_nothing_asked_is_nothing_answered(tmp_path: Path) -> None:
    with client(tmp_path) as asking:
        assert list(asking.get_all([])) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (EXCEPTION, "the tile store is busy"),
        (
            b'<a:ExceptionReport xmlns:a="u"><a:Exception exceptionCode="X"/></a:ExceptionReport>',
            "X",
        ),
        (b"<ServiceExceptionReport><ServiceException>cut of", "cut of"),
        (b"<WMS_Capabilities><Exception><Format>XML</Format></Exception></WMS_Capabilities>", ""),
        (b"II*\0ServiceException", ""),
        (b"", ""),
    ],
)
def test_exceptions_are_told_from_answers(tmp_path: Path, body: bytes, words: str) -> None:
    (tmp_path / "a").write_bytes(body)
    assert exception_in(tmp_path / "a") == words


def test_a_page_of_html_is_told_without_its_tags(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(
        b"<html><style>p {}</style><p>Out of <b>order</b> &amp; shut</html>"
    )
    assert words_of(tmp_path / "a") == "Out of order & shut"
