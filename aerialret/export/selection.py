"""The tiles of an export: a tile set, dates and an area go in, records in export order come out."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from aerialret.errors import AerialretError, NotAnArtefactError, NothingToDoError
from aerialret.export.layout import group_of
from aerialret.tiles.area import read_area
from aerialret.tiles.dates import DateInterval, parse_interval
from aerialret.tiles.grid import TileId
from aerialret.tiles.pixel_store import BLOCK_TILES
from aerialret.tiles.tileset import TileSet

SHARE_PREFIX = "share_"
_DAYS = ("first_day", "last_day")


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRecord:
    """What the catalogue says of one tile.

    Attributes:
        date: Its date label.
        tile: Its cell.
        days: When it was flown: the catalogue's days, else those of the label.
        fractions: `valid_fraction`, `covered_fraction` and the class shares, 0 to 1.
    """

    date: str
    tile: TileId
    days: DateInterval
    fractions: Mapping[str, float]

    @property
    def has_mask(self) -> bool:
        """Whether any of its pixels lies inside the vector coverage."""
        return self.fractions["covered_fraction"] > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The tiles to export.

    Attributes:
        records: The records of each date, group by group, block by block.
        empty: Dates that were asked for and have no tile in the area.
    """

    records: Mapping[str, Sequence[TileRecord]]
    empty: tuple[str, ...]

    @property
    def tiles(self) -> int:
        """How many tiles there are."""
        return sum(len(records) for records in self.records.values())


def open_tileset(folder: Path) -> TileSet:
    """The tile set in `folder`.

    Raises:
        NotAnArtefactError: It is none, or its catalogue cannot be read.
    """
    try:
        return TileSet(folder)
    except AerialretError:
        raise
    except Exception as error:  # pyarrow, geopandas and json raise errors that share no base
        raise NotAnArtefactError(
            f"{folder} is a damaged tile set ({error}); see 'aerialret info {folder}', then ingest "
            "its dates again"
        ) from error


def select(tileset: TileSet, *, dates: Sequence[str] = (), area: str = "") -> Selection:
    """The tiles of `dates` that share ground with `area`.

    Args:
        tileset: Where they come from.
        dates: Labels; all dates if empty.
        area: As `--area`; everywhere if empty.

    Raises:
        UnknownDateError: The tile set lacks a date.
        NothingToDoError: No tile is left.
    """
    known = tileset.dates
    wanted = [known_date for known_date in known if known_date in set(dates or known)]
    wanted += [tileset.require_date(date) for date in dates if date not in known]
    shape = read_area(area, crs=tileset.grid.crs) if area else None
    records = {}
    for date in wanted:
        rows = tileset.rows(date)
        if shape is not None:
            rows = rows[rows.intersects(shape) & ~rows.touches(shape)]
        records[date] = _records(date, rows)
    if not any(records.values()):
        raise NothingToDoError(
            f"no tile of {', '.join(wanted) or 'any date'} lies in "
            f"{f'the area {area}' if area else str(tileset.folder)}; give other dates or another "
            "area, or ingest imagery first"
        )
    return Selection(
        records={date: found for date, found in records.items() if found},
        empty=tuple(date for date, found in records.items() if not found),
    )


def groups(records: Sequence[TileRecord]) -> Iterator[tuple[TileId, list[TileRecord]]]:
    """The records of each group of cells, with the group's upper-left cell."""
    for group, members in groupby(records, key=lambda record: group_of(record.tile)):
        yield group, list(members)


def _records(date: str, rows: gpd.GeoDataFrame) -> list[TileRecord]:
    label = parse_interval(date)
    names = [name for name in rows.columns if name.startswith(SHARE_PREFIX)]
    names = ["valid_fraction", "covered_fraction", *names]
    columns = [rows[name].astype(float).tolist() for name in names]
    cells = zip(rows["col"].tolist(), rows["row"].tolist(), strict=True)
    found = [
        TileRecord(
            date=date, tile=TileId(*cell), days=days,
            fractions=dict(zip(names, values, strict=True)),
        )
        for cell, days, *values in zip(cells, _days(rows, label), *columns, strict=True)
    ]  # fmt: skip
    return sorted(found, key=_export_order)


def _days(rows: gpd.GeoDataFrame, label: DateInterval) -> list[DateInterval]:
    if not set(_DAYS) <= set(rows.columns):
        return [label] * len(rows)
    pairs = zip(rows[_DAYS[0]], rows[_DAYS[1]], strict=True)
    return [DateInterval(_day(a, label.first), _day(b, label.last)) for a, b in pairs]


def _day(value: Any, default: datetime.date) -> datetime.date:
    return default if pd.isna(value) else pd.Timestamp(value).date()


def _export_order(record: TileRecord) -> tuple[int, ...]:
    """Group by group, in it block by block of the pixel store, in it row by row."""
    tile, group = record.tile, group_of(record.tile)
    block = tile.row // BLOCK_TILES, tile.col // BLOCK_TILES
    return (group.row, group.col, *block, tile.row, tile.col)
