"""`export stac` and `export cog`: tile sets in the formats that other programs open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aerialret.cli.telling import staged_progress, tell
from aerialret.export.request import CogRequest, StacRequest

if TYPE_CHECKING:
    from aerialret.export.report import ExportReport

_STAC, _COG = StacRequest(), CogRequest()

export_app = typer.Typer(
    help="Write a tile set as a STAC catalogue or as Cloud-Optimised GeoTIFFs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

TileSetFolder = Annotated[Path, typer.Argument(metavar="TILESET", help="Tile set folder")]
OutFolder = Annotated[Path, typer.Argument(metavar="OUT", help="Folder to make")]
Dates = Annotated[
    list[str] | None, typer.Option("--date", help="Date to export; repeatable [default: all]")
]
Area = Annotated[
    str,
    typer.Option(help="Only tiles in LEFT,BOTTOM,RIGHT,TOP (tile set CRS) or a polygon file"),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace another export in OUT")]


@export_app.command("stac")
def stac(
    tileset: TileSetFolder,
    out: OutFolder,
    date: Dates = None,
    area: Area = _STAC.area,
    tiles: Annotated[
        Literal["cog", "none"],
        typer.Option(help="Pixels beside the items as Cloud-Optimised GeoTIFFs, or none"),
    ] = _STAC.tiles,
    replace: Replace = False,
) -> None:
    """Write a static STAC catalogue and a stac-geoparquet table.

    Example: aerialret export stac tiles catalogue --date 2004
    """
    from aerialret.export.selection import open_tileset
    from aerialret.export.stac import export_stac

    request = StacRequest(dates=tuple(date or ()), area=area, tiles=tiles)
    with staged_progress() as progress:
        report = export_stac(
            open_tileset(tileset), out, request=request, replace=replace, progress=progress
        )
    _tell(report)


@export_app.command("cog", short_help="Write tiles as Cloud-Optimised GeoTIFFs.")
def cog(
    tileset: TileSetFolder,
    out: OutFolder,
    date: Dates = None,
    area: Area = _COG.area,
    masks: Annotated[
        bool, typer.Option("--masks/--no-masks", help="Class masks beside the images")
    ] = _COG.masks,
    mosaic: Annotated[
        bool, typer.Option("--mosaic", help="One VRT for each date that opens all its tiles")
    ] = _COG.mosaic,
    replace: Replace = False,
) -> None:
    """Write each tile as Cloud-Optimised GeoTIFFs that a GIS opens, masks with their colours.

    Example: aerialret export cog tiles geotiffs --date 2004 --mosaic
    """
    from aerialret.export.cog import export_cog
    from aerialret.export.selection import open_tileset

    request = CogRequest(dates=tuple(date or ()), area=area, masks=masks, mosaic=mosaic)
    with staged_progress() as progress:
        report = export_cog(
            open_tileset(tileset), out, request=request, replace=replace, progress=progress
        )
    _tell(report)


def _tell(report: "ExportReport") -> None:
    dates = ", ".join(f"{count} tiles of {date}" for date, count in report.tiles.items())
    state = f"{report.files_written} files written" if report.files_written else "up to date"
    tell(f"{report.out}: {dates}; {report.masks} masks; {state}")
    for date in report.empty_dates:
        tell(f"  {date}: no tiles, left out")
