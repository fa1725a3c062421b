"""`info`: what an artefact is, what made it, whether it is whole."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from aerialret.cli.telling import tell
from aerialret.errors import NotAnArtefactError


def info(
    artefact: Annotated[
        Path,
        typer.Argument(
            metavar="ARTEFACT", help="Tile set, model, index, report or comparison folder"
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Read every file and compare its hash")
    ] = True,
) -> None:
    """Say what an artefact is, what made it, and whether it is whole.

    The manifest goes to stdout as JSON, the verdict to stderr. A comparison has none: its runs, and
    how far they are, stand for it.
    """
    from aerialret.comparison.contents import is_comparison
    from aerialret.manifest import COMMANDS, read_manifest
    from aerialret.wholeness import damage

    if is_comparison(artefact):
        _tell_comparison(artefact, check=check)
        return
    manifest = read_manifest(artefact)
    typer.echo(json.dumps(asdict(manifest), indent=2, sort_keys=True, ensure_ascii=False))
    if not check:
        return
    found = damage(artefact, manifest)
    if found:
        raise NotAnArtefactError(
            f"{artefact} is damaged: {found}; make it again with "
            f"'{COMMANDS[manifest.kind]} --replace'"
        )
    tell(f"{artefact} is a whole {manifest.kind.replace('_', ' ')}")


def _tell_comparison(folder: Path, *, check: bool) -> None:
    from aerialret.comparison.contents import contents
    from aerialret.wholeness import damaged_run

    found = contents(folder)
    typer.echo(json.dumps(found.to_plain(), indent=2, ensure_ascii=False))
    reason = damaged_run(folder) if check else None
    if reason:
        raise NotAnArtefactError(
            f"{folder} is damaged: {reason}; delete that run's folder and run 'aerialret compare' "
            "again"
        )
    tell(f"{folder} is a comparison of {found.line()}")
