"""Tile indexes of deliveries (dalles.shp): a tile's path goes in, its rectangle and CRS come out.

A BD ORTHO delivery keeps the index of its tiles in another folder than the tiles:
`1_DONNEES_LIVRAISON_…/…/57-….jp2` and `5_SUPPLEMENTS_LIVRAISON_…/…/dalles.shp`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath

import geopandas as gpd
import pyogrio
import pyproj

from aerialret.ingestion.crs import horizontal
from aerialret.tiles.grid import Bounds

INDEX_NAME = "dalles.shp"

DATA_FOLDER = re.compile(r"\d+_DONNEES_LIVRAISON.*", re.IGNORECASE)
"""The folders of a delivery that hold the imagery."""

SUPPLEMENT_FOLDER = re.compile(r"\d+_SUPPLEMENTS_LIVRAISON.*", re.IGNORECASE)
"""The folders of a delivery that hold tile indexes, quicklooks and the like."""

_PARTS = frozenset({".shp", ".shx", ".dbf", ".prj", ".cpg"})


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedTile:
    """What a tile index says of a tile.

    Attributes:
        crs: The index's CRS; None where it has none.
        bounds: The tile's rectangle; None where the index does not name the tile.
        files: The files of the index.
    """

    crs: pyproj.CRS | None
    bounds: Bounds | None
    files: tuple[Path, ...]


def indexed_tile(path: Path) -> IndexedTile | None:
    """What the tile index of the delivery says of the tile at `path`; None without an index.

    Where there are several, the one that names the tile counts, else the first.
    """
    found = [_look_up(index, path) for index in _indexes(path)]
    naming = [tile for tile in found if tile is not None and tile.bounds is not None]
    return next(iter(naming + [tile for tile in found if tile is not None]), None)


def _indexes(path: Path) -> Iterator[Path]:
    """Indexes beside the tile and in the supplements of its delivery."""
    yield from _named(path.parent.iterdir())
    for folder in path.resolve().parents:
        if DATA_FOLDER.fullmatch(folder.name):
            beside = sorted(folder.parent.iterdir())
            supplements = [each for each in beside if SUPPLEMENT_FOLDER.fullmatch(each.name)]
            for supplement in supplements:
                yield from _named(supplement.rglob("*"))
            return


def _named(paths: Iterator[Path]) -> list[Path]:
    return sorted(path for path in paths if path.name.lower() == INDEX_NAME and path.is_file())


def _look_up(index: Path, path: Path) -> IndexedTile | None:
    frame = _read(index, index.stat().st_mtime_ns)
    if frame is None:
        return None
    wanted = {path.stem.casefold(), path.name.casefold()}
    here = [
        box
        for column in frame.columns.drop(frame.geometry.name)
        for value, box in zip(frame[column], frame.geometry, strict=True)
        if isinstance(value, str) and _last(value) in wanted and box is not None
    ]
    beside = index.parent.glob("*")
    parts = [part for part in beside if part.stem == index.stem and part.suffix.lower() in _PARTS]
    return IndexedTile(
        crs=horizontal(pyproj.CRS(frame.crs)) if frame.crs else None,
        bounds=Bounds(*here[0].bounds) if here else None,
        files=tuple(sorted(parts)),
    )


def _last(value: str) -> str:
    """The last part of a path, whatever its slashes, in lower case."""
    return PurePath(value.strip().replace("\\", "/")).name.casefold()


@lru_cache(maxsize=8)
def _read(index: Path, changed_ns: int) -> gpd.GeoDataFrame | None:
    """The index; None where it cannot be read. `changed_ns` makes a changed file a new one."""
    try:
        return gpd.read_file(index)
    except pyogrio.errors.DataSourceError:
        return None
