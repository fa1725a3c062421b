"""Descriptors of a gallery, chunk by chunk: tiles or windows go in, one array comes out.

Every finished chunk is a file, so that a build that was killed goes on where it stopped. Chunks
begin at fixed tiles, so that the result does not depend on where it stopped.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from aerialret import atomic
from aerialret.manifest import hash_value
from aerialret.retrieval.gallery_windows import GalleryWindows
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import TileId

Progress: TypeAlias = Callable[[int, int], None]
"""Told the tiles or windows done and those in all."""

Described: TypeAlias = Sequence[TileId] | GalleryWindows
"""What is described, one vector each."""

Describe: TypeAlias = Callable[[str, Any], tuple[Descriptors, NDArray[np.bool_]]]
"""From a date and some `Described` to the vectors of those that show enough, and which these are:
float32 [k, R], bool [n]."""

BATCHES_PER_CHUNK = 8

_REQUEST_NAME = "request.json"


def prepare_chunks(folder: Path, *, request: Mapping[str, Any]) -> None:
    """Makes `folder` ready: chunks of the same request stay, those of another one are removed."""
    wanted = json.dumps({"request": hash_value(request)})
    marker = folder / _REQUEST_NAME
    if folder.exists() and not (marker.is_file() and marker.read_text() == wanted):
        shutil.rmtree(folder)
    atomic.write_text(marker, wanted)


def describe_in_chunks(
    describe: Describe,
    *,
    folder: Path,
    by_date: Mapping[str, Described],
    length: int,
    batch_size: int,
    progress: Progress | None = None,
) -> tuple[Descriptors, dict[str, NDArray[np.bool_]]]:
    """Descriptors, date after date in the given order, and which of each date have one.

    Args:
        describe: Makes the descriptors of a chunk.
        folder: Keeps the finished chunks, see `prepare_chunks`.
        by_date: The tiles or windows of each date.
        length: R, numbers in a descriptor.
        batch_size: How many are described at once; a chunk is `BATCHES_PER_CHUNK` batches.
        progress: Told how many are done and how many there are in all.

    Returns:
        float32 [n, R], and bool [tiles or windows] by date.
    """
    total = sum(len(some) for some in by_date.values())
    parts = [np.empty((0, length), np.float32)]
    kept = {date: [np.empty(0, bool)] for date in by_date}
    done = 0
    for name, date, some in _chunks(by_date, size=batch_size * BATCHES_PER_CHUNK):
        if not (folder / name).exists():
            _save(folder / name, *describe(date, some))
        vectors, showing = _load(folder / name)
        parts.append(vectors)
        kept[date].append(showing)
        done += len(some)
        if progress:
            progress(done, total)
    return np.concatenate(parts), {date: np.concatenate(some) for date, some in kept.items()}


def _chunks(by_date: Mapping[str, Described], *, size: int) -> Iterator[tuple[str, str, Described]]:
    """File name, date and content of each chunk."""
    for number, (date, every) in enumerate(by_date.items()):
        for start in range(0, len(every), size):
            yield f"{number:03d}-{start:09d}.npy", date, every[start : start + size]


def _save(path: Path, vectors: Descriptors, kept: NDArray[np.bool_]) -> None:
    with atomic.atomic_file(path) as partial, partial.open("wb") as stream:
        np.save(stream, vectors)
        np.save(stream, kept)


def _load(path: Path) -> tuple[Descriptors, NDArray[np.bool_]]:
    with path.open("rb") as stream:
        return np.load(stream), np.load(stream)
