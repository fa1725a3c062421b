"""The figures of a comparison: ranks of queries go in, means with their spread come out.

In goes a row for each query, as `aerialret.comparison.records` keeps them, of all runs together:
method, seed, protocol, comparison, query (its number), split, in_scope, rank. Out comes a row for
each method, comparison, protocol, scope and metric: value, low, high (95 % bootstrap interval), std
(over the seeds; NaN for one seed), seeds, queries. Medians of errors have no interval.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aerialret.comparison.bootstrap import intervals
from aerialret.evaluation.scores import MAP_KEY
from aerialret.retrieval.metrics import NOT_FOUND, RECALL_DEPTHS, average_precision

HEADLINE = "headline"
"""The scope of the queries that count for the headline; other scopes are names of splits."""

RECALLS = {f"recall@{depth}": depth for depth in RECALL_DEPTHS}
METRICS = (MAP_KEY, *RECALLS)

ERRORS = {"centre_error_m": "distance_m", "corner_error_m": "corner_error_m"}
"""Medians over photos whose first answer is right, by methods that tell where in a tile a photo
lies, and the columns that they are of."""

COLUMNS = (
    "method", "comparison", "protocol", "scope", "metric",
    "value", "low", "high", "std", "seeds", "queries",
)  # fmt: skip

BOOTSTRAP_SEED = 0


def figures(
    queries: pd.DataFrame,
    *,
    resamples: int,
    scopes: Sequence[str] = (HEADLINE,),
    seed: int = BOOTSTRAP_SEED,
) -> pd.DataFrame:
    """Every figure, see the columns above.

    With several seeds a query's value is its mean over the seeds, and the queries are resampled.

    Args:
        queries: Ranks of the queries of all runs.
        resamples: Samples that the bootstrap draws.
        scopes: `HEADLINE`, or names of splits.
        seed: Seed of the bootstrap.
    """
    counted = _with_values(queries[queries["rank"].notna()])
    parts = []
    for scope in scopes:
        rows = counted["in_scope"] if scope == HEADLINE else counted["split"] == scope
        for protocol, table in counted[rows.astype(bool)].groupby("protocol", sort=False):
            found = _figures_of(table, resamples=resamples, seed=seed)
            parts.append(found.assign(protocol=protocol, scope=scope))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)]


def recall_curve(ranks: pd.Series, *, depths: Sequence[int]) -> list[tuple[int, float]]:
    """The share of the ranks that are at most each of `depths`."""
    known = np.sort(ranks.dropna().to_numpy(np.int64))
    within = np.searchsorted(known, np.asarray(depths), side="right") / max(len(known), 1)
    return [(depth, float(share)) for depth, share in zip(depths, within, strict=True)]


def _with_values(queries: pd.DataFrame) -> pd.DataFrame:
    """The table with a column for each metric: what a query adds to it."""
    ranks: NDArray[np.int64] = queries["rank"].to_numpy(np.int64)
    hits = {name: (ranks > NOT_FOUND) & (ranks <= depth) for name, depth in RECALLS.items()}
    values = {MAP_KEY: average_precision(ranks)} | hits
    return queries.assign(**{name: value.astype(np.float64) for name, value in values.items()})


def _figures_of(table: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """The figures of one protocol and scope, of all methods."""
    parts = []
    for (method, comparison), own in table.groupby(["method", "comparison"], sort=False):
        found = _figures_of_one(own, resamples=resamples, seed=seed)
        parts.append(found.assign(method=str(method), comparison=str(comparison)))
    return pd.concat(parts, ignore_index=True)


def _figures_of_one(own: pd.DataFrame, *, resamples: int, seed: int) -> pd.DataFrame:
    """The figures of one method's queries, asked with each seed: a row for each metric."""
    wanted = list(METRICS)
    by_query = own.groupby("query")[wanted].mean().to_numpy(np.float64)
    by_seed = own.groupby("seed")[wanted].mean()
    ends = intervals(by_query, resamples=resamples, seed=seed)
    found = pd.DataFrame(
        {
            "metric": wanted,
            "value": by_query.mean(axis=0),
            "low": ends[:, 0],
            "high": ends[:, 1],
            "std": by_seed.std(ddof=1).to_numpy(np.float64),
            "seeds": len(by_seed),
            "queries": len(by_query),
        }
    )
    errors = _errors_of_one(own)
    return pd.concat([found, errors], ignore_index=True) if len(errors) else found


def _errors_of_one(own: pd.DataFrame) -> pd.DataFrame:
    """The medians of `ERRORS`; no row for a method that tells no corners, or found nothing."""
    if "corner_error_m" not in own:
        return pd.DataFrame()
    right = own[(own["rank"] == 1) & own["corner_error_m"].notna()]
    if right.empty:
        return pd.DataFrame()
    columns = list(ERRORS.values())
    by_seed = right.groupby("seed")[columns].median()
    return pd.DataFrame(
        {
            "metric": list(ERRORS),
            "value": right[columns].median().to_numpy(np.float64),
            "low": np.nan,
            "high": np.nan,
            "std": by_seed.std(ddof=1).to_numpy(np.float64),
            "seeds": len(by_seed),
            "queries": right["query"].nunique(),
        }
    )
