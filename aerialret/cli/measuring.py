"""`evaluate`: measure a model and write the report."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aerialret.cli.shared_options import (
    GalleryDate,
    MatcherName,
    MatcherWeights,
    QueriesDate,
    Replace,
    TileSetArgument,
    VerifyTop,
)
from aerialret.cli.telling import staged_progress, tell
from aerialret.config import EvaluateConfig, QueryConfig
from aerialret.config.toml import with_values
from aerialret.workspace import open_workspace

_EVALUATE = EvaluateConfig()


def evaluate(
    tileset: TileSetArgument = None,
    model: Annotated[
        Path | None, typer.Option(help="Model folder [workspace: paths.model]")
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(help="Index whose vectors are the gallery [default: described anew]"),
    ] = None,
    queries: QueriesDate = None,
    gallery: GalleryDate = None,
    out: Annotated[
        Path | None, typer.Option(help="Report folder [workspace: paths.report]")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Queries: whole tiles (aligned), or pictures cut out of them: mild, hard, grey, "
            f"season [default: {_EVALUATE.protocol}]"
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help=f"Seed of queries that are cut out [default: {_EVALUATE.seed}]"),
    ] = None,
    places: Annotated[
        str | None,
        typer.Option(
            help="Photos of all places, or of the held-out ones only, which is faster "
            f"[default: {_EVALUATE.places}]"
        ),
    ] = None,
    rotations: Annotated[
        int | None,
        typer.Option(help="Turns of each query that are tried [default: the model's recipe]"),
    ] = None,
    rerank: Annotated[
        str | None,
        typer.Option(
            help="Check of the first results: none, sift or cells [default: the model's recipe]"
        ),
    ] = None,
    verify: Annotated[
        bool | None,
        typer.Option("--verify", help="Also lay the photos on the best answers, as query --verify"),
    ] = None,
    verify_top: VerifyTop = None,
    matcher: MatcherName = None,
    matcher_weights: MatcherWeights = None,
    georeferenced: Annotated[
        int | None,
        typer.Option(help="With --verify, write so many photos as GeoTIFFs and measure the files"),
    ] = None,
    worst: Annotated[
        int | None, typer.Option(help=f"Worst queries drawn [default: {_EVALUATE.worst}]")
    ] = None,
    replace: Replace = False,
) -> None:
    """Search photos of one date among the tiles of another, and report how well it went.

    Writes metrics.json, queries.parquet and report.html. Example:

    aerialret evaluate tiles --model model --queries 2019 --gallery 2004 --out report
    """
    workspace = open_workspace()
    config = with_values(
        workspace.pipeline.evaluate, queries=queries, gallery=gallery, protocol=protocol, seed=seed,
        places=places, worst=worst, verify=verify, georeferenced=georeferenced,
    )  # fmt: skip
    measure(
        workspace.path(tileset, "tileset", what="TILESET"),
        workspace.path(model, "model", what="--model folder"),
        workspace.path(out, "report", what="--out folder"),
        config,
        asking=workspace.pipeline.query if workspace.file else None,
        rotations=rotations,
        rerank=rerank,
        verify_top=verify_top,
        matcher=matcher,
        matcher_weights=matcher_weights,
        index=index,
        replace=replace,
    )


def measure(
    tileset: Path,
    model: Path,
    out: Path,
    config: EvaluateConfig,
    *,
    asking: QueryConfig | None = None,
    rotations: int | None = None,
    rerank: str | None = None,
    verify_top: int | None = None,
    matcher: str | None = None,
    matcher_weights: str | None = None,
    index: Path | None,
    replace: bool = False,
) -> dict[str, Any]:
    """Evaluates a model and tells the headline figures, which are `metrics.json`.

    Turns and checks are those of the model's recipe where neither `asking` nor an option says more.
    """
    from aerialret.evaluation.evaluate import evaluate as step
    from aerialret.evaluation.located_words import located_lines
    from aerialret.network.checkpoint import load_model
    from aerialret.retrieval.index_store import load_index
    from aerialret.tiles.tileset import TileSet

    gallery, opened = load_index(index) if index else None, load_model(model)
    asking = with_values(
        asking or opened.asking, rotations=rotations, rerank=rerank, verify_top=verify_top,
        matcher=matcher, matcher_weights=matcher_weights,
    )  # fmt: skip
    with staged_progress() as progress:
        metrics = step(
            TileSet(tileset), opened, out, config=config, asking=asking,
            index=gallery, replace=replace, progress=progress,
        )  # fmt: skip
    scope = "all" if metrics["scope"] == "all" else f"the {metrics['scope']}"
    kind = "queries" if metrics["protocol"] == "aligned" else f"{metrics['protocol']} queries"
    tell(
        f"map@5 {metrics['map@5']:.3f}, recall@1 {metrics['recall@1']:.3f} from "
        f"{metrics['modality']}: {metrics['queries']} {kind} of {scope} places, gallery of "
        f"{metrics['gallery']} tiles"
    )
    for line in located_lines(metrics["located"]):
        tell(line)
    tell(f"report: {out / 'report.html'}")
    return metrics
