"""The raster files of tiles: pixels go in; image, mask, style and class names lie in the export."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from aerialret.export.cog_encoding import image_cog, mask_cog
from aerialret.export.export_folder import ExportFolder
from aerialret.export.layout import image_path, mask_path
from aerialret.export.mask_style import class_sidecar, qgis_style
from aerialret.export.selection import TileRecord
from aerialret.export.tile_pixels import TilePixels, read_pixels
from aerialret.tiles.grid import Grid
from aerialret.tiles.tileset import TileSet


def write_tile_files(
    folder: ExportFolder, tileset: TileSet, records: Sequence[TileRecord], *, masks: bool
) -> Iterator[int]:
    """Writes the files that `folder` lacks; yields the number of tiles done so far.

    Args:
        folder: Where they go.
        tileset: Where the pixels come from.
        records: The tiles.
        masks: Whether tiles with a mask get it.
    """
    missing = [record for record in records if _lacks(folder, record, masks=masks)]
    done = len(records) - len(missing)
    yield done
    for pixels in read_pixels(tileset, missing):
        _write(folder, pixels, grid=tileset.grid, masks=masks)
        done += 1
        yield done


def style_path(mask: PurePosixPath) -> PurePosixPath:
    """The QGIS style of a mask: QGIS looks for the same name with the ending `.qml`."""
    return mask.with_suffix(".qml")


def class_names_path(mask: PurePosixPath) -> PurePosixPath:
    """The class names of a mask, where GDAL looks for them."""
    return mask.with_name(f"{mask.name}.aux.xml")


def _lacks(folder: ExportFolder, record: TileRecord, *, masks: bool) -> bool:
    return any(folder.lacks(path) for path in _paths(record, masks=masks))


def _paths(record: TileRecord, *, masks: bool) -> list[PurePosixPath]:
    image, mask = image_path(record.date, record.tile), mask_path(record.date, record.tile)
    if not (masks and record.has_mask):
        return [image]
    return [image, style_path(mask), class_names_path(mask), mask]


def _write(folder: ExportFolder, pixels: TilePixels, *, grid: Grid, masks: bool) -> None:
    tile = pixels.record.tile
    image, *of_mask = _paths(pixels.record, masks=masks)
    if folder.lacks(image):
        folder.write(image, image_cog(pixels.image, pixels.valid, grid=grid, tile=tile))
    if not of_mask:
        return
    style, names, mask = of_mask
    for path, content in ((style, qgis_style()), (names, class_sidecar())):
        if folder.lacks(path):
            folder.write(path, content)
    if folder.lacks(mask):
        folder.write(mask, mask_cog(pixels.mask, grid=grid, tile=tile))
