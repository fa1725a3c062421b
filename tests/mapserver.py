"""A real MapServer on 127.0.0.1: rasters and vector layers go in, a WMS and a WFS come out."""

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import geopandas as gpd
import pytest
import rasterio
import rasterio.warp

from tests.loopback import Answer, Reply

MAPSERV = Path("/usr/lib/cgi-bin/mapserv")

needs_mapserver = pytest.mark.skipif(
    not os.access(MAPSERV, os.X_OK),
    reason="MapServer is not installed; Debian has it in cgi-mapserver",
)

_FORMATS = """
  OUTPUTFORMAT
    NAME "geotiff"
    DRIVER "GDAL/GTiff"
    MIMETYPE "image/tiff"
    IMAGEMODE RGB
    EXTENSION "tif"
    TRANSPARENT OFF
  END
  OUTPUTFORMAT
    NAME "geojson"
    DRIVER "OGR/GEOJSON"
    MIMETYPE "application/json"
    FORMATOPTION "STORAGE=stream"
    FORMATOPTION "FORM=SIMPLE"
  END
"""


def mapserver(
    folder: Path,
    *,
    rasters: Mapping[str, Path] | None = None,
    vectors: Mapping[str, Path] | None = None,
    crs: str = "EPSG:2154",
    max_size_px: int = 2048,
    max_features: int = 0,
) -> Answer:
    """What MapServer replies, for `tests.loopback.serve`.

    Args:
        folder: Where the map file is written.
        rasters: Layers of the WMS by name; the files need a CRS.
        vectors: Layers of the WFS by name: GeoPackages with one layer each, or shapefiles.
        crs: The CRS of the map; EPSG:4326 and 3857 are offered too.
        max_size_px: Most pixels a side that GetMap gives.
        max_features: Most features that one answer of the WFS holds; 0: no limit.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layers = [_raster_layer(name, path) for name, path in (rasters or {}).items()]
    layers += [_vector_layer(name, path) for name, path in (vectors or {}).items()]
    limit = f'"wfs_maxfeatures" "{max_features}"' if max_features else ""
    mapfile = folder / "served.map"
    mapfile.write_text(f"""MAP
  NAME "served"
  SIZE 100 100
  MAXSIZE {max_size_px}
  EXTENT {_extent(rasters or {}, vectors or {}, crs)}
  IMAGETYPE "png"
  IMAGECOLOR 255 255 255
  PROJECTION "init={crs.lower()}" END
  {_FORMATS}
  WEB METADATA
    "ows_title" "served"
    "ows_onlineresource" "http://127.0.0.1/"
    "ows_srs" "{crs} EPSG:4326 EPSG:3857"
    "ows_enable_request" "*"
    {limit}
  END END
{"".join(layers)}
END
""")
    (folder / "mapserver.conf").write_text('CONFIG ENV MS_MAP_PATTERN "." END END\n')
    return _cgi(mapfile, folder / "mapserver.conf")


def _cgi(mapfile: Path, config: Path) -> Answer:
    """Runs the program for each request, two at a time."""
    gate = threading.Semaphore(2)

    def answer(path: str) -> Reply:
        environment = {
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": urlsplit(path).query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SCRIPT_NAME": "/",
            "MS_MAPFILE": str(mapfile),
            "MAPSERVER_CONFIG_FILE": str(config),
        }
        with gate:
            done = subprocess.run(
                [MAPSERV], env=environment, capture_output=True, timeout=30, check=False
            )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0])
        return Reply(status=status, body=body, content_type=headers.get("Content-Type", ""))

    return answer


def _raster_layer(name: str, path: Path) -> str:
    with rasterio.open(path) as dataset:
        epsg, bounds = dataset.crs.to_epsg(), dataset.bounds
    return f"""
  LAYER
    NAME "{name}"
    TYPE RASTER
    STATUS ON
    DATA "{path.resolve()}"
    EXTENT {bounds.left} {bounds.bottom} {bounds.right} {bounds.top}
    PROJECTION "init=epsg:{epsg}" END
    METADATA "ows_title" "{name}" END
  END
"""


def _vector_layer(name: str, path: Path) -> str:
    frame = gpd.read_file(path)
    kind = {"Point": "POINT", "LineString": "LINE"}.get(
        frame.geom_type.iloc[0].removeprefix("Multi"), "POLYGON"
    )
    return f"""
  LAYER
    NAME "{name}"
    TYPE {kind}
    STATUS ON
    CONNECTIONTYPE OGR
    CONNECTION "{path.resolve()}"
    DATA "{gpd.list_layers(path)["name"].iloc[0]}"
    EXTENT {" ".join(str(value) for value in frame.total_bounds)}
    PROJECTION "init=epsg:{frame.crs.to_epsg()}" END
    METADATA
      "ows_title" "{name}"
      "gml_include_items" "all"
      "gml_types" "auto"
      "gml_featureid" "{frame.columns[0]}"
      "ows_enable_request" "*"
      "wfs_getfeature_formatlist" "geojson"
    END
    CLASS NAME "all" STYLE COLOR 0 0 0 WIDTH 1 END END
  END
"""


def _extent(rasters: Mapping[str, Path], vectors: Mapping[str, Path], crs: str) -> str:
    boxes = []
    for path in rasters.values():
        with rasterio.open(path) as dataset:
            boxes.append(rasterio.warp.transform_bounds(dataset.crs, crs, *dataset.bounds))
    boxes += [tuple(gpd.read_file(path).to_crs(crs).total_bounds) for path in vectors.values()]
    lows = [min(box[side] for box in boxes) for side in (0, 1)]
    highs = [max(box[side] for box in boxes) for side in (2, 3)]
    return " ".join(str(value) for value in (*lows, *highs))
