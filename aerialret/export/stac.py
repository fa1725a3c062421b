"""`aerialret export stac`: a tile set goes in, a static STAC catalogue and its table come out."""

from pathlib import Path

from aerialret.export.export_folder import export_request, open_export
from aerialret.export.report import ExportReport, Progress, no_progress
from aerialret.export.request import StacRequest
from aerialret.export.selection import select
from aerialret.export.stac_files import write_stac_files
from aerialret.export.stac_items import ItemMaker, crs_properties
from aerialret.export.tile_files import write_tile_files
from aerialret.tiles.tileset import TileSet


def export_stac(
    tileset: TileSet,
    out: Path,
    *,
    request: StacRequest,
    replace: bool = False,
    progress: Progress = no_progress,
) -> ExportReport:
    """Writes the catalogue, with the pixels or without; a killed export goes on when run again.

    Args:
        tileset: Where the tiles come from.
        out: The folder to make.
        request: Which tiles, with or without their files.
        replace: Whether an export of another request in `out` may be replaced.
        progress: Told the tiles done.

    Raises:
        WouldOverwriteError: `out` holds something else.
        NothingToDoError: No tile is left.
        NotAnArtefactError: Pixels are damaged or missing.
    """
    selection = select(tileset, dates=request.dates, area=request.area)
    asked = export_request("stac", tileset, selection, files=request.tiles)
    folder = open_export(out, asked, replace=replace)
    with_files = request.tiles == "cog"
    if with_files:
        for date, records in selection.records.items():
            for done in write_tile_files(folder, tileset, records, masks=True):
                progress(date, done, len(records))
    maker = ItemMaker(
        grid=tileset.grid, with_files=with_files, crs=crs_properties(tileset.grid.crs)
    )
    write_stac_files(folder, selection, maker, content_hash=tileset.content_hash, progress=progress)
    folder.publish()
    masks = sum(record.has_mask for records in selection.records.values() for record in records)
    return ExportReport(
        out=out,
        tiles={date: len(records) for date, records in selection.records.items()},
        masks=masks if with_files else 0,
        empty_dates=selection.empty,
        files_written=folder.written,
    )
