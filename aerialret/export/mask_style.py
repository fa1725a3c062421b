"""How masks look in a GIS: the palette goes in; colours, QGIS style, class names come out."""

from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from aerialret.tiles.palette import BACKGROUND, CLASSES


class MaskValue(NamedTuple):
    """One value of a mask file."""

    code: int
    name: str
    colour: tuple[int, int, int]

    @property
    def hex(self) -> str:
        """The colour as six capital hexadecimal digits."""
        return "".join(f"{part:02X}" for part in self.colour)


VALUES = (
    MaskValue(BACKGROUND, "background", (0, 0, 0)),
    *(MaskValue(c.code, c.name, c.colour) for c in CLASSES),
)
"""What a mask holds beside 255, which is nodata: the codes 0, 1, 2... without a gap."""


def colour_entries() -> dict[int, tuple[int, int, int, int]]:
    """Red, green, blue and opacity of every value; those that mean nothing are transparent."""
    table = dict.fromkeys(range(256), (0, 0, 0, 0))
    return table | {value.code: (*value.colour, 255) for value in VALUES}


def qgis_style() -> str:
    """A QGIS layer style with a legend of the classes; the background lets other layers through."""
    entries = "\n".join(
        f'        <paletteEntry value="{value.code}" color="#{value.hex.lower()}" '
        f'alpha="{0 if value.code == BACKGROUND else 255}" label={quoteattr(value.name)}/>'
        for value in VALUES
    )
    return f"""<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="paletted" band="1" opacity="1" alphaBand="-1" nodataColor="">
      <rasterTransparency/>
      <colorPalette>
{entries}
      </colorPalette>
    </rasterrenderer>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
"""


def category_names() -> str:
    """The class names as GDAL writes them in its XML files: name number i belongs to code i."""
    names = "".join(f"\n      <Category>{value.name}</Category>" for value in VALUES)
    return f"<CategoryNames>{names}\n    </CategoryNames>"


def class_sidecar() -> str:
    """The `.aux.xml` beside a mask: category names, and the same as a raster attribute table."""
    fields = (("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))
    definitions = "".join(
        f'\n      <FieldDefn index="{i}"><Name>{name}</Name><Type>{kind}</Type>'
        f"<Usage>{usage}</Usage></FieldDefn>"
        for i, (name, kind, usage) in enumerate(fields)
    )
    rows = "".join(
        f'\n      <Row index="{i}">'
        + "".join(f"<F>{cell}</F>" for cell in (value.code, value.name, *value.colour))
        + "</Row>"
        for i, value in enumerate(VALUES)
    )
    return f"""<PAMDataset>
  <PAMRasterBand band="1">
    {category_names()}
    <GDALRasterAttributeTable tableType="thematic">{definitions}{rows}
    </GDALRasterAttributeTable>
  </PAMRasterBand>
</PAMDataset>
"""
