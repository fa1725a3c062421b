"""A date as one raster: exported tiles go in, VRT documents that refer to them come out.

The tiles of a group make a small VRT, the groups of a date a large one, so that opening it reads
a few hundred lines whatever the territory.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from pyproj import CRS

from aerialret.export.export_folder import ExportFolder
from aerialret.export.layout import date_name, group_folder, image_path, mask_path
from aerialret.export.mask_style import category_names, class_sidecar, colour_entries, qgis_style
from aerialret.export.selection import TileRecord, groups
from aerialret.export.tile_files import class_names_path, style_path
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import NO_COVERAGE

Layer = Literal["image", "mask"]


class Part(NamedTuple):
    """A raster of a mosaic: its path as the VRT writes it, and the cells that it spans."""

    path: str
    upper_left: TileId
    cols: int
    rows: int


def write_mosaics(
    folder: ExportFolder, date: str, records: Sequence[TileRecord], *, grid: Grid, masks: bool
) -> None:
    """Writes `DATE_image.vrt` and, where there are masks, `DATE_mask.vrt` with its style."""
    _write_layer(folder, date, records, "image", grid)
    covered = [record for record in records if record.has_mask] if masks else []
    if covered:
        _write_layer(folder, date, covered, "mask", grid)


def mosaic_path(date: str, layer: Layer) -> PurePosixPath:
    """The VRT of one date."""
    return PurePosixPath(f"{date_name(date)}_{layer}.vrt")


def _write_layer(
    folder: ExportFolder, date: str, records: Sequence[TileRecord], layer: Layer, grid: Grid
) -> None:
    tile_path = image_path if layer == "image" else mask_path
    parts = []
    for cell, members in groups(records):
        path = group_folder(date, cell) / f"{layer}.vrt"
        tiles = [Part(tile_path(date, r.tile).name, r.tile, 1, 1) for r in members]
        _write(folder, path, _document(tiles, layer, grid))
        parts.append(_spanned(str(path), tiles))
    path = mosaic_path(date, layer)
    _write(folder, path, _document(parts, layer, grid))
    if layer == "mask":
        _write(folder, style_path(path), qgis_style())
        _write(folder, class_names_path(path), class_sidecar())


def _write(folder: ExportFolder, path: PurePosixPath, content: str) -> None:
    if folder.lacks(path):
        folder.write(path, content)


def _spanned(path: str, parts: Iterable[Part]) -> Part:
    """One part around others."""
    corners = list(parts)
    left = min(part.upper_left.col for part in corners)
    top = min(part.upper_left.row for part in corners)
    right = max(part.upper_left.col + part.cols for part in corners)
    bottom = max(part.upper_left.row + part.rows for part in corners)
    return Part(path, TileId(left, top), right - left, bottom - top)


def _document(parts: Sequence[Part], layer: Layer, grid: Grid) -> str:
    whole = _spanned("", parts)
    bounds = grid.block_bounds(whole.upper_left, cols=whole.cols, rows=whole.rows)
    side = grid.resolution_m
    width, height = whole.cols * grid.tile_px, whole.rows * grid.tile_px
    bands = _image_bands if layer == "image" else _mask_band
    wkt = escape(CRS.from_user_input(grid.crs).to_wkt("WKT1_GDAL"))
    return "\n".join(
        [
            f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">',
            f"  <SRS>{wkt}</SRS>",
            f"  <GeoTransform>{bounds.left!r}, {side!r}, 0.0, {bounds.top!r}, 0.0, {-side!r}"
            "</GeoTransform>",
            *bands(parts, whole, grid.tile_px),
            "</VRTDataset>",
            "",
        ]
    )


def _image_bands(parts: Sequence[Part], whole: Part, tile_px: int) -> Iterator[str]:
    for number, colour in enumerate(("Red", "Green", "Blue"), start=1):
        yield f'  <VRTRasterBand dataType="Byte" band="{number}">'
        yield f"    <ColorInterp>{colour}</ColorInterp>"
        yield from _sources(parts, whole, tile_px, band=str(number))
        yield "  </VRTRasterBand>"
    yield '  <MaskBand>\n  <VRTRasterBand dataType="Byte">'
    yield from _sources(parts, whole, tile_px, band="mask,1")
    yield "  </VRTRasterBand>\n  </MaskBand>"


def _mask_band(parts: Sequence[Part], whole: Part, tile_px: int) -> Iterator[str]:
    yield '  <VRTRasterBand dataType="Byte" band="1">'
    yield f"    <NoDataValue>{NO_COVERAGE}</NoDataValue>"
    yield "    <ColorInterp>Palette</ColorInterp>"
    yield "    <ColorTable>"
    for red, green, blue, alpha in colour_entries().values():
        yield f'      <Entry c1="{red}" c2="{green}" c3="{blue}" c4="{alpha}"/>'
    yield "    </ColorTable>"
    yield f"    {category_names()}"
    yield from _sources(parts, whole, tile_px, band="1")
    yield "  </VRTRasterBand>"


def _sources(parts: Sequence[Part], whole: Part, tile_px: int, *, band: str) -> Iterator[str]:
    for part in parts:
        x = (part.upper_left.col - whole.upper_left.col) * tile_px
        y = (part.upper_left.row - whole.upper_left.row) * tile_px
        size = f'xSize="{part.cols * tile_px}" ySize="{part.rows * tile_px}"'
        yield "    <SimpleSource>"
        yield f'      <SourceFilename relativeToVRT="1">{escape(part.path)}</SourceFilename>'
        yield f"      <SourceBand>{band}</SourceBand>"
        yield f'      <SrcRect xOff="0" yOff="0" {size}/>'
        yield f'      <DstRect xOff="{x}" yOff="{y}" {size}/>'
        yield "    </SimpleSource>"
