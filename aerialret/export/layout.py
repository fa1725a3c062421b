"""Where an export's files lie: dates and tiles go in, names and relative paths come out.

OUT/2004/c-16_r0/2004_c-3_r5_image.tif: a folder for each date, in it one for each group of cells.
A path follows from the tile alone, so a tile set that grows keeps the names of its files.
"""

from pathlib import PurePosixPath

from aerialret.tiles.grid import TileId

GROUP_TILES = 16
"""Side of a group in cells: 256 items, about 1,000 files in a folder."""

RECORD_NAME = "export.json"
CATALOG_NAME = "catalog.json"
COLLECTION_NAME = "collection.json"
ITEMS_TABLE_NAME = "items.parquet"


def date_name(date: str) -> str:
    """The date label as identifiers and folders spell it: `1950..1965` is `1950_1965`."""
    return date.strip().replace("..", "_")


def group_of(tile: TileId) -> TileId:
    """The upper-left cell of the group that `tile` belongs to."""
    return TileId(tile.col // GROUP_TILES * GROUP_TILES, tile.row // GROUP_TILES * GROUP_TILES)


def tile_name(date: str, tile: TileId) -> str:
    """The identifier of one tile at one date, unique in the tile set."""
    return f"{date_name(date)}_{tile.place}"


def date_folder(date: str) -> PurePosixPath:
    """The folder of one date."""
    return PurePosixPath(date_name(date))


def group_folder(date: str, tile: TileId) -> PurePosixPath:
    """The folder of the tile's group at one date."""
    return date_folder(date) / group_of(tile).place


def image_path(date: str, tile: TileId) -> PurePosixPath:
    """The tile's image."""
    return group_folder(date, tile) / f"{tile_name(date, tile)}_image.tif"


def mask_path(date: str, tile: TileId) -> PurePosixPath:
    """The tile's class mask; its style has the ending `.qml`, its class names `.tif.aux.xml`."""
    return group_folder(date, tile) / f"{tile_name(date, tile)}_mask.tif"


def item_path(date: str, tile: TileId) -> PurePosixPath:
    """The tile's STAC item."""
    return group_folder(date, tile) / f"{tile_name(date, tile)}.json"
