"""`check`: what a folder or a service holds, before anything is built."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aerialret.cli.telling import staged_progress, tell
from aerialret.config import SourceConfig
from aerialret.errors import ConfigurationError, NothingToDoError
from aerialret.workspace import open_workspace

if TYPE_CHECKING:
    from aerialret.checking.report import CheckReport

_PARTLY_USABLE = 1
_FORMATS = ("text", "json")


def check(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH...", help="Files, folders, patterns, services")
    ],
    output_format: Annotated[
        str, typer.Option("--format", help="text on stderr, or json on stdout: text or json")
    ] = "text",
    map_file: Annotated[
        Path | None, typer.Option("--map", help="Draw the coverage map into this PNG file")
    ] = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Decode a small window of every orthophoto")
    ] = False,
    as_toml: Annotated[
        bool, typer.Option("--toml", help="Suggest sections of aerialret.toml, not a command")
    ] = False,
    classes: Annotated[
        str | None,
        typer.Option(help="bdtopo, osm or a TOML file [default: the one that fits best]"),
    ] = None,
    ortho_crs: Annotated[
        str | None, typer.Option(help="CRS of orthophotos that carry none, as EPSG:2154")
    ] = None,
    vector_crs: Annotated[
        str | None, typer.Option(help="CRS of vector layers that carry none, as EPSG:2154")
    ] = None,
) -> None:
    """Say what folders, files or services hold and how to ingest it; nothing is written.

    Exit status: 0 all is usable; 1 some of it is damaged, missing or will be skipped; 2 nothing
    is usable. Example:

    aerialret check BDORTHO_2-0_RVB-0M50_JP2-E080_LAMB93_D057_2015-01-01/ --map coverage.png
    """
    if output_format not in _FORMATS:
        raise ConfigurationError(
            f"--format is {output_format!r}, but takes {' or '.join(_FORMATS)}"
        )
    source = SourceConfig(ortho_crs=ortho_crs or "", vector_crs=vector_crs or "")
    report = _report(paths, source=source, classes=classes or "", deep=deep)
    if output_format == "json":
        from aerialret.checking.plain_report import plain_report

        if report.is_usable:
            typer.echo(json.dumps(plain_report(report), indent=2, ensure_ascii=False))
    _tell(report, as_toml=as_toml, vector_crs=source.vector_crs, quiet=output_format == "json")
    if map_file:
        _draw(report, map_file, vector_crs=source.vector_crs)
    if report.status:
        raise typer.Exit(_PARTLY_USABLE)


def _report(paths: list[str], *, source: SourceConfig, classes: str, deep: bool) -> "CheckReport":
    from aerialret.checking.check import check as step

    services = open_workspace().pipeline.services
    with staged_progress() as progress:
        return step(
            paths,
            source=source,
            classes=classes,
            deep=deep,
            services=services,
            progress=progress,
        )


def _tell(report: "CheckReport", *, as_toml: bool, vector_crs: str, quiet: bool) -> None:
    """The report, or one line where nothing is usable."""
    from aerialret.checking.terminal_map import glyphs_for
    from aerialret.checking.wording import report_lines, verdict

    if not report.is_usable:
        raise NothingToDoError(verdict(report))
    if quiet:
        return
    glyphs = glyphs_for(sys.stderr.encoding)
    for line in report_lines(report, glyphs=glyphs, as_toml=as_toml, vector_crs=vector_crs):
        tell(line)


def _draw(report: "CheckReport", path: Path, *, vector_crs: str) -> None:
    from aerialret.checking.canvas import canvas_of
    from aerialret.checking.map_picture import draw_map

    canvas = canvas_of(report, vector_crs=vector_crs)
    if canvas is None:
        tell(f"{path} was not drawn: nothing has an extent")
        return
    draw_map(canvas, path)
    tell(f"drew {path}")
