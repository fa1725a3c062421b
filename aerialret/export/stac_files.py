"""The files of a STAC catalogue: a selection of tiles goes in, JSON files and a table lie there.

Items are made, written and dropped one by one, as many tiles as there are.
"""

import json
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from pyproj import Transformer

from aerialret.export.export_folder import ExportFolder
from aerialret.export.footprint import LonLatBox, extent, footprints, to_lonlat
from aerialret.export.items_table import write_items_table
from aerialret.export.layout import (
    CATALOG_NAME,
    COLLECTION_NAME,
    ITEMS_TABLE_NAME,
    date_folder,
    group_folder,
    item_path,
)
from aerialret.export.report import Progress
from aerialret.export.selection import Selection, TileRecord, groups
from aerialret.export.stac_catalogue import catalogue, collection, group_catalogue
from aerialret.export.stac_items import ItemMaker


def write_stac_files(
    folder: ExportFolder,
    selection: Selection,
    maker: ItemMaker,
    *,
    content_hash: str,
    progress: Progress,
) -> None:
    """Writes what `folder` lacks: items, then the table, collections and the catalogue.

    Args:
        folder: Where they go.
        selection: The tiles.
        maker: What makes their items.
        content_hash: That of the tile set.
        progress: Told the items done.
    """
    lonlat = to_lonlat(maker.grid.crs)
    collections = {}
    for date, records in selection.records.items():
        found = collection(date, records, maker=maker, bbox=_bbox(records, maker, lonlat))
        collections[str(found["id"])] = found
    rows = _write_items(folder, selection, maker, lonlat, progress)
    if folder.lacks(ITEMS_TABLE_NAME):
        exemplar = _exemplar(selection, maker, lonlat)
        path = folder.path(ITEMS_TABLE_NAME)
        write_items_table(path, rows, exemplar=exemplar, collections=collections)
        folder.written += 1
    else:
        deque(rows, maxlen=0)
    for date, found in zip(selection.records, collections.values(), strict=True):
        _write_json(folder, date_folder(date) / COLLECTION_NAME, found, indent=2)
    top = catalogue(content_hash, list(selection.records))
    _write_json(folder, CATALOG_NAME, top, indent=2)


def _write_items(
    folder: ExportFolder,
    selection: Selection,
    maker: ItemMaker,
    lonlat: Transformer,
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Writes each item that is missing; yields every item as the table holds it."""
    done = 0
    for date, records in selection.records.items():
        for cell, members in groups(records):
            marks = footprints(maker.grid, [record.tile for record in members], lonlat=lonlat)
            for record, mark in zip(members, marks, strict=True):
                path = item_path(date, record.tile)
                if folder.lacks(path):
                    _write_json(folder, path, maker.item(record, mark))
                yield maker.row(record, mark)
            catalogue_path = group_folder(date, cell) / CATALOG_NAME
            _write_json(folder, catalogue_path, group_catalogue(date, cell, members), indent=2)
            done += len(members)
            progress("items", done, selection.tiles)


def _exemplar(selection: Selection, maker: ItemMaker, lonlat: Transformer) -> dict[str, Any]:
    """An item with every field: one with a mask, if any tile has one."""
    everything = (record for records in selection.records.values() for record in records)
    record = max(everything, key=lambda record: record.has_mask)
    return maker.row(record, footprints(maker.grid, [record.tile], lonlat=lonlat)[0])


def _bbox(records: Sequence[TileRecord], maker: ItemMaker, lonlat: Transformer) -> LonLatBox:
    return extent(
        mark.bbox
        for _, members in groups(records)
        for mark in footprints(maker.grid, [record.tile for record in members], lonlat=lonlat)
    )


def _write_json(
    folder: ExportFolder, path: Any, content: dict[str, Any], *, indent: int | None = None
) -> None:
    if folder.lacks(path):
        separators = (",", ": ") if indent else (",", ":")
        text = json.dumps(
            content, indent=indent, separators=separators, ensure_ascii=False, allow_nan=False
        )
        folder.write(path, text + "\n")
