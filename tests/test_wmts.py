"""Tiles of a WMTS come together where they should; tiles that do not exist are told."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio.merge import merge

from aerialret.config.sources import ServicesConfig
from aerialret.errors import ConfigurationError, RequestLimitError
from aerialret.services.entries import parse_entry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.wmts import fetch_wmts
from tests.fake_maps import assert_placed, fake_wmts
from tests.fault_proxy import FastClock, FaultPlan, unreliable
from tests.geodata import CRS, LEFT, TOP, noise, write_raster
from tests.loopback import Loopback, serve

AREA = shapely.box(LEFT, TOP - 900, LEFT + 1200, TOP)
ZOOMS = range(12, 16)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    pixels = noise(bands=3, height=225, width=300)
    return write_raster(tmp_path / "ortho.tif", pixels, resolution=4)


def taken(
    server: Loopback, cache: Path, query: str = "layer=ortho&tilematrixset=PM&tilematrix=15",
    *, gsd_m: float = 0, path: str = "/", **config: Any,
) -> FetchedFiles:  # fmt: skip
    services = ServicesConfig(
        cache=str(cache), **{"requests_per_s": 1000.0, "retries": 5, "parallel": 8, **config}
    )
    with ServiceClient(services, clock=FastClock()) as client:
        entry = parse_entry(f"wmts+{server.url}{path}?{query}")
        return fetch_wmts(entry, client=client, area=AREA, crs=CRS, gsd_m=gsd_m)


@pytest.mark.parametrize("templated", [False, True])
def test_tiles_come_together_in_their_places(tmp_path: Path, raster: Path, templated: bool) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS, templated=templated)) as server:
        extra = f"&host={server.url}" if templated else ""
        path = "/caps.xml" if templated else "/"
        query = f"layer=ortho&tilematrixset=PM&tilematrix=15{extra}"
        files = taken(server, tmp_path / "cache", query, path=path)
    assert sum(assert_placed(path, raster) for path in files.paths) > 50_000
    assert files.missing == ()
    assert "tiles do not exist" in files.notes[0]


@pytest.mark.parametrize(
    ("gsd_m", "zoom"), [(0, "15"), (3.2, "15"), (4, "15"), (7, "14"), (99, "12")]
)
def test_the_coarsest_matrix_that_is_fine_enough_is_taken(
    tmp_path: Path, raster: Path, gsd_m: float, zoom: str
) -> None:
    """A pixel of level 15 is 4.78 m on the equator and 3.19 m at 48.3 degrees north."""
    with serve(fake_wmts(raster, zooms=ZOOMS)) as server:
        files = taken(server, tmp_path / "cache", "layer=ortho", gsd_m=gsd_m)
        assert {f"TILEMATRIX={zoom}&" in path for path in server.asked[1:]} == {True}
    assert not any("finest pixels" in note for note in files.notes)


def test_pixels_that_are_coarser_than_asked_for_are_told(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS)) as server:
        files = taken(server, tmp_path / "cache", "layer=ortho", gsd_m=0.5)
    assert "its finest pixels are 3.19 m" in files.notes[0]


def test_only_tiles_within_the_limits_are_asked(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS)) as server:
        taken(server, tmp_path / "all")
        asked = [path for path in server.asked if "GetTile" in path]
    rows = sorted({int(path.split("TILEROW=")[1].split("&")[0]) for path in asked})
    cols = sorted({int(path.split("TILECOL=")[1].split("&")[0]) for path in asked})
    limits = f"""<TileMatrixSetLimits><TileMatrixLimits><TileMatrix>15</TileMatrix>
<MinTileRow>{rows[2]}</MinTileRow><MaxTileRow>{rows[4]}</MaxTileRow>
<MinTileCol>{cols[1]}</MinTileCol><MaxTileCol>{cols[2]}</MaxTileCol>
</TileMatrixLimits></TileMatrixSetLimits>"""
    with serve(fake_wmts(raster, zooms=ZOOMS, limits=limits)) as server:
        taken(server, tmp_path / "few")
        assert len([path for path in server.asked if "GetTile" in path]) == 6


def test_faults_change_no_byte_and_a_second_run_asks_nothing(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS)) as server:
        calm = taken(server, tmp_path / "calm")
        before = len(server.asked)
        assert taken(server, tmp_path / "calm") == calm
        assert len(server.asked) == before
    with serve(unreliable(fake_wmts(raster, zooms=ZOOMS), FaultPlan(share=0.3))) as server:
        rough = taken(server, tmp_path / "rough")
    assert rough.missing == ()
    assert [path.read_bytes() for path in rough.paths] == [path.read_bytes() for path in calm.paths]


def test_a_lost_tile_is_named_and_asked_again_the_next_time(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS)) as server:
        calm = taken(server, tmp_path / "calm")
        with rasterio.open(calm.paths[0]) as block:
            rows, cols = np.nonzero(block.read(4))
            left, top = block.transform * (cols.min() // 256 * 256, rows.min() // 256 * 256)
        asked = [path for path in server.asked if "GetTile" in path]
    size = 2 * 20_037_508.342789244 / 2**15
    col, row = round((left + 20_037_508.34) / size), round((20_037_508.34 - top) / size)
    tile = f"TILECOL={col}&TILEMATRIX=15&TILEMATRIXSET=PM&TILEROW={row}&"
    assert sum(tile in path for path in asked) == 1
    wrong = [FaultPlan(share=0, lost=(tile,), faults=("500", "cut"))]
    answer = fake_wmts(raster, zooms=ZOOMS)
    with serve(lambda path: unreliable(answer, wrong[0])(path)) as server:
        rough = taken(server, tmp_path / "rough", retries=1)
        assert len(rough.missing) == 1
        assert f"{left:.3f}".rstrip("0") in rough.missing[0]
        wrong[0] = FaultPlan(share=0)
        whole = taken(server, tmp_path / "rough")
    assert [path.read_bytes() for path in whole.paths] == [path.read_bytes() for path in calm.paths]
    assert rough.paths != whole.paths


def test_a_run_that_was_limited_goes_on(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wmts(raster, zooms=ZOOMS, white=True)) as server:
        for _ in range(20):
            try:
                files = taken(server, tmp_path / "cache", max_requests=60)
                break
            except RequestLimitError:
                continue
        assert len(server.asked) == len(set(server.asked))
    assert (merge(list(files.paths))[0] != 255).any()


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("layer=otho", "no layer 'otho'; the nearest are ortho"),
        ("layer=ortho&tilematrixset=MP", "no tilematrixset 'MP'"),
        ("layer=ortho&tilematrix=18", "no tilematrix '18'; the nearest are"),
        ("layer=ortho&style=norma", "no style 'norma'; the nearest are normal"),
    ],
)
def test_what_a_service_lacks_is_told_with_the_nearest(
    tmp_path: Path, raster: Path, query: str, line: str
) -> None:
    with (
        serve(fake_wmts(raster, zooms=ZOOMS)) as server,
        pytest.raises(ConfigurationError, match=line),
    ):
        taken(server, tmp_path / "cache", query)
