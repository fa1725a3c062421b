"""STAC catalogue and collections: the tiles of each date go in, JSON values come out."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from aerialret.export.footprint import LonLatBox
from aerialret.export.layout import (
    CATALOG_NAME,
    COLLECTION_NAME,
    ITEMS_TABLE_NAME,
    date_folder,
    date_name,
    group_folder,
    item_path,
)
from aerialret.export.selection import TileRecord, groups
from aerialret.export.stac_items import (
    CLASSIFICATION,
    GEOJSON,
    PROJECTION,
    STAC_VERSION,
    ItemMaker,
    image_asset,
    instants,
    link,
    mask_asset,
)
from aerialret.tiles.dates import DateInterval
from aerialret.tiles.grid import TileId

_PARQUET = "application/vnd.apache.parquet"


def catalogue(content_hash: str, dates: Sequence[str]) -> dict[str, Any]:
    """The catalogue at the top: a child for each date.

    Args:
        content_hash: That of the tile set.
        dates: Labels, oldest first.
    """
    children = [link("child", date_folder(date) / COLLECTION_NAME) for date in dates]
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": f"aerialret-{content_hash[:12]}",
        "title": "Tiles of aerial imagery",
        "description": f"One collection for each date: {', '.join(dates)}.",
        "links": [link("root", CATALOG_NAME), *children],
    }


def collection(
    date: str, records: Sequence[TileRecord], *, maker: ItemMaker, bbox: LonLatBox
) -> dict[str, Any]:
    """The collection of one date: a child for each group of cells.

    Args:
        date: Its label.
        records: Its tiles, group by group.
        maker: What makes its items.
        bbox: The box around its tiles.
    """
    has_masks = maker.with_files and any(record.has_mask for record in records)
    days = DateInterval(
        min(record.days.first for record in records), max(record.days.last for record in records)
    )
    children = [
        link("child", group_folder(date, cell).relative_to(date_folder(date)) / CATALOG_NAME)
        for cell, _ in groups(records)
    ]
    up = PurePosixPath("..")
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "stac_extensions": [PROJECTION, *([CLASSIFICATION] if has_masks else [])],
        "id": date_name(date),
        "title": f"Aerial imagery of {date}",
        "description": f"{len(records)} tiles of {maker.grid.tile_size_m:g} m at {date}.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [bbox]},
            "temporal": {"interval": [list(instants(days))]},
        },
        "summaries": {"gsd": [float(maker.grid.resolution_m)], **_crs_summary(maker)},
        "item_assets": _item_assets(has_masks=has_masks) if maker.with_files else {},
        "links": [link("root", up / CATALOG_NAME), link("parent", up / CATALOG_NAME), *children],
        "assets": {
            "items": {
                "href": str(up / ITEMS_TABLE_NAME),
                "title": "The items of all dates as stac-geoparquet",
                "type": _PARQUET,
                "roles": ["collection-mirror"],
            }
        },
    }


def group_catalogue(date: str, cell: TileId, members: Sequence[TileRecord]) -> dict[str, Any]:
    """The catalogue of one group of cells: a link to each item."""
    items = [link("item", item_path(date, record.tile).name, GEOJSON) for record in members]
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": f"{date_name(date)}_group_{cell.place}",
        "description": f"{len(members)} tiles of {date}, from cell {cell.place} on.",
        "links": [
            link("root", PurePosixPath("../..") / CATALOG_NAME),
            link("parent", PurePosixPath("..") / COLLECTION_NAME),
            *items,
        ],
    }


def _item_assets(*, has_masks: bool) -> dict[str, Any]:
    return {"image": image_asset(), **({"mask": mask_asset()} if has_masks else {})}


def _crs_summary(maker: ItemMaker) -> dict[str, list[str]]:
    code = maker.crs["proj:code"]
    return {"proj:code": [code]} if code else {}
