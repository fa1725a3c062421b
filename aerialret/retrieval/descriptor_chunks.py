"""Descriptors of many tiles, chunk by chunk: a tile set and a model go in, one array comes out.

Every finished chunk is a file, so that a build that was killed goes on where it stopped. Chunks
begin at fixed tiles, so that the result does not depend on where it stopped.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from aerialret import atomic
from aerialret.manifest import hash_value
from aerialret.network.checkpoint import Model
from aerialret.network.descriptors import Modality, describe_tiles
from aerialret.tiles.arrays import Descriptors
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet

Progress: TypeAlias = Callable[[int, int], None]
"""Told the tiles done and the tiles in all."""

BATCHES_PER_CHUNK = 8

_REQUEST_NAME = "request.json"


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: str
    date: str
    tiles: Sequence[TileId]


def prepare_chunks(folder: Path, *, request: Mapping[str, Any]) -> None:
    """Makes `folder` ready: chunks of the same request stay, those of another one are removed."""
    wanted = json.dumps({"request": hash_value(request)})
    marker = folder / _REQUEST_NAME
    if folder.exists() and not (marker.is_file() and marker.read_text() == wanted):
        shutil.rmtree(folder)
    atomic.write_text(marker, wanted)


def describe_in_chunks(
    model: Model,
    tileset: TileSet,
    *,
    folder: Path,
    tiles_by_date: Mapping[str, Sequence[TileId]],
    modality: Modality,
    batch_size: int,
    progress: Progress | None = None,
) -> Descriptors:
    """Unit descriptors of the tiles, date after date in the given order: float32 [n, R].

    Args:
        model: Describes the tiles.
        tileset: Holds them.
        folder: Keeps the finished chunks, see `prepare_chunks`.
        tiles_by_date: The tiles of each date.
        modality: What the descriptors are made from.
        batch_size: Tiles described at once; a chunk is `BATCHES_PER_CHUNK` batches.
        progress: Told the tiles done and the tiles in all.
    """
    total = sum(len(tiles) for tiles in tiles_by_date.values())
    parts = [np.empty((0, model.length), np.float32)]
    done = 0
    for chunk in _chunks(tiles_by_date, chunk_tiles=batch_size * BATCHES_PER_CHUNK):
        path = folder / chunk.name
        if not path.exists():
            vectors = describe_tiles(
                model, tileset, date=chunk.date, tiles=chunk.tiles, modality=modality,
                batch_size=batch_size,
            )  # fmt: skip
            with atomic.atomic_file(path) as partial, partial.open("wb") as stream:
                np.save(stream, vectors)
        parts.append(np.load(path))
        done += len(chunk.tiles)
        if progress:
            progress(done, total)
    return np.concatenate(parts)


def _chunks(tiles_by_date: Mapping[str, Sequence[TileId]], *, chunk_tiles: int) -> Iterator[_Chunk]:
    for number, (date, tiles) in enumerate(tiles_by_date.items()):
        for start in range(0, len(tiles), chunk_tiles):
            name = f"{number:03d}-{start:09d}.npy"
            yield _Chunk(name, date, tiles[start : start + chunk_tiles])
