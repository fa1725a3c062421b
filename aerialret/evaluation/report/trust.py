"""The report's section on trust: judged searches go in, its charts and words come out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aerialret.evaluation.calibration.figures import (
    RECALL,
    is_cross_fitted,
    refusal_curves,
    searches_in,
)
from aerialret.evaluation.calibration.judged import Judged
from aerialret.evaluation.calibration.reliability import Bin, PrecisionRecall, reliability_bins
from aerialret.evaluation.report.curves import Chart
from aerialret.evaluation.report.line_chart import Axis, Line, line_chart

_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8641b", "#7b848c"
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustSection:
    """What the template shows.

    Attributes:
        reliability: Predicted against measured probability.
        bins: The points of that curve.
        refusals: Precision against recall of "not in this index".
        how: How it was measured, in words.
        refused: What the refusals reach, in words.
    """

    reliability: Chart
    bins: list[Bin]
    refusals: Chart
    how: str
    refused: str


def trust_section(
    judged: Judged | None, rows: NDArray[np.bool_], absent: dict[str, Any] | None
) -> TrustSection | None:
    """The section; None where no calibration tells.

    Args:
        judged: The searches.
        rows: bool [n], the photos that count.
        absent: The figures under `absent`.
    """
    if judged is None or absent is None:
        return None
    first, right, _ = searches_in(judged, rows)
    bins = reliability_bins(first, right)
    return TrustSection(
        reliability=_reliability_chart(bins),
        bins=bins,
        refusals=_refusal_chart(*refusal_curves(judged, rows)),
        how=_how(cross_fitted=is_cross_fitted(judged, rows)),
        refused=_refused(absent),
    )


def _reliability_chart(bins: list[Bin]) -> Chart:
    points = [(each.predicted, each.right) for each in bins]
    lines = (
        Line(label="as it should be", points=[(0, 0), (1, 1)], colour=_GREY, dash="2 3"),
        Line(label="first answers, in ten bins", points=points, colour=_BLUE, dots=True),
    )
    x = Axis(title="predicted probability", ticks=_TICKS, digits=1)
    y = Axis(title="share that is right", ticks=_TICKS, digits=1)
    label = "Share of first answers that are right, by their predicted probability"
    return Chart(line_chart(lines, x=x, y=y, label=label), lines)


def _refusal_chart(strict: PrecisionRecall, lenient: PrecisionRecall) -> Chart:
    """Both over the recall of photos from outside, so that one threshold is one vertical."""
    lines = (
        Line(
            label="the place is not in the gallery",
            points=list(zip(strict.recall.tolist(), strict.precision.tolist(), strict=True)),
            colour=_ORANGE,
        ),
        Line(
            label="or the first answer is wrong anyway",
            points=list(zip(strict.recall.tolist(), lenient.precision.tolist(), strict=True)),
            colour=_BLUE,
            dash="7 4",
        ),
    )
    x = Axis(title="share of the photos from outside that are refused", ticks=_TICKS, digits=1)
    y = Axis(title="share of refusals that are right", ticks=_TICKS, digits=1)
    label = "Precision over recall of refusing photos from outside the gallery"
    return Chart(line_chart(lines, x=x, y=y, label=label), lines)


def _how(*, cross_fitted: bool) -> str:
    how = "Each photo was searched for twice: with its place in the gallery, and without."
    if cross_fitted:
        return (
            f"{how} The model was calibrated on these places, so each is judged by a curve that "
            "was learnt without it and its neighbours (cross-fitting)."
        )
    return f"{how} The model was calibrated on other places."


def _refused(absent: dict[str, Any]) -> str:
    precision = absent[f"precision@recall{RECALL:g}"]
    anyway = absent[f"without_right_answer@recall{RECALL:g}"]
    told = (
        f"Where {RECALL:.0%} of the photos from outside are refused, {precision:.0%} of the "
        f"refused are from outside, and {anyway:.0%} have no right first answer to lose."
    )
    refused = absent["refused"]
    if not refused["verdicts"]:
        return f"{told} The verdict “not in this index” was given to none."
    return (
        f"{told} The verdict “not in this index” was given to {refused['recall']:.0%} of them, and "
        f"was right {refused['precision']:.0%} of the time."
    )
