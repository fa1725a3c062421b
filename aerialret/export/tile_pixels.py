"""Pixels of an export: records go in, batches of tiles that agree with the catalogue come out."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from aerialret.errors import AerialretError, NotAnArtefactError
from aerialret.export.selection import TileRecord
from aerialret.tiles.arrays import Image, Mask, Valid
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.pixel_store import BLOCK_TILES, TileBatch
from aerialret.tiles.tileset import TileSet

_BATCH_BYTES = 64 * 2**20
_BYTES_PER_PIXEL = 5


class TilePixels(NamedTuple):
    """One tile's record and rasters."""

    record: TileRecord
    image: Image
    mask: Mask
    valid: Valid


def read_pixels(tileset: TileSet, records: Sequence[TileRecord]) -> Iterator[TilePixels]:
    """The pixels of `records` in their order, at most one block of the pixel store in memory.

    Raises:
        NotAnArtefactError: Pixels are damaged or missing.
    """
    tile_bytes = _BYTES_PER_PIXEL * tileset.grid.tile_px**2
    most = max(1, _BATCH_BYTES // tile_bytes)
    for _, members in groupby(records, key=_block):
        block = list(members)
        for start in range(0, len(block), most):
            part = block[start : start + most]
            batch = _read(tileset, part)
            for i, record in enumerate(part):
                yield TilePixels(record, batch.images[i], batch.masks[i], batch.valid[i])


def _block(record: TileRecord) -> tuple[str, int, int]:
    return record.date, record.tile.row // BLOCK_TILES, record.tile.col // BLOCK_TILES


def _read(tileset: TileSet, records: Sequence[TileRecord]) -> TileBatch:
    date = records[0].date
    try:
        batch = tileset.read(date, [record.tile for record in records])
    except AerialretError:
        raise
    except Exception as error:  # zarr and its codecs raise errors that share no base
        raise _damaged(tileset, records[0], f"cannot be read: {error}") from error
    _check(tileset, records, batch)
    return batch


def _check(tileset: TileSet, records: Sequence[TileRecord], batch: TileBatch) -> None:
    """A pixel file that is missing reads as fill values, so counts are held to the catalogue's."""
    half_a_pixel = 0.5 / tileset.grid.tile_px**2
    valid = batch.valid.mean(axis=(1, 2))
    covered = (batch.masks != NO_COVERAGE).mean(axis=(1, 2))
    for record, *found in zip(records, valid, covered, strict=True):
        told = record.fractions["valid_fraction"], record.fractions["covered_fraction"]
        if np.abs(np.subtract(told, found)).max() > half_a_pixel:
            raise _damaged(tileset, record, "are not those that the catalogue tells of")


def _damaged(tileset: TileSet, record: TileRecord, what: str) -> NotAnArtefactError:
    return NotAnArtefactError(
        f"{tileset.folder}: the pixels of {record.tile.place} at {record.date} {what}; see "
        f"'aerialret info {tileset.folder}', then ingest {record.date} again with '--replace'"
    )
