"""Contents of source files: paths go in, SHA-256 of every byte come out, each file hashed once.

Hashes are kept in the user's cache folder with the file's size and time of change, so that an
ingest that has nothing to do need not read a delivery again.
"""

import hashlib
import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_dir

from aerialret import atomic
from aerialret.ingestion.ingest_report import Progress
from aerialret.manifest import hash_file


class SourceHashes:
    """The hashes of source files.

    Args:
        tileset: The tile set that the files are for; each has its own record.
    """

    def __init__(self, tileset: Path) -> None:
        name = hashlib.sha256(str(tileset.resolve()).encode()).hexdigest()[:16]
        self._file = Path(user_cache_dir("aerialret")) / "source_hashes" / f"{name}.json"
        self._known: dict[str, list[Any]] = _stored(self._file)

    def of(self, path: Path) -> str:
        """SHA-256 of a file's content."""
        key, stamp = _key(path), _stamp(path)
        known = self._known.get(key)
        if known is None or known[:2] != stamp:
            known = self._known[key] = [*stamp, hash_file(path)]
        return str(known[2])

    def learn(
        self, paths: Collection[Path], *, workers: int, progress: Progress | None = None
    ) -> None:
        """Hashes the files that are not known yet, several at a time."""
        unknown = [path for path in paths if self._known.get(_key(path), [])[:2] != _stamp(path)]
        with ThreadPoolExecutor(workers) as pool:
            for done, _ in enumerate(pool.map(self.of, unknown), start=1):
                if progress:
                    progress("reading", done, len(unknown))

    def keep(self) -> None:
        """Stores the hashes, where the cache folder can be written to."""
        with suppress(OSError):
            atomic.write_text(self._file, json.dumps(self._known, sort_keys=True) + "\n")


def _key(path: Path) -> str:
    return str(path.resolve())


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _stored(path: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
