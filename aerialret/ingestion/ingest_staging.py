"""The unfinished date: blocks of tiles go in, and a killed ingest finds them again.

Beside the date's final folder lies a staging folder:

  request.json         fingerprint of the request; written when the store stands
  pixels.zarr          the date's pixel store
  blocks/COL_ROW.json  one record for each finished block; written after its pixels

A block without record is written anew. Records say which files a block has and their hashes, so
that nothing is read twice.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret import atomic
from aerialret.ingestion.catalogue import TileCounts
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import BLOCK_TILES, PixelStore, StoreExtent
from aerialret.tiles.tileset import STORE_NAME

DATE_NAME = "date.json"
TILES_NAME = "tiles.parquet"

_REQUEST_NAME = "request.json"
_BLOCKS_FOLDER = "blocks"
_ARRAYS = ("image", "mask", "valid")


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRecord:
    """What a finished block holds.

    Attributes:
        tiles: Counts of its tiles.
        outside: Cells without any image.
        too_empty: Cells with too little of it.
        with_fill: Tiles where pure black or white was taken for no image.
        files: SHA-256 of each of its files in the staging folder.
    """

    tiles: tuple[TileCounts, ...]
    outside: int
    too_empty: int
    with_fill: int
    files: Mapping[str, str]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "BlockRecord":
        """The record that was written as JSON."""
        tiles = tuple(
            TileCounts(**{**tile, "classes": tuple(tile["classes"])}) for tile in plain["tiles"]
        )
        return cls(**{**plain, "tiles": tiles})


@dataclass(frozen=True, slots=True)
class BlockPixels:
    """The rasters of one block, by its rows and columns of tiles.

    Attributes:
        images: uint8 [8, 8, 3, height, width].
        masks: uint8 [8, 8, height, width].
        valid: bool [8, 8, height, width].
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    valid: NDArray[np.bool_]


class Staging:
    """The staging folder of one date.

    Attributes:
        folder: Where it lies.
    """

    def __init__(self, folder: Path, *, extent: StoreExtent, tile_px: int) -> None:
        self.folder = folder
        self._extent = extent
        self._tile_px = tile_px

    def prepare(self, fingerprint: str) -> None:
        """Makes the folder ready for the request, keeping the blocks that it has finished."""
        if _stored(self.folder / _REQUEST_NAME) != {"request": fingerprint}:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._create_store()
            (self.folder / _BLOCKS_FOLDER).mkdir()
            _write_json(self.folder / _REQUEST_NAME, {"request": fingerprint})

    def record(self, block: TileId) -> BlockRecord | None:
        """The record of a block, if it is finished."""
        plain = _stored(self._record_path(block))
        return BlockRecord.from_plain(plain) if plain else None

    def write(self, block: TileId, pixels: BlockPixels | None, record: BlockRecord) -> BlockRecord:
        """Writes a block's pixels, then its record; the record with the hashes comes back."""
        folders = [self._shard(array, block) for array in _ARRAYS]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)  # what a kill has left of it
        if pixels is not None:
            self._create_store().write_block(
                block, images=pixels.images, masks=pixels.masks, valid=pixels.valid
            )
        files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
        finished = BlockRecord(
            tiles=record.tiles,
            outside=record.outside,
            too_empty=record.too_empty,
            with_fill=record.with_fill,
            files={self._name(path): _flushed_hash(path) for path in sorted(files)},
        )
        _write_json(self._record_path(block), asdict(finished))
        return finished

    def store_hashes(self) -> dict[str, str]:
        """SHA-256 of the files that describe the store's arrays."""
        files = sorted((self.folder / STORE_NAME).rglob("zarr.json"))
        return {self._name(path): _flushed_hash(path) for path in files}

    def has_blocks(self) -> bool:
        """Whether a block is finished, so that the folder is worth keeping."""
        return any((self.folder / _BLOCKS_FOLDER).glob("*.json"))

    def discard(self) -> None:
        """Removes the folder, and those above it that hold nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for parent in list(self.folder.parents)[:2]:
            if parent.is_dir() and not any(parent.iterdir()):
                parent.rmdir()

    def _create_store(self) -> PixelStore:
        return PixelStore.create(
            self.folder / STORE_NAME, extent=self._extent, tile_px=self._tile_px
        )

    def _record_path(self, block: TileId) -> Path:
        return self.folder / _BLOCKS_FOLDER / f"{block.col}_{block.row}.json"

    def _shard(self, array: str, block: TileId) -> Path:
        row = (block.row - self._extent.first_row) // BLOCK_TILES
        col = (block.col - self._extent.first_col) // BLOCK_TILES
        return self.folder / STORE_NAME / array / "c" / str(row) / str(col)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


def read_date(folder: Path) -> dict[str, Any] | None:
    """The `date.json` of a finished date, if `folder` is one."""
    return _stored(folder / DATE_NAME)


def write_date(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the `date.json` of a date: from now on it is finished."""
    _write_json(folder / DATE_NAME, content)


def strip_staging(folder: Path) -> None:
    """Removes what only an unfinished date needs from a staging folder."""
    shutil.rmtree(folder / _BLOCKS_FOLDER, ignore_errors=True)
    (folder / _REQUEST_NAME).unlink(missing_ok=True)


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
    atomic.write_text(path, text + "\n")


def _flushed_hash(path: Path) -> str:
    """The hash of a file that is safe on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()
