"""The answers that are kept: a full URL goes in, the file with its body comes out, if it is there.

CACHE/answers/3f/3fa9….tif      the body
CACHE/answers/3f/.3fa9….json    its size, its type and the URL without secrets, written last: it
                                makes it whole
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aerialret.atomic import write_text
from aerialret.config.sources import ServicesConfig
from aerialret.services.http.answers import CachedAnswer, Request


def cache_folder(config: ServicesConfig) -> Path:
    """The folder that keeps the answers of services and what is made of them."""
    if config.cache:
        return Path(config.cache).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("aerialret"))


class AnswerCache:
    """Bodies of answers on disk, keyed by the SHA-256 of the full URL without secrets.

    Args:
        folder: The cache folder; made when the first answer is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "answers"

    def find(self, request: Request) -> CachedAnswer | None:
        """The answer to `request`, where it is there and whole."""
        body, facts = self._paths(request)
        try:
            known = json.loads(facts.read_text())
            whole = body.stat().st_size == known["size"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if not whole:
            return None
        return CachedAnswer(
            path=body, content_type=known["content_type"], url=known["url"], from_cache=True
        )

    @contextmanager
    def draft(self, request: Request) -> Iterator[Path]:
        """A path of one's own for a body that is arriving; removed unless it was kept."""
        body, _ = self._paths(request)
        body.parent.mkdir(parents=True, exist_ok=True)
        part = body.with_name(f"{body.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            yield part
        finally:
            part.unlink(missing_ok=True)

    def keep(self, request: Request, part: Path, *, content_type: str) -> CachedAnswer:
        """The answer whose body `part` holds, moved to its place."""
        body, facts = self._paths(request)
        size = part.stat().st_size
        part.replace(body)
        known = {"url": request.public_url, "content_type": content_type, "size": size}
        write_text(facts, json.dumps(known, indent=1) + "\n")
        return CachedAnswer(
            path=body, content_type=content_type, url=request.public_url, from_cache=False
        )

    def drop(self, request: Request) -> None:
        """Removes the answer to `request`."""
        for path in reversed(self._paths(request)):
            path.unlink(missing_ok=True)

    def _paths(self, request: Request) -> tuple[Path, Path]:
        key = hashlib.sha256(request.public_url.encode()).hexdigest()
        folder = self._folder / key[:2]
        return folder / f"{key}{request.suffix or '.body'}", folder / f".{key}.json"
