"""`init`, `run` and `demo`: commands that concern a whole pipeline."""

from pathlib import Path
from typing import Annotated

import typer

from aerialret.atomic import write_text
from aerialret.cli import building, ingesting, measuring
from aerialret.cli.shared_options import Assignments
from aerialret.cli.telling import tell
from aerialret.errors import ConfigurationError, WouldOverwriteError
from aerialret.recipes import DEFAULT_PIPELINE, find_recipe, read_recipe
from aerialret.workspace import WORKSPACE_FILE, Workspace, open_workspace


def init(
    pipeline: Annotated[
        str, typer.Option("--from", help="Start from this pipeline file or name")
    ] = DEFAULT_PIPELINE,
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of the workspace")
    ] = Path(),
) -> None:
    """Write an aerialret.toml with every key, its unit and its default explained."""
    from aerialret.config import parse_pipeline
    from aerialret.config.explain import explained

    target = folder / WORKSPACE_FILE
    if target.exists():
        raise WouldOverwriteError(f"{target} exists; edit it, or delete it to start again")
    recipe = find_recipe("pipelines", pipeline)
    start = parse_pipeline(read_recipe(recipe), origin=str(recipe))
    write_text(target, explained(start))
    tell(f"wrote {target}; name your orthophotos under [sources.YEAR], then run 'aerialret ingest'")


def run(
    pipeline: Annotated[
        str | None,
        typer.Argument(metavar="PIPELINE", help="Pipeline file or name [default: the workspace]"),
    ] = None,
    assignments: Assignments = None,
) -> None:
    """Ingest, train, index and evaluate, as a pipeline file says.

    What is there already and was made by the same request is not made again.
    """
    recipe = find_recipe("pipelines", pipeline) if pipeline else None
    run_pipeline(open_workspace(recipe=recipe, assignments=assignments))


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where everything goes")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the territory")] = 0,
    size: Annotated[int, typer.Option(help="Side of the territory, in tiles")] = 32,
    assignments: Assignments = None,
) -> None:
    """Make a territory, then ingest, train, index, evaluate and query it.

    Ends by telling where the report is. Takes some minutes on two cores.
    """
    from aerialret.cli.demonstration import run_demo

    run_demo(folder, seed=seed, size=size, assignments=assignments or [])


def run_pipeline(workspace: Workspace) -> None:
    """Every step that the configuration has a section for."""
    config, paths = workspace.pipeline, workspace.pipeline.paths
    tileset, model, index = Path(paths.tileset), Path(paths.model), Path(paths.index)
    if not config.sources and not tileset.exists():
        raise ConfigurationError(
            "the pipeline names no sources and there is no tile set; add [sources.YEAR] sections, "
            "or ingest first"
        )
    for date in sorted(config.sources):
        ingesting.ingest_date(
            tileset, date, config.sources[date], config.grid, services=config.services
        )
    building.train_model(tileset, model, config)
    building.build(tileset, model, index, config.index)
    measuring.measure(
        tileset, model, Path(paths.report), config.evaluate, asking=config.query, index=None
    )
