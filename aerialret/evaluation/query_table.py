"""The table of an evaluation: measurements go in, a row for each query comes out.

It is written as `queries.parquet`; docs/evaluate.md explains every column.

The headline map@5 of `metrics.json`, from it:

    table = pd.read_parquet("queries.parquet")
    ranks = table.loc[table["in_scope"], "rank"]
    map5 = (1 / ranks.where(ranks <= 5)).fillna(0).mean()
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.evaluation.change import Change
from aerialret.evaluation.comparisons import Dates
from aerialret.evaluation.locating import Located
from aerialret.evaluation.measurement import RESULTS_KEPT, Measurement
from aerialret.evaluation.photos import Photos
from aerialret.evaluation.pose_errors import PoseErrors
from aerialret.evaluation.strata import (
    change_class,
    covered_shares,
    land_cover,
    main_class,
    mask_content,
    settlement,
)
from aerialret.network.checkpoint import Model
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.retrieval.vector_index import NO_ROW
from aerialret.tiles.grid import TileId
from aerialret.tiles.tileset import TileSet

UNSEEN = "unseen"

SCOPES = ("test", "val", UNSEEN)
"""The splits that the headline may be about, the best evidence first."""

ALL = "all"


def query_table(
    tileset: TileSet,
    model: Model,
    measurement: Measurement,
    *,
    photos: Photos,
    change: Change | None = None,
) -> pd.DataFrame:
    """The table of the headline comparison, without the ranks of the others.

    Args:
        tileset: Holds the tiles.
        model: Knows the splits.
        measurement: Of the headline comparison.
        photos: The queries.
        change: Of their places between the dates, where it was measured.
    """
    rows = _rows(tileset, photos.dates.queries, photos.tiles)
    table = pd.DataFrame({name: rows[name] for name in ("place", "col", "row", "date")})
    table["split"] = _splits(rows["place"], model, tileset)
    _add_strata(table, rows, change)
    table[["centre_x", "centre_y"]] = photos.shown.centres_m
    table["rotation_deg"] = photos.shown.rotation_deg
    table["metres_per_px"] = photos.shown.metres_per_px
    table["rank"] = nullable_ranks(measurement.ranks)
    table["in_scope"] = table["rank"].notna() & _in_scope(table)
    places = tileset.rows(photos.dates.gallery)["place"].to_numpy(dtype=object)
    rows_found = measurement.nearest.rows[:, :RESULTS_KEPT]
    scores = measurement.nearest.scores[:, :RESULTS_KEPT]
    found = rows_found != NO_ROW
    table["results"] = [places[r[f]] for r, f in zip(rows_found, found, strict=True)]
    table["scores"] = [s[f] for s, f in zip(scores, found, strict=True)]
    table["distance_m"] = measurement.distance_m
    return table


def add_measurements(table: pd.DataFrame, measurements: Mapping[str, Measurement]) -> None:
    """Adds columns `rank_NAME` and `distance_m_NAME` for each of the measurements."""
    for name, measurement in measurements.items():
        suffix = name.replace(" ", "_")
        table[f"rank_{suffix}"] = nullable_ranks(measurement.ranks)
        table[f"distance_m_{suffix}"] = measurement.distance_m


def add_errors(table: pd.DataFrame, searched: PoseErrors) -> None:
    """Adds how far off the search alone puts each photo, beside `distance_m`, its centre."""
    table["search_corner_error_m"] = searched.corner_m
    table["search_turn_error_deg"] = searched.turn_deg
    table["search_scale_error"] = searched.scale


def add_located(table: pd.DataFrame, located: Located) -> None:
    """Adds what verification made of the headline; null for photos that were not verified."""
    table["rank_verified"] = nullable_ranks(located.ranks)
    table["result_verified"] = located.first
    table["verified"] = pd.Series(located.believed, dtype="boolean").mask(~located.asked)
    table["inliers"] = pd.Series(located.inliers, dtype="Int64").mask(~located.asked)
    table["rmse_m"] = located.rmse_m
    table["centre_error_m"] = located.errors.centre_m
    table["corner_error_m"] = located.errors.corner_m
    table["turn_error_deg"] = located.errors.turn_deg
    table["scale_error"] = located.errors.scale


def nullable_ranks(ranks: NDArray[np.int64]) -> pd.Series:
    """Int64, null where the right place was not to be found."""
    return pd.Series(ranks, dtype="Int64").mask(ranks == NOT_FOUND)


def ranks_in(table: pd.DataFrame, rows: pd.Series, column: str = "rank") -> NDArray[np.int64]:
    """The ranks of some rows; `NOT_FOUND` for null."""
    ranks: NDArray[np.int64] = table.loc[rows, column].fillna(NOT_FOUND).to_numpy(np.int64)
    return ranks


def scope_of(table: pd.DataFrame) -> str:
    """The split that the headline is about: the first of `SCOPES` that has an answerable query."""
    present = set(table.loc[table["rank"].notna(), "split"])
    return next((name for name in SCOPES if name in present), ALL)


def tiles_in_scope(tileset: TileSet, model: Model, *, dates: Dates) -> list[TileId]:
    """The tiles of the queries' date that the headline is about: all it takes to measure it."""
    rows = tileset.rows(dates.queries)
    tiles = tileset.tiles(dates.queries)
    held = set(tileset.tiles(dates.gallery))
    splits = _splits(rows["place"], model, tileset)
    table = pd.DataFrame({"split": splits, "rank": [1 if t in held else pd.NA for t in tiles]})
    scope = scope_of(table)
    return [
        tile
        for tile, split in zip(tiles, splits, strict=True)
        if tile in held and scope in (ALL, split)
    ]


def _add_strata(table: pd.DataFrame, rows: pd.DataFrame, change: Change | None) -> None:
    amount = np.full(len(rows), np.nan) if change is None else change.amount
    table["land_cover"] = land_cover(rows)
    table["mask_content"] = mask_content(rows)
    table["main_class"] = main_class(rows)
    table["settlement"] = settlement(rows)
    table["change"] = amount
    table["change_class"] = change_class(amount)
    shares = covered_shares(rows)
    table[list(shares.columns)] = shares


def _rows(tileset: TileSet, date: str, tiles: Sequence[TileId]) -> pd.DataFrame:
    """The catalogue's rows of `tiles`, in their order."""
    position = {tile: row for row, tile in enumerate(tileset.tiles(date))}
    rows = pd.DataFrame(tileset.rows(date).drop(columns="geometry"))
    return rows.iloc[[position[tile] for tile in tiles]].reset_index(drop=True)


def _in_scope(table: pd.DataFrame) -> pd.Series:
    scope = scope_of(table)
    return pd.Series(True, table.index) if scope == ALL else table["split"] == scope


def _splits(places: pd.Series, model: Model, tileset: TileSet) -> pd.Series:
    """The split of each place; on another grid, a place of the same name is another one."""
    if model.grid != tileset.grid:
        return pd.Series(UNSEEN, places.index)
    known = dict(zip(model.split["place"], model.split["split"], strict=True))
    return places.map(lambda place: known.get(place, UNSEEN)).astype(object)
