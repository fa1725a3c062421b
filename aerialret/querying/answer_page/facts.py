"""Facts: an answer and one of its hits go in, the words beside its pictures come out."""

import math
from dataclasses import dataclass

import numpy as np
from pyproj import Transformer

from aerialret.pages.swipe import place_text
from aerialret.querying.answer_page.wording import metres, share
from aerialret.querying.judgement import probability_of
from aerialret.querying.located import location_of
from aerialret.querying.query import PhotoAnswer
from aerialret.retrieval.search import Hit
from aerialret.verification.location import Location

_DASH = "–"


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and what it is for one answer."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HitRow:
    """An answer as a row of the table of all answers.

    Attributes:
        rank: 1 is the best.
        link: Id of what is drawn of it; empty where nothing is.
        cells: Place, date, score, probability, centre, side, turn, inliers, RMSE and whether it is
            verified.
        believed: Whether its location is.
    """

    rank: int
    link: str
    cells: tuple[str, ...]
    believed: bool


HEADS = (
    "tile", "date", "score", "probability", "centre", "side", "turn", "inliers", "RMSE", "verified",
)  # fmt: skip


def hit_row(answer: PhotoAnswer, hit: Hit, *, link: str) -> HitRow:
    """The row of one answer."""
    location = location_of(answer, hit)
    probability = probability_of(answer, hit)
    believed = location is not None and location.believable
    cells = (
        hit.place,
        hit.date,
        f"{hit.score:.3f}",
        _DASH if probability is None else share(probability),
        place_text(hit.x, hit.y),
        _DASH if hit.side_m is None else metres(hit.side_m),
        f"{answer.turns_deg[hit.rank - 1] % 360:.0f}°",
        *_verified_cells(answer, location),
    )
    return HitRow(rank=hit.rank, link=link, cells=cells, believed=believed)


def facts_of(answer: PhotoAnswer, hit: Hit) -> tuple[Fact, ...]:
    """What is known of one answer, in the order it is told."""
    x, y = Transformer.from_crs(answer.crs, "EPSG:4326", always_xy=True).transform(hit.x, hit.y)
    centre = "Tile's centre" if hit.side_m is None else "Centre"
    facts = [
        Fact(centre, f"{place_text(hit.x, hit.y)} ({answer.crs})"),
        Fact("Latitude, longitude", f"{y:.6f}, {x:.6f}"),
        Fact("Date of the map", hit.date),
        Fact("Score of the search", f"{hit.score:.3f}"),
    ]
    probability = probability_of(answer, hit)
    if probability is not None:
        facts.append(Fact("Probability of being right", share(probability)))
    if hit.side_m is not None:
        facts.append(Fact("Ground shown", f"{metres(hit.side_m)} on its shorter side"))
    turn = answer.turns_deg[hit.rank - 1]
    facts.append(Fact("Turn to north up", f"{turn % 360:.1f}° counter-clockwise"))
    location = location_of(answer, hit)
    return (*facts, *(_location_facts(location) if location is not None else ()))


def _location_facts(location: Location) -> tuple[Fact, ...]:
    residuals = location.residuals_m
    told = (
        Fact("Fitted", location.kind),
        Fact("Matches that agree", f"{location.inliers} of {location.matches}"),
    )
    if not len(residuals):
        return told
    off = (
        Fact("RMSE of control points", metres(location.rmse_m)),
        Fact(
            "Residuals, median and largest",
            f"{metres(float(np.median(residuals)))}, {metres(float(residuals.max()))}",
        ),
    )
    doubted = () if location.believable else (Fact("Not believed", location.doubt),)
    return (*told, *off, *doubted)


def _verified_cells(answer: PhotoAnswer, location: Location | None) -> tuple[str, str, str]:
    if answer.locations is None:
        return _DASH, _DASH, _DASH
    if location is None:
        return "0", _DASH, "no"
    rmse = metres(location.rmse_m) if math.isfinite(location.rmse_m) else _DASH
    return str(location.inliers), rmse, "yes" if location.believable else "no"
