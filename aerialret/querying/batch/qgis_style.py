"""How footprints look in QGIS: nothing goes in, the table of styles for a GeoPackage comes out.

QGIS reads a layer's default style from a table of this name in the same file; other programs see a
table without geometry. Footprints are coloured by status; the map tip shows the photo.
"""

from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

import pyarrow as pa

from aerialret.retrieval.calibration import ABSENT, FOUND, UNCERTAIN

TABLE_NAME = "layer_styles"

_COLOURS = {FOUND: "22,140,72", UNCERTAIN: "230,140,20", ABSENT: "150,150,150"}
_OUTLINE_MM = 0.5
_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)  # fixed, so that the same photos make the same content

_TIP = (
    '<b>[% "photo" %]</b><br>'
    '<img src="data:image/jpeg;base64,[% to_base64("thumbnail") %]"><br>'
    '[% "status" %]: [% "place" %], [% "date" %]'
)


def style_table(layer: str, *, geometry: str) -> pa.Table:
    """The style of a layer of footprints, as a row of QGIS's table.

    Args:
        layer: Name of the layer.
        geometry: Name of its geometry column.
    """
    row = {
        "f_table_catalog": "",
        "f_table_schema": "",
        "f_table_name": layer,
        "f_geometry_column": geometry,
        "styleName": "status",
        "styleQML": footprint_style(),
        "styleSLD": "",
        "useAsDefault": True,
        "description": "Footprints by status; the map tip shows the photo",
        "owner": "",
        "ui": "",
        "update_time": _WRITTEN,
    }
    types = {"useAsDefault": pa.bool_(), "update_time": pa.timestamp("ms", tz="UTC")}
    return pa.table(
        {name: pa.array([value], types.get(name, pa.string())) for name, value in row.items()}
    )


def footprint_style() -> str:
    """The style in QGIS's own format, QML."""
    categories = "".join(
        f'<category symbol="{number}" value={quoteattr(status)} label={quoteattr(status)} '
        'render="true"/>'
        for number, status in enumerate(_COLOURS)
    )
    symbols = "".join(_symbol(number, colour) for number, colour in enumerate(_COLOURS.values()))
    return (
        "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>"
        '<qgis version="3.22.0" styleCategories="Symbology|MapTips">'
        '<renderer-v2 type="categorizedSymbol" attr="status" symbollevels="0" forceraster="0">'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols></renderer-v2>"
        f"<mapTip>{escape(_TIP)}</mapTip></qgis>"
    )


def _symbol(number: int, colour: str) -> str:
    """An outline without filling, so that the map shows."""
    properties = {
        "style": "no",
        "outline_color": f"{colour},255",
        "outline_width": str(_OUTLINE_MM),
        "outline_width_unit": "MM",
    }
    lines = "".join(f'<prop k="{name}" v="{value}"/>' for name, value in properties.items())
    return (
        f'<symbol type="fill" name="{number}" alpha="1">'
        f'<layer class="SimpleFill" enabled="1" locked="0" pass="0">{lines}</layer></symbol>'
    )
