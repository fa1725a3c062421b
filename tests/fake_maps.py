"""A small WMS and WMTS: a raster goes in, what such services reply comes out.

They follow the standards word by word, with rules of their own for axis order, so that a client
that swaps axes gets white. OGC 06-042 (WMS 1.3.0), OGC 07-057r7 (WMTS 1.0.0).
"""

import io
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray
from PIL import Image
from rasterio.io import MemoryFile
from rasterio.transform import Affine, from_bounds
from rasterio.warp import Resampling, reproject

from tests.loopback import Answer, Reply

_LATITUDE_FIRST = ("EPSG:4326", "EPSG:3035")
WEB_MERCATOR_EDGE = 20_037_508.342789244


def exception(text: str) -> Reply:
    report = f"<ServiceException>{text}</ServiceException>"
    body = f"<ServiceExceptionReport>{report}</ServiceExceptionReport>".encode()
    return Reply(body=body, content_type="text/xml")


def sampled(
    raster: Path, bounds: tuple[float, float, float, float], crs: str, width: int, height: int
) -> tuple[NDArray, NDArray]:
    """Pixels and alpha of the raster in a rectangle, nearest neighbour, white outside."""
    with rasterio.open(raster) as source:
        pixels = np.full((source.count, height, width), 255, source.dtypes[0])
        alpha = np.zeros((height, width), np.uint8)
        target = {"dst_transform": from_bounds(*bounds, width, height), "dst_crs": crs}
        origin = {"src_transform": source.transform, "src_crs": source.crs}
        reproject(
            np.full((source.height, source.width), 255, np.uint8), alpha,
            resampling=Resampling.nearest, tolerance=0, **origin, **target,
        )  # fmt: skip
        if not alpha.any():
            return pixels, alpha
        reproject(
            source.read(), pixels, resampling=Resampling.nearest, tolerance=0,
            init_dest_nodata=False, **origin, **target,
        )  # fmt: skip
        pixels[:, alpha == 0] = 255
    return pixels, alpha


def assert_placed(path: Path, raster: Path) -> int:
    """Asserts that a file shows the raster where it says it does; counts its pixels with image.

    Each pixel's centre is moved to the raster by pyproj, one by one. Where it falls on the border
    of two pixels of the raster, to a hundredth, GDAL may have taken either.
    """
    with rasterio.open(path) as block, rasterio.open(raster) as source:
        rows, cols = np.nonzero(block.read(4))
        shown = block.read([1, 2, 3])[:, rows, cols]
        mover = pyproj.Transformer.from_crs(block.crs, source.crs, always_xy=True)
        x, y = mover.transform(*(block.transform * (cols + 0.5, rows + 0.5)))
        across, down = ~source.transform * (x, y)
        clear = np.minimum(abs(across - across.round()), abs(down - down.round())) > 0.01
        expected = source.read()[
            :, np.floor(down[clear]).astype(int), np.floor(across[clear]).astype(int)
        ]
    assert (shown[:, clear] == expected).all()
    return int(clear.sum())


def fake_wms(
    raster: Path, *, max_px: int = 0, formats: tuple[str, ...] = ("image/png",), wrong_px: int = 0
) -> Answer:
    """A WMS 1.3.0 with one layer, `ortho`, in EPSG:2154, 3857 and 4326.

    Args:
        raster: What the layer shows.
        max_px: Most pixels a side; 0: no limit is named.
        formats: image/png (transparent outside where TRANSPARENT=TRUE) or image/geotiff.
        wrong_px: So many pixels are added to each image's width.
    """
    limit = f"<MaxWidth>{max_px}</MaxWidth><MaxHeight>{max_px}</MaxHeight>" if max_px else ""
    capabilities = f"""<?xml version="1.0"?>
<WMS_Capabilities version="1.3.0" xmlns="http://www.opengis.net/wms"
 xmlns:xlink="http://www.w3.org/1999/xlink">
<Service><Name>WMS</Name><Title>fake</Title><OnlineResource xlink:href="http://h/"/>{limit}</Service>
<Capability><Request><GetMap>{"".join(f"<Format>{one}</Format>" for one in formats)}
<DCPType><HTTP><Get><OnlineResource xlink:href="http://h/"/></Get></HTTP></DCPType></GetMap>
</Request><Exception><Format>XML</Format></Exception>
<Layer><Title>all</Title><CRS>EPSG:2154</CRS><CRS>EPSG:4326</CRS><CRS>EPSG:3857</CRS>
<Layer><Name>ortho</Name><Title>ortho</Title></Layer></Layer></Capability></WMS_Capabilities>"""

    def answer(path: str) -> Reply:
        asked = {key.upper(): value for key, value in parse_qsl(urlsplit(path).query)}
        if asked.get("REQUEST") == "GetCapabilities":
            return Reply(body=capabilities.encode(), content_type="text/xml")
        width, height = int(asked["WIDTH"]), int(asked["HEIGHT"])
        if asked["LAYERS"] != "ortho" or (max_px and max(width, height) > max_px):
            return exception("no such layer, or too many pixels")
        box = tuple(float(value) for value in asked["BBOX"].split(","))
        if asked["CRS"] in _LATITUDE_FIRST:
            box = (box[1], box[0], box[3], box[2])
        pixels, alpha = sampled(raster, box, asked["CRS"], width + wrong_px, height)
        if asked["FORMAT"] == "image/geotiff":
            transform = from_bounds(*box, width, height)
            return Reply(
                body=_geotiff(pixels, transform, asked["CRS"]), content_type="image/geotiff"
            )
        shown = alpha if asked.get("TRANSPARENT") == "TRUE" else None
        return Reply(body=_png(pixels, shown), content_type="image/png")

    return answer


def fake_wmts(
    raster: Path, *, zooms: range, limits: str = "", templated: bool = False, white: bool = False
) -> Answer:
    """A WMTS with one layer, `ortho`, in web mercator; tiles outside the raster are 404, or white.

    Args:
        raster: What the layer shows.
        zooms: The levels it has.
        limits: TileMatrixSetLimits, as XML.
        templated: Whether tiles have addresses (at `/tiles/`) instead of parameters.
        white: Whether tiles outside the raster are white.
    """
    operations = """<ows:OperationsMetadata><ows:Operation name="GetTile"><ows:DCP><ows:HTTP>
<ows:Get xlink:href="http://h/?"/></ows:HTTP></ows:DCP></ows:Operation></ows:OperationsMetadata>"""

    def capabilities(host: str) -> bytes:
        template = (
            f'<ResourceURL format="image/png" resourceType="tile" template="{host}'
            '/tiles/{Style}/{TileMatrixSet}/{TileMatrix}/{TileRow}/{TileCol}.png"/>'
        )
        return f"""<?xml version="1.0"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1"
 xmlns:xlink="http://www.w3.org/1999/xlink" version="1.0.0">
{"" if templated else operations}
<Contents><Layer><ows:Title>ortho</ows:Title><ows:Identifier>ortho</ows:Identifier>
<Style isDefault="true"><ows:Identifier>normal</ows:Identifier></Style><Format>image/png</Format>
<TileMatrixSetLink><TileMatrixSet>PM</TileMatrixSet>{limits}</TileMatrixSetLink>
{template if templated else ""}</Layer>
<TileMatrixSet><ows:Identifier>PM</ows:Identifier>
<ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
{"".join(_level(zoom) for zoom in zooms)}</TileMatrixSet></Contents></Capabilities>""".encode()

    def answer(path: str) -> Reply:
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query))
        if asked.get("REQUEST") == "GetCapabilities" or parts.path.endswith(".xml"):
            return Reply(body=capabilities(asked.get("host", "")), content_type="text/xml")
        if templated:
            _, _, style, _, zoom, row, col = parts.path.removesuffix(".png").split("/")
        else:
            style, zoom = asked["STYLE"], asked["TILEMATRIX"]
            row, col = asked["TILEROW"], asked["TILECOL"]
        assert style == "normal"
        size = 2 * WEB_MERCATOR_EDGE / 2 ** int(zoom)
        left, top = int(col) * size - WEB_MERCATOR_EDGE, WEB_MERCATOR_EDGE - int(row) * size
        pixels, alpha = sampled(raster, (left, top - size, left + size, top), "EPSG:3857", 256, 256)
        if not alpha.any() and not white:
            return Reply(status=404, body=b"no such tile")
        return Reply(body=_png(pixels, None if white else alpha), content_type="image/png")

    return answer


def _level(zoom: int) -> str:
    scale = 2 * WEB_MERCATOR_EDGE / 256 / 2**zoom / 0.28e-3
    return f"""<TileMatrix><ows:Identifier>{zoom}</ows:Identifier>
<ScaleDenominator>{scale!r}</ScaleDenominator>
<TopLeftCorner>-{WEB_MERCATOR_EDGE!r} {WEB_MERCATOR_EDGE!r}</TopLeftCorner>
<TileWidth>256</TileWidth><TileHeight>256</TileHeight>
<MatrixWidth>{2**zoom}</MatrixWidth><MatrixHeight>{2**zoom}</MatrixHeight></TileMatrix>"""


def _png(pixels: NDArray, alpha: NDArray | None) -> bytes:
    bands = [*pixels, alpha] if alpha is not None else list(pixels)
    stream = io.BytesIO()
    Image.fromarray(np.stack(bands, axis=-1)).save(stream, "PNG")
    return stream.getvalue()


def _geotiff(pixels: NDArray, transform: Affine, crs: str) -> bytes:
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff", count=pixels.shape[0], height=pixels.shape[1], width=pixels.shape[2],
            dtype=pixels.dtype, crs=crs, transform=transform,
        ) as target:  # fmt: skip
            target.write(pixels)
        return bytes(memory.read())
