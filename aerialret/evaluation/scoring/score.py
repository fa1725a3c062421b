"""The score of answers: answers and the truth go in, figures and a row for each photo come out.

An answer is right if its tile holds the photo's centre; where the truth tells no centre, if it is
the photo's place. Photos without any answer were not found.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyproj import Transformer
from pyproj.exceptions import CRSError

from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.evaluation.pose_errors import PoseErrors
from aerialret.evaluation.scoring.first_errors import first_errors
from aerialret.evaluation.scoring.score_figures import score_figures
from aerialret.evaluation.scoring.truth_file import Truth
from aerialret.retrieval.metrics import NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How good answers are.

    Attributes:
        photos: A row for each photo of the truth: photo, query, rank (of the right answer; null
            where there is none), verified, probability, and the errors of the first answer.
        metrics: The figures.
        notes: What was left out, for the user to read.
    """

    photos: pd.DataFrame
    metrics: dict[str, Any]
    notes: tuple[str, ...]


def score_answers(
    answers: pd.DataFrame, truth: Truth, *, truth_crs: str = "", asked_only: bool = False
) -> Score:
    """How good the answers to the photos of `truth` are.

    Args:
        answers: As `answers_file.read_answers` gives them.
        truth: Where the photos lie.
        truth_crs: CRS of its x and y; empty for that of the answers.
        asked_only: Whether photos of the truth without an answer are left out.

    Raises:
        NothingToDoError: No photo of the truth was asked about.
        ConfigurationError: The CRS is none, or names fit several photos.
    """
    known = _known(answers, truth)
    if asked_only:
        truth = truth.some(sorted(known.values()))
        known = _known(answers, truth)
    own = answers[answers["query"].isin(list(known))]
    table = _in_crs(truth, str(own["crs"].iloc[0]), truth_crs)
    queries = {row: query for query, row in known.items()}
    ranks = _ranks(own, table, queries, centred=truth.tells_centres)
    first = own[own["rank"] == 1].drop_duplicates("query").set_index("query")
    asked = pd.Series([queries.get(row) for row in table.index], dtype=object)
    errors, sized = first_errors(first, table, asked)
    photos = _photos(table["photo"], asked, ranks, first, errors)
    metrics = score_figures(photos, ranks, errors, deepest=int(own["rank"].max()))
    return Score(
        photos=photos, metrics=metrics, notes=_notes(answers, photos, truth, known, sized)
    )  # fmt: skip


def _known(answers: pd.DataFrame, truth: Truth) -> dict[str, int]:
    """The row in the truth of each photo that was asked about."""
    known = truth.rows_by_photo(list(dict.fromkeys(answers["query"])))
    if not known:
        asked = answers["query"].iloc[0] if len(answers) else "none"
        raise NothingToDoError(
            f"no answer is of a photo in {truth.path}: asked about was {asked}, the truth has "
            f"{truth.table['photo'].iloc[0]}; name the photos there as they were asked about"
        )
    return known


def _photos(
    names: pd.Series,
    asked: pd.Series,
    ranks: NDArray[np.int64],
    first: pd.DataFrame,
    errors: PoseErrors,
) -> pd.DataFrame:
    """A row for each photo of the truth, see `Score`."""
    photos = pd.DataFrame({"photo": names, "query": asked})
    photos["rank"] = pd.Series(ranks, dtype="Int64").mask(ranks == NOT_FOUND)
    for column in ("verified", "probability"):
        if column in first:
            photos[column] = asked.map(first[column])
    photos["centre_error_m"], photos["corner_error_m"] = errors.centre_m, errors.corner_m
    photos["turn_error_deg"], photos["scale_error"] = errors.turn_deg, errors.scale
    return photos


def _in_crs(truth: Truth, crs: str, truth_crs: str) -> pd.DataFrame:
    """The truth's table with x and y in the CRS of the answers."""
    if not truth_crs or not truth.tells_centres:
        return truth.table
    try:
        into = Transformer.from_crs(truth_crs, crs, always_xy=True)
    except CRSError as error:
        raise ConfigurationError(
            f"--truth-crs is {truth_crs!r}, which is no coordinate system ({error})"
        ) from error
    x, y = into.transform(truth.table["x"].to_numpy(), truth.table["y"].to_numpy())
    return truth.table.assign(x=x, y=y)


def _ranks(
    answers: pd.DataFrame, table: pd.DataFrame, queries: dict[int, str], *, centred: bool
) -> NDArray[np.int64]:
    """Int [n]: the first right answer of each photo; `NOT_FOUND` where there is none."""
    ranks = np.full(len(table), NOT_FOUND, np.int64)
    by_query = dict(iter(answers.groupby("query", sort=False)))
    for row, query in queries.items():
        own = by_query[query]
        if centred:
            x, y = table["x"][row], table["y"][row]
            right = (
                (own["left"] <= x) & (x < own["right"]) & (own["bottom"] < y) & (y <= own["top"])
            )
        else:
            right = own["tile"] == table["place"][row]
        if right.any():
            ranks[row] = int(own.loc[right, "rank"].min())
    return ranks


def _notes(
    answers: pd.DataFrame, photos: pd.DataFrame, truth: Truth, known: dict[str, int], sized: int
) -> tuple[str, ...]:
    notes = []
    unknown = sorted(set(answers["query"]) - set(known))
    if unknown:
        notes.append(
            f"{len(unknown)} photos are not in {truth.path} and were left out, as {unknown[0]}"
        )
    silent = photos.loc[photos["query"].isna(), "photo"]
    if len(silent):
        notes.append(
            f"{len(silent)} photos of {truth.path} have no answer and count as not found, as "
            f"{silent.iloc[0]}"
        )
    if not truth.tells_centres:
        notes.append(f"{truth.path} tells no centres (x, y): no errors in metres")
    elif sized < len(known):
        notes.append(
            f"{len(known) - sized} photos are not where the answers say, so that their size is not "
            "known: no errors of their corners, turn and scale; run it from the same folder"
        )
    return tuple(notes)
