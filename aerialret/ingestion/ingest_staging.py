"""The unfinished date: blocks of tiles go in, and a killed ingest finds them again.

Beside the date's final folder lies a staging folder:

  request.json         fingerprint of the request; written when the store stands
  pixels.zarr          the date's pixel store
  blocks/COL_ROW.json  one record for each finished block; written after its pixels
  vectors/             areas that wait for their block

The finished date keeps the records in one file, blocks.json, for the next ingest of the date: what
a block was made from tells whether it must be made again.

A block without record is written anew. Records say which files a block has and their hashes, so
that nothing is read twice.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aerialret import atomic
from aerialret.ingestion.block_records import BlockPixels, BlockRecord
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import PixelStore, StoreExtent
from aerialret.tiles.tileset import STORE_NAME

DATE_NAME = "date.json"
BLOCKS_NAME = "blocks.json"
TILES_NAME = "tiles.parquet"

_REQUEST_NAME = "request.json"
_BLOCKS_FOLDER = "blocks"
_VECTORS_FOLDER = "vectors"
_ARRAYS = ("image", "mask", "valid")


class Staging:
    """The staging folder of one date.

    Attributes:
        folder: Where it lies.
        vectors: Where areas wait for their block.
    """

    def __init__(self, folder: Path, *, extent: StoreExtent, tile_px: int) -> None:
        self.folder = folder
        self.vectors = folder / _VECTORS_FOLDER
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
        shards = self._cleared(block)
        if pixels is not None:
            self._create_store().write_block(
                block, images=pixels.images, masks=pixels.masks, valid=pixels.valid
            )
        files = {
            array: flushed_hash(path) for array, path in sorted(shards.items()) if path.exists()
        }
        return self._finish(block, replace(record, files=files))

    def adopt(self, block: TileId, published: "PublishedBlocks") -> BlockRecord:
        """Takes over a block of the published date, whose inputs are the same."""
        record = published.records[block]
        for array, path in self._cleared(block).items():
            if array in record.files:
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(published.shard(array, block), path)
        return self._finish(block, record)

    def hashes(self, block: TileId, record: BlockRecord) -> dict[str, str]:
        """SHA-256 of the files of a finished block, by their names in the date's folder."""
        return {
            self._name(shard_path(self.folder, array, block, self._extent)): digest
            for array, digest in record.files.items()
        }

    def store_hashes(self) -> dict[str, str]:
        """SHA-256 of the files that describe the store's arrays."""
        files = sorted((self.folder / STORE_NAME).rglob("zarr.json"))
        return {self._name(path): flushed_hash(path) for path in files}

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

    def _cleared(self, block: TileId) -> dict[str, Path]:
        """Where the block's file of each array goes; what a kill has left of it is removed."""
        shards = {array: shard_path(self.folder, array, block, self._extent) for array in _ARRAYS}
        for path in shards.values():
            path.unlink(missing_ok=True)
        return shards

    def _finish(self, block: TileId, record: BlockRecord) -> BlockRecord:
        _write_json(self._record_path(block), asdict(record))
        return record

    def _record_path(self, block: TileId) -> Path:
        return self.folder / _BLOCKS_FOLDER / f"{block.col}_{block.row}.json"

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


class PublishedBlocks:
    """The blocks of the date as it was published before.

    Attributes:
        records: What each was made from; empty where nothing was published.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        content = _stored(folder / BLOCKS_NAME) or {"extent": None, "blocks": {}}
        self._extent = StoreExtent(**content["extent"]) if content["extent"] else None
        self.records: Mapping[TileId, BlockRecord] = {
            TileId(*map(int, name.split("_"))): BlockRecord.from_plain(plain)
            for name, plain in content["blocks"].items()
        }

    def shard(self, array: str, block: TileId) -> Path:
        """The block's file of an array."""
        assert self._extent is not None, "a date without extent has no blocks"
        return shard_path(self._folder, array, block, self._extent)


def shard_path(folder: Path, array: str, block: TileId, extent: StoreExtent) -> Path:
    """Where a store keeps the file of a block."""
    row = (block.row - extent.first_row) // extent.block_tiles
    col = (block.col - extent.first_col) // extent.block_tiles
    inside = f"{row}/{col}/0/0/0" if array == "image" else f"{row}/{col}/0/0"
    return folder / STORE_NAME / array / "c" / inside


def write_blocks_file(
    folder: Path, records: Mapping[TileId, BlockRecord], *, extent: StoreExtent
) -> None:
    """Writes the records of a date's blocks for the next ingest of the date."""
    blocks = {f"{block.col}_{block.row}": asdict(record) for block, record in records.items()}
    _write_json(folder / BLOCKS_NAME, {"extent": asdict(extent), "blocks": blocks})


def read_date(folder: Path) -> dict[str, Any] | None:
    """The `date.json` of a finished date, if `folder` is one."""
    return _stored(folder / DATE_NAME)


def write_date(folder: Path, content: Mapping[str, Any]) -> None:
    """Writes the `date.json` of a date: from now on it is finished."""
    _write_json(folder / DATE_NAME, content)


def strip_staging(folder: Path) -> None:
    """Removes what only an unfinished date needs from a staging folder."""
    for name in (_BLOCKS_FOLDER, _VECTORS_FOLDER):
        shutil.rmtree(folder / name, ignore_errors=True)
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


def flushed_hash(path: Path) -> str:
    """The hash of a file that is safe on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
        return hashlib.file_digest(stream, "sha256").hexdigest()
