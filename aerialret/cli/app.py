"""The Typer application and its commands; each command's module imports its step when called."""

from collections.abc import Callable
from typing import Annotated

import typer

from aerialret import __version__
from aerialret.cli import (
    artefacts,
    building,
    calibrating,
    checking,
    comparing,
    exporting,
    ingesting,
    measuring,
    models,
    reranking,
    scoring,
    searching,
    workspaces,
)

app = typer.Typer(
    name="aerialret",
    help="Find the same place in aerial imagery of another year.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"aerialret {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Find the same place in aerial imagery of another year."""


_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("init", workspaces.init, "Write an aerialret.toml with every key explained."),
    ("demo", workspaces.demo, "Run everything on a territory that it makes itself."),
    ("check", checking.check, "Say what files or services hold, and how to ingest them."),
    ("ingest", ingesting.ingest, "Cut the imagery of one date into the tiles of a tile set."),
    ("train", building.train, "Train a model on the places of a tile set."),
    ("index", building.index, "Describe tiles and make them searchable."),
    ("query", searching.query, "Say where the places that photos show are."),
    ("train-reranker", reranking.train_reranker, "Train how second looks are judged."),
    ("calibrate", calibrating.calibrate, "Measure what a model's scores mean."),
    ("evaluate", measuring.evaluate, "Measure how often the right place is found."),
    ("score", scoring.score, "Measure answers to your own photos against the truth."),
    ("compare", comparing.compare, "Train and measure several methods, and write one table."),
    ("run", workspaces.run, "Ingest, train, index and evaluate, as a file says."),
    ("info", artefacts.info, "Say what a folder is, what made it, whether it is whole."),
)
"""Name, function, and a line short enough for the list of commands on 80 columns."""

for _name, _command, _summary in _COMMANDS:
    app.command(_name, short_help=_summary)(_command)
app.add_typer(exporting.export_app, name="export", short_help="Write tiles as GeoTIFFs or STAC.")
app.add_typer(models.model_app, name="model", short_help="Import weights; write a model's card.")
