"""What the report says: figures go in, words come out."""

from typing import Any

from aerialret.evaluation.scores import MAP_KEY

SCOPES = {
    "test": "test places, which neither trained the model nor chose its best epoch",
    "val": "validation places, which did not train the model",
    "unseen": "places of which the model saw none",
    "all": "all places, those of the training included",
}
"""What the headline is about, by scope."""

SPLITS = {
    "train": "training places",
    "val": "validation places (they chose the best epoch)",
    "test": "test places",
    "buffer": "buffer between training and held-out places",
    "unseen": "unknown to the model",
    "all": "all places",
}

PROTOCOLS = {
    "aligned": "whole tiles",
    "mild": "pictures cut out of tiles, shifted, turned by up to 10° and scaled by up to 10 %",
    "hard": "pictures of about half a tile's side, cut out anywhere, at any turn",
    "grey": "grey, blurred, faded and grainy pictures of about half a tile's side, cut out "
    "anywhere, at any turn",
    "season": "pictures of about half a tile's side, cut out anywhere, at any turn, in the colours "
    "of another season",
}
"""What the queries are, by protocol."""

STRATA_TITLES = {
    "land_cover": "Land cover",
    "mask_content": "What the mask shows",
    "main_class": "Main class",
    "settlement": "Urban or rural",
    "change_class": "Change between the dates",
}
"""What the queries are divided by, and the heading of its table."""

CHANGE_SEEN_IN = {
    "masks": "Change is the share of pixels whose class changed.",
    "images": "Change is one minus the correlation of where the two images have their edges.",
}

_DASH = "–"


def comparison_label(name: str) -> str:
    """`image+mask` as people say it; the same for a comparison of two modalities."""
    queries, _, gallery = name.partition(" against ")
    words = queries.replace("+", " and ")
    if gallery:
        among = gallery.replace("+", " and ") if "+" in gallery else f"{gallery}s"
        return f"{words} alone, searched among {among}"
    return words if "+" in queries else f"{words} alone"


def figure(value: float | None, *, digits: int = 3) -> str:
    """A share from 0 to 1 as text; a dash for none."""
    return _DASH if value is None else f"{value:.{digits}f}"


def rank(value: float | None) -> str:
    """A rank, or a median of ranks, as text."""
    return _DASH if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def metres(distance: float | None) -> str:
    """A distance in metres as text, in kilometres from 1,000 m; a dash for none."""
    if distance is None or distance != distance:
        return _DASH
    return f"{distance:,.0f}\u00a0m" if distance < 1000 else f"{distance / 1000:,.1f}\u00a0km"


def percent(share: float | None) -> str:
    """A share as a percentage; 100 % only for all, 0 % only for none."""
    if share is None:
        return _DASH
    if share in (0, 1) or 0.01 <= share <= 0.99:
        return f"{share:.0%}".replace("%", " %")
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def headline(metrics: dict[str, Any]) -> str:
    """What the measurement came to, in one sentence."""
    queries, gallery = metrics["queries"], metrics["gallery"]
    first, five = (round(metrics[f"recall@{depth}"] * queries) for depth in (1, 5))
    dates = metrics["dates"]
    return (
        f"Asked where {_counted(queries, 'picture')} of {dates['queries']} {_were(queries)} taken, "
        f"the model put the right place first for {first:,} of them "
        f"({percent(metrics['recall@1'])}) and among its first five for {five:,} "
        f"({percent(metrics['recall@5'])}), out of {_counted(gallery, 'place')} of "
        f"{dates['gallery']}."
    )


def training_gain(metrics: dict[str, Any]) -> str:
    """How far training brought the headline; empty where it was not measured."""
    before = metrics["untrained"].get(metrics["modality"])
    if not before:
        return ""
    chance = metrics["chance"][MAP_KEY]
    return (
        f"The same network scored {figure(before[MAP_KEY])} before training; "
        f"a ranking drawn at random scores {figure(chance)}."
    )


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
