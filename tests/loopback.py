"""A web server on 127.0.0.1: a function from paths to replies goes in, its address comes out."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import sleep
from urllib.parse import unquote, urlsplit

_TYPES = {
    ".json": "application/json", ".geojson": "application/geo+json", ".xml": "text/xml",
    ".tif": "image/tiff", ".png": "image/png",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the server sends.

    Attributes:
        cut_at: After how many bytes of the body the connection is cut; None: never.
        delay_s: How long it waits before it says anything.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_at: int | None = None
    delay_s: float = 0.0


Answer = Callable[[str], Reply]
"""From a path with its query to the reply."""


@dataclass(frozen=True, kw_only=True)
class Loopback:
    """A running server: its address without a slash, and the paths that were asked of it."""

    url: str
    asked: list[str]


@contextmanager
def serve(answer: Answer) -> Iterator[Loopback]:
    """Serves `answer` until the block ends."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_HEAD(self) -> None:
            reply = answer(self.path)
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()

        def do_GET(self) -> None:
            asked.append(self.path)
            reply = answer(self.path)
            sleep(reply.delay_s)
            try:
                self._send(reply)
            except OSError:
                self.close_connection = True

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(reply.body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body[: reply.cut_at])
            if reply.cut_at is not None:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield Loopback(url=f"http://127.0.0.1:{server.server_port}", asked=asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)


def files_of(folder: Path) -> Answer:
    """Replies with the files below `folder`, as a static web server does."""

    def answer(path: str) -> Reply:
        file = folder / unquote(urlsplit(path).path).lstrip("/")
        if not file.is_file():
            return Reply(status=404, body=b"no such file")
        content_type = _TYPES.get(file.suffix, "application/octet-stream")
        return Reply(body=file.read_bytes(), content_type=content_type)

    return answer
