"""The page: an evaluation goes in, `report.html` comes out as text, without a single request."""

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment

from aerialret.evaluation.evaluation import Evaluation
from aerialret.evaluation.report import wording
from aerialret.evaluation.report.curves import error_chart, recall_chart, training_charts
from aerialret.evaluation.report.ground import score_rows, share_table, strata_tables
from aerialret.evaluation.report.located import located_section
from aerialret.evaluation.report.misses import worst_misses
from aerialret.evaluation.report.place_map import legend, place_map
from aerialret.evaluation.report.provenance import configuration_text, provenance
from aerialret.evaluation.report.swipes import swipe_gallery
from aerialret.evaluation.report.trust import trust_section
from aerialret.evaluation.scores import MAP_KEY
from aerialret.network.checkpoint import HISTORY_NAME
from aerialret.pages.environment import page_environment

TEMPLATE = "report.html.jinja"


def render_report(
    evaluation: Evaluation,
    *,
    worst: int,
    parents: Mapping[str, str],
    metrics: dict[str, Any] | None = None,
) -> str:
    """The report as HTML.

    Args:
        evaluation: What was measured.
        worst: Worst queries to draw.
        parents: Content hash of each artefact that was measured, by kind.
        metrics: The content of `metrics.json`, where it is known already.
    """
    metrics = metrics or evaluation.metrics()
    misses = worst_misses(evaluation, count=worst)
    return _environment().get_template(TEMPLATE).render(
        metrics=metrics,
        map_key=MAP_KEY,
        headline=wording.headline(metrics),
        gain=wording.training_gain(metrics),
        scope=wording.SCOPES[metrics["scope"]],
        main=wording.comparison_label(evaluation.main),
        modalities=_modality_rows(metrics),
        splits=score_rows(metrics["splits"], wording.SPLITS),
        protocol=wording.PROTOCOLS[metrics["protocol"]],
        protocols=score_rows(metrics["protocols"], wording.PROTOCOLS),
        strata=strata_tables(metrics),
        shares=share_table(metrics),
        recall=recall_chart(evaluation),
        errors=error_chart(evaluation),
        located=located_section(evaluation, metrics["located"]),
        trust=trust_section(evaluation.judged, evaluation.in_scope, metrics["absent"]),
        training=training_charts(evaluation.model.folder / HISTORY_NAME),
        place_map=place_map(evaluation.table),
        legend=legend(evaluation.table),
        tile_size_m=evaluation.tileset.grid.tile_size_m,
        swipes=swipe_gallery(evaluation, wrong=worst),
        cards=misses.cards,
        classes=misses.classes,
        frames=misses.frames,
        missed=metrics["queries"] - round(metrics["recall@1"] * metrics["queries"]),
        provenance=provenance(evaluation, parents=parents),
        configuration=configuration_text(evaluation),
    )  # fmt: skip


def _modality_rows(metrics: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each comparison, with its map@5 before training."""
    return [
        {
            "name": wording.comparison_label(name),
            "scores": scores,
            "before": metrics["untrained"].get(name, {}).get(MAP_KEY),
            "main": name == metrics["modality"],
        }
        for name, scores in metrics["modalities"].items()
    ]


def _environment() -> Environment:
    environment = page_environment("aerialret.evaluation.report")
    environment.filters.update(
        figure=wording.figure, metres=wording.metres, percent=wording.percent, rank=wording.rank
    )
    return environment
