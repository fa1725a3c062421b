"""Figures of parts of the queries: the table and a column go in, scores by its values come out."""

from typing import Any

import numpy as np
import pandas as pd

from aerialret.evaluation.query_table import ranks_in
from aerialret.evaluation.scores import scores
from aerialret.evaluation.strata import SHARE_BINS, share_bin, share_columns


def figures_of(table: pd.DataFrame, rows: pd.Series) -> dict[str, Any]:
    """The figures of some rows (bool [n]) of the table."""
    return scores(ranks_in(table, rows), table.loc[rows, "distance_m"].to_numpy(np.float64))


def by_value(
    table: pd.DataFrame, column: str, *, rows: pd.Series, order: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The figures of `rows` for each value of `column`; those without a value are in none.

    Args:
        table: A row for each query.
        column: What to divide them by.
        rows: bool [n], those that count.
        order: The values in order; empty for the alphabet's.
    """
    present = set(table.loc[rows, column].dropna())
    names = [name for name in order or sorted(present) if name in present]
    return {name: figures_of(table, rows & (table[column] == name)) for name in names}


def by_share(table: pd.DataFrame, *, rows: pd.Series) -> dict[str, Any]:
    """The figures of `rows` for each class and each bin of its share of the ground.

    Classes that are the same bin everywhere are left out.
    """
    found = {}
    for column in share_columns(table):
        binned = table.assign(bin=share_bin(table[column]))
        bins = by_value(binned, "bin", rows=rows, order=tuple(SHARE_BINS))
        if len(bins) > 1:
            found[column.removeprefix("share_")] = bins
    return found
