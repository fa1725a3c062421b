"""The Typer application and its commands; each command's module imports its step when called."""

from typing import Annotated

import typer

from aerialret import __version__
from aerialret.cli import (
    artefacts,
    building,
    checking,
    comparing,
    exporting,
    ingesting,
    measuring,
    models,
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


app.command("init")(workspaces.init)
app.command("demo")(workspaces.demo)
app.command("check")(checking.check)
app.command("ingest")(ingesting.ingest)
app.command("train")(building.train)
app.command("index")(building.index)
app.command("query")(searching.query)
app.command("evaluate")(measuring.evaluate)
app.command("compare")(comparing.compare)
app.command("run")(workspaces.run)
app.command("info")(artefacts.info)
app.add_typer(exporting.export_app, name="export")
app.add_typer(models.model_app, name="model")
