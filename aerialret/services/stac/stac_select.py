"""Which items and assets are meant: STAC items go in; their days, ground and one asset come out."""

import fnmatch
import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pystac
import shapely
from shapely.geometry.base import BaseGeometry

from aerialret.tiles.dates import DateInterval

_RASTERS = ("image/tiff", "image/jp2", "image/vnd.stac.geotiff", "image/x.geotiff")
_ENDINGS = (".tif", ".tiff", ".jp2", ".vrt")
_CONTENT = ("visual", "data")
"""Roles of assets that are the imagery itself, the one to look at first."""


def days_of(item: pystac.Item) -> DateInterval | None:
    """The days on which an item was flown; None where it does not say.

    New Year at midnight is what services write for a year, and stands for all of it.
    """
    first, last = item.common_metadata.start_datetime, item.common_metadata.end_datetime
    if first is not None and last is not None:
        return DateInterval(_day(first), _day(last))
    if item.datetime is None:
        return None
    moment = item.datetime.astimezone(UTC) if item.datetime.tzinfo else item.datetime
    if (moment.month, moment.day, moment.hour, moment.minute, moment.second) == (1, 1, 0, 0, 0):
        return DateInterval(date(moment.year, 1, 1), date(moment.year, 12, 31))
    return DateInterval(moment.date(), moment.date())


def ground_of(item: pystac.Item) -> BaseGeometry | None:
    """The ground that an item shows, in EPSG:4326; None where it does not say."""
    if item.geometry:
        geometry: BaseGeometry = shapely.make_valid(shapely.geometry.shape(item.geometry))
        return geometry
    return shapely.box(*_flat(item.bbox)) if item.bbox else None


def shows(item: pystac.Item, area: BaseGeometry) -> bool:
    """Whether an item shows a part of `area`, more than its border; true where it does not say."""
    ground = ground_of(item)
    return ground is None or bool(ground.intersection(area).area > 0)


def asset_of(
    item: pystac.Item, *, names: Sequence[str], gsd_m: float
) -> tuple[str, pystac.Asset] | None:
    """The one asset to take and its key, or None.

    Args:
        item: The item.
        names: Keys of assets, or patterns of keys or file names; empty: imagery by role and type.
        gsd_m: Ground pixel that is asked for, in metres; 0: the finest.
    """
    named = [(key, item.assets[key]) for key in item.assets if _is_named(item, key, names)]
    fitting = named if names else [pair for pair in named if _is_imagery(pair[1])]
    if not fitting:
        return None
    return min(fitting, key=lambda pair: (_gsd_distance(item, pair[1], gsd_m), _role(pair[1])))


def gsd_of(item: pystac.Item, asset: pystac.Asset) -> float:
    """The ground pixel of an asset in metres; 0 where nothing says."""
    bands = asset.extra_fields.get("raster:bands") or [{}]
    values = (
        asset.extra_fields.get("gsd"),
        asset.extra_fields.get("eo:gsd"),
        asset.extra_fields.get("raster:spatial_resolution"),
        bands[0].get("spatial_resolution"),
        item.properties.get("gsd"),
        item.properties.get("eo:gsd"),
    )
    return next((float(value) for value in values if isinstance(value, int | float)), 0.0)


def file_name(href: str) -> str:
    """The file at the end of a link, without what follows it."""
    return PurePosixPath(urlsplit(href).path).name


def _is_named(item: pystac.Item, key: str, names: Sequence[str]) -> bool:
    spellings = (key, file_name(item.assets[key].href))
    return not names or any(
        fnmatch.fnmatchcase(spelling, name) for name in names for spelling in spellings
    )


def _is_imagery(asset: pystac.Asset) -> bool:
    kind = (asset.media_type or "").partition(";")[0].lower()
    is_raster = kind in _RASTERS or file_name(asset.href).lower().endswith(_ENDINGS)
    shown = set(asset.roles or ())
    return is_raster and not (shown & {"thumbnail", "overview", "metadata"})


def _role(asset: pystac.Asset) -> int:
    roles = asset.roles or []
    return next((i for i, role in enumerate(_CONTENT) if role in roles), len(_CONTENT))


def _gsd_distance(item: pystac.Item, asset: pystac.Asset, gsd_m: float) -> float:
    gsd = gsd_of(item, asset)
    if not gsd_m:
        return gsd or math.inf
    return abs(math.log(gsd / gsd_m)) if gsd > 0 else math.inf


def _day(moment: datetime) -> date:
    return (moment.astimezone(UTC) if moment.tzinfo else moment).date()


def _flat(bbox: Sequence[float]) -> tuple[float, float, float, float]:
    """A box without heights."""
    half = len(bbox) // 2
    return bbox[0], bbox[1], bbox[half], bbox[half + 1]
