"""What `ingest` is told on the command line: words go in, settings by date come out."""

from typing import Annotated, Any

import typer

from aerialret.config import SourceConfig
from aerialret.config.toml import with_values
from aerialret.errors import ConfigurationError
from aerialret.workspace import WORKSPACE_FILE, Workspace

_SOURCE = SourceConfig()

ValueRange = Annotated[
    str | None,
    typer.Option(help="Sensor values drawn black and white, as 0,2047 [default: 0,255 or 1-99%]"),
]
LineWidth = Annotated[
    float | None,
    typer.Option(
        help="One width for all lines in metres; 0: by their attributes "
        f"[default: {_SOURCE.line_width_m:g}]"
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(help="Reason to drop features that shall not count; repeatable"),
]
MappingOptions = Annotated[
    list[str] | None, typer.Option(help="Option of the class mapping; repeatable")
]
Area = Annotated[
    str | None,
    typer.Option(help="What to take of web services: left,bottom,right,top, or a polygon file"),
]
GroundPixel = Annotated[
    float | None,
    typer.Option(
        help="Ground pixel to ask map services for, in metres; 0: their own "
        f"[default: {_SOURCE.gsd_m:g}]"
    ),
]
DateGraph = Annotated[
    str | None, typer.Option(help="Polygons that say when each part was flown: a file or a WFS")
]
DateFields = Annotated[
    str | None, typer.Option(help="Their date field, or first,last [default: by their values]")
]


def chosen_sources(
    workspace: Workspace, date: str | None, given: dict[str, Any]
) -> dict[str, SourceConfig]:
    """The dates to ingest: the one that is named, or all of the workspace's.

    Args:
        workspace: Its sources are taken where the options leave something open.
        date: The date's label, or None.
        given: Values of options, by their names in `SourceConfig`; None: not given.

    Raises:
        ConfigurationError: No date is named, or no orthophotos.
    """
    known = workspace.pipeline.sources
    if date is None:
        if given["ortho"] or not known:
            raise ConfigurationError(
                "no --date was given; name the imagery's date, as in --date 2019"
                + (
                    ""
                    if known or workspace.file is None
                    else f", or add sources to {WORKSPACE_FILE}"
                )
            )
        return {label: with_values(known[label], **given) for label in sorted(known)}
    source = with_values(known.get(date, SourceConfig()), **given)
    if not source.ortho:
        raise ConfigurationError(
            f"no orthophotos were given for date {date}; name them with --ortho"
        )
    return {date: source}


def integers(option: str, text: str | None) -> tuple[int, ...] | None:
    """The whole numbers between the commas of an option."""
    found = numbers(option, text)
    return tuple(int(number) for number in found) if found is not None else None


def numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """The numbers between the commas of an option.

    Raises:
        ConfigurationError: One of them is none.
    """
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigurationError(f"{option} is {text!r}, but takes numbers, as in 1,2,3") from None
