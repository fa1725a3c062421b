"""STAC items: records of tiles and their footprints go in, items as JSON values come out."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pyproj import CRS

from aerialret.export.cog_encoding import tile_transform
from aerialret.export.footprint import Footprint
from aerialret.export.layout import (
    CATALOG_NAME,
    COLLECTION_NAME,
    date_folder,
    date_name,
    group_folder,
    image_path,
    mask_path,
    tile_name,
)
from aerialret.export.mask_style import VALUES
from aerialret.export.selection import TileRecord
from aerialret.tiles.dates import DateInterval
from aerialret.tiles.grid import Grid
from aerialret.tiles.palette import NO_COVERAGE

STAC_VERSION = "1.1.0"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
CLASSIFICATION = "https://stac-extensions.github.io/classification/v2.0.0/schema.json"
PREFIX = "aerialret:"
"""Before the properties that no extension defines."""
JSON, GEOJSON = "application/json", "application/geo+json"

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemMaker:
    """Makes items of one tile set.

    Attributes:
        grid: The tile set's grid.
        with_files: Whether items have assets.
        crs: The properties that name the grid's CRS, from `crs_properties`.
    """

    grid: Grid
    with_files: bool
    crs: dict[str, str | None]

    def item(self, record: TileRecord, footprint: Footprint) -> dict[str, Any]:
        """The item as its file holds it, with links and assets relative to that file."""
        folder = group_folder(record.date, record.tile)
        up = PurePosixPath("../..")
        links = [
            link("root", up / CATALOG_NAME),
            link("parent", CATALOG_NAME),
            link("collection", PurePosixPath("..") / COLLECTION_NAME),
        ]
        return self._item(record, footprint, links, below=folder)

    def row(self, record: TileRecord, footprint: Footprint) -> dict[str, Any]:
        """The item as the table holds it, with links and assets relative to the table."""
        links = [
            link("root", CATALOG_NAME),
            link("collection", date_folder(record.date) / COLLECTION_NAME),
        ]
        return self._item(record, footprint, links, below=PurePosixPath())

    def _item(
        self,
        record: TileRecord,
        footprint: Footprint,
        links: list[dict[str, str]],
        *,
        below: PurePosixPath,
    ) -> dict[str, Any]:
        has_mask = self.with_files and record.has_mask
        return {
            "type": "Feature",
            "stac_version": STAC_VERSION,
            "stac_extensions": [PROJECTION, *([CLASSIFICATION] if has_mask else [])],
            "id": tile_name(record.date, record.tile),
            "collection": date_name(record.date),
            "geometry": footprint.geometry,
            "bbox": footprint.bbox,
            "properties": self._properties(record),
            "links": links,
            "assets": _assets(record, below) if self.with_files else {},
        }

    def _properties(self, record: TileRecord) -> dict[str, Any]:
        side = self.grid.tile_px
        return {
            **interval_properties(record.days),
            "gsd": float(self.grid.resolution_m),
            **self.crs,
            "proj:bbox": [float(value) for value in self.grid.bounds(record.tile)],
            "proj:shape": [side, side],
            "proj:transform": [float(v) for v in tile_transform(self.grid, record.tile)[:6]],
            f"{PREFIX}place": record.tile.place,
            f"{PREFIX}date": record.date,
            **{f"{PREFIX}{name}": value for name, value in record.fractions.items()},
        }


def link(rel: str, href: PurePosixPath | str, kind: str = JSON) -> dict[str, str]:
    """A relative link."""
    text = str(href)
    return {"rel": rel, "href": text if text.startswith("..") else f"./{text}", "type": kind}


def crs_properties(crs: str) -> dict[str, str | None]:
    """The projection extension's name of a CRS: its code, else its WKT2."""
    known = CRS.from_user_input(crs)
    authority = known.to_authority()
    if authority:
        return {"proj:code": ":".join(authority)}
    return {"proj:code": None, "proj:wkt2": known.to_wkt()}


def interval_properties(days: DateInterval) -> dict[str, str | None]:
    """The days as STAC tells an interval: no instant, from the first second to the last."""
    first, last = instants(days)
    return {"datetime": None, "start_datetime": first, "end_datetime": last}


def instants(days: DateInterval) -> tuple[str, str]:
    """The first and the last second of `days` in UTC."""
    return f"{days.first.isoformat()}T00:00:00Z", f"{days.last.isoformat()}T23:59:59Z"


def mask_classes() -> list[dict[str, Any]]:
    """What the classification extension says of a mask's values.

    Every class has every key: tables have no absent keys, only nulls, which the schema refuses.
    """
    known = [(value.code, value.name, value.hex) for value in VALUES]
    return [
        {"value": code, "name": name, "color_hint": colour, "nodata": code == NO_COVERAGE}
        for code, name, colour in (*known, (NO_COVERAGE, "no_coverage", "000000"))
    ]


def image_asset() -> dict[str, Any]:
    """What all image assets share."""
    bands = [{"name": name} for name in ("red", "green", "blue")]
    return {"title": "Image", "type": _COG, "roles": ["data"], "data_type": "uint8", "bands": bands}


def mask_asset() -> dict[str, Any]:
    """What all mask assets share."""
    return {
        "title": "Land classes",
        "type": _COG,
        "roles": ["data", "labels"],
        "data_type": "uint8",
        "nodata": NO_COVERAGE,
        "classification:classes": mask_classes(),
    }


def _assets(record: TileRecord, below: PurePosixPath) -> dict[str, Any]:
    def href(path: PurePosixPath) -> dict[str, str]:
        return {"href": f"./{path.relative_to(below)}"}

    assets = {"image": href(image_path(record.date, record.tile)) | image_asset()}
    if record.has_mask:
        assets["mask"] = href(mask_path(record.date, record.tile)) | mask_asset()
    return assets
