"""`aerialret export cog`: a tile set goes in, a folder of Cloud-Optimised GeoTIFFs comes out."""

from pathlib import Path

from aerialret.export.export_folder import export_request, open_export
from aerialret.export.mosaic import write_mosaics
from aerialret.export.report import ExportReport, Progress, no_progress
from aerialret.export.request import CogRequest
from aerialret.export.selection import select
from aerialret.export.tile_files import write_tile_files
from aerialret.tiles.tileset import TileSet


def export_cog(
    tileset: TileSet,
    out: Path,
    *,
    request: CogRequest,
    replace: bool = False,
    progress: Progress = no_progress,
) -> ExportReport:
    """Writes the image and the mask of each tile; a killed export goes on when run again.

    Args:
        tileset: Where the tiles come from.
        out: The folder to make.
        request: Which tiles, with what beside them.
        replace: Whether an export of another request in `out` may be replaced.
        progress: Told the tiles done.

    Raises:
        WouldOverwriteError: `out` holds something else.
        NothingToDoError: No tile is left.
        NotAnArtefactError: Pixels are damaged or missing.
    """
    selection = select(tileset, dates=request.dates, area=request.area)
    asked = export_request("cog", tileset, selection, masks=request.masks)
    folder = open_export(out, asked, replace=replace)
    for date, records in selection.records.items():
        for done in write_tile_files(folder, tileset, records, masks=request.masks):
            progress(date, done, len(records))
        if request.mosaic:
            write_mosaics(folder, date, records, grid=tileset.grid, masks=request.masks)
    folder.publish()
    everything = [record for records in selection.records.values() for record in records]
    return ExportReport(
        out=out,
        tiles={date: len(records) for date, records in selection.records.items()},
        masks=sum(record.has_mask for record in everything) if request.masks else 0,
        empty_dates=selection.empty,
        files_written=folder.written,
    )
