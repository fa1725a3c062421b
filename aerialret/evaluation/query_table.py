"""The table of an evaluation: measurements go in, a row for each query comes out.

It is written as `queries.parquet`.

Columns: place, col, row, date; split (of the model: train, val, test, buffer, or unseen for places
it does not know); land_cover, mask_content; in_scope (whether it counts for the headline); rank (of
the right place; null where the gallery lacks it); results (the first ten places), scores (their
similarities); distance_m (from the centre of the first result to the right one, in metres);
rank_NAME for every other comparison, and rank_untrained.

The headline map@5 of `metrics.json`, from it:

    table = pd.read_parquet("queries.parquet")
    ranks = table.loc[table["in_scope"], "rank"]
    map5 = (1 / ranks.where(ranks <= 5)).fillna(0).mean()
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.evaluation.comparisons import Dates, Measurement
from aerialret.evaluation.strata import land_cover, mask_content
from aerialret.network.checkpoint import Model
from aerialret.retrieval.metrics import NOT_FOUND
from aerialret.tiles.tileset import TileSet

UNSEEN = "unseen"

SCOPES = ("test", "val", UNSEEN)
"""The splits that the headline may be about, the best evidence first."""

ALL = "all"


def query_table(
    tileset: TileSet, model: Model, measurement: Measurement, *, dates: Dates
) -> pd.DataFrame:
    """The table of the headline comparison, without the ranks of the others.

    Args:
        tileset: Holds the tiles.
        model: Knows the splits.
        measurement: Of the headline comparison.
        dates: The dates that were compared.
    """
    rows = tileset.rows(dates.queries)
    gallery = tileset.rows(dates.gallery)
    table = pd.DataFrame({name: rows[name] for name in ("place", "col", "row", "date")})
    table["split"] = _splits(rows["place"], model, tileset)
    table["land_cover"] = land_cover(rows)
    table["mask_content"] = mask_content(rows)
    table["rank"] = nullable_ranks(measurement.ranks)
    table["in_scope"] = table["rank"].notna() & _in_scope(table)
    nearest = measurement.nearest
    table["results"] = list(gallery["place"].to_numpy(dtype=object)[nearest.rows])
    table["scores"] = list(nearest.scores)
    first = gallery.iloc[nearest.rows[:, 0]]
    table["distance_m"] = _distance_m(rows, first, tileset.grid.tile_size_m)
    return table


def add_ranks(table: pd.DataFrame, measurements: Mapping[str, Measurement]) -> None:
    """Adds a column `rank_NAME` for each of the measurements."""
    for name, measurement in measurements.items():
        table[f"rank_{name.replace(' ', '_')}"] = nullable_ranks(measurement.ranks)


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


def _in_scope(table: pd.DataFrame) -> pd.Series:
    scope = scope_of(table)
    return pd.Series(True, table.index) if scope == ALL else table["split"] == scope


def _splits(places: pd.Series, model: Model, tileset: TileSet) -> pd.Series:
    """The split of each place; on another grid, a place of the same name is another one."""
    if model.grid != tileset.grid:
        return pd.Series(UNSEEN, places.index)
    known = dict(zip(model.split["place"], model.split["split"], strict=True))
    return places.map(known).fillna(UNSEEN).astype(object)


def _distance_m(
    queries: pd.DataFrame, first: pd.DataFrame, tile_size_m: float
) -> NDArray[np.float64]:
    cols = queries["col"].to_numpy() - first["col"].to_numpy()
    rows = queries["row"].to_numpy() - first["row"].to_numpy()
    distance: NDArray[np.float64] = np.hypot(cols, rows) * tile_size_m
    return distance
