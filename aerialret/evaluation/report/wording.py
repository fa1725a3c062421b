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

_DASH = "–"


def comparison_label(name: str) -> str:
    """`image+mask` as people say it; the same for a comparison of two modalities."""
    queries, _, gallery = name.partition(" against ")
    words = queries.replace("+", " and ")
    if gallery:
        return f"{words} alone, searched among {gallery.replace('+', ' and ')}"
    return words if "+" in queries else f"{words} alone"


def figure(value: float | None, *, digits: int = 3) -> str:
    """A share from 0 to 1 as text; a dash for none."""
    return _DASH if value is None else f"{value:.{digits}f}"


def rank(value: float | None) -> str:
    """A rank, or a median of ranks, as text."""
    return _DASH if value is None else f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


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
