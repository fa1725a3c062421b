"""Writes that are whole or absent: everything goes to a temporary name first, then is renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on a clean exit it takes the name `path`.

    Args:
        path: The final name. An existing file is replaced in one step.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        _flush(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes `content` to `path` in one step."""
    with atomic_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Writes `content` to `path` as UTF-8 in one step."""
    write_bytes(path, content.encode())


def staging_folder(path: Path) -> Path:
    """The folder beside `path` where its content is built and a killed run leaves its work."""
    return path.with_name(f".{path.name}.partial")


def publish_folder(staging: Path, path: Path) -> None:
    """Gives the finished folder `staging` the name `path`, replacing a folder of that name."""
    retired = path.with_name(f".{path.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if path.exists():
        path.replace(retired)
    staging.replace(path)
    shutil.rmtree(retired, ignore_errors=True)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
