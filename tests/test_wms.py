"""Imagery of a WMS lies where it should, whole, or what is missing is told."""

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.merge import merge
from rasterio.warp import transform as moved_points

from aerialret.config.sources import ServicesConfig, SourceConfig
from aerialret.errors import AerialretError, ConfigurationError, RequestLimitError, ServiceError
from aerialret.services.entries import parse_entry
from aerialret.services.fetch import FetchedSource, fetch_sources
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.image_parts import Lattice, number_text
from aerialret.services.maps.wms import fetch_wms
from tests.fake_maps import assert_placed, fake_wms
from tests.fault_proxy import FAULTS, FastClock, Fault, FaultPlan, unreliable
from tests.geodata import CRS, LEFT, TOP, noise, write_raster
from tests.loopback import Answer, Loopback, serve
from tests.mapserver import mapserver, needs_mapserver

AREA = shapely.box(LEFT, TOP - 200, LEFT + 300, TOP)
CHUNKS = "layers=ortho&gsd=1&chunk_px=100"
"""Six chunks of 100 m cover the area; TOP and LEFT are on their lattice."""


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "ortho.tif", noise(bands=3, height=200, width=300))


def taken(
    server: Loopback, cache: Path, query: str = CHUNKS, *, area: Any = AREA, **config: Any
) -> FetchedFiles:
    services = ServicesConfig(
        cache=str(cache), **{"requests_per_s": 1000.0, "retries": 5, **config}
    )
    with ServiceClient(services, clock=FastClock()) as client:
        entry = parse_entry(f"wms+{server.url}/?{query}")
        return fetch_wms(entry, client=client, area=area, crs=CRS, gsd_m=0)


def fetched(source: SourceConfig, cache: Path, **settings: Any) -> FetchedSource:
    return fetch_sources(
        source,
        services=ServicesConfig(cache=str(cache), requests_per_s=1000),
        **{"grid_crs": CRS, "area_base": Path(), "date": "2019", **settings},
    )


def mosaic(files: FetchedFiles) -> np.ndarray:
    return merge(list(files.paths))[0]


def maps(server: Loopback) -> list[str]:
    return [path for path in server.asked if "GetMap" in path]


def pixels_of(raster: Path) -> np.ndarray:
    with rasterio.open(raster) as dataset:
        return dataset.read()


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1, 5000), st.floats(1, 5000),
    st.floats(100, 2000),
)  # fmt: skip
def test_cells_cover_an_area_once(x: float, y: float, w: float, h: float, size: float) -> None:
    area = shapely.box(x, y, x + w, y + h)
    lattice = Lattice(cell_width=size, cell_height=size)
    cells = [shapely.box(*lattice.bounds(*cell)) for cell in lattice.cells(area)]
    union = shapely.union_all(cells)
    assert union.buffer(1e-3).contains(area)
    assert union.area == pytest.approx(size * size * len(cells), rel=1e-6)
    assert len(cells) <= (w / size + 2) * (h / size + 2)


def test_coordinates_are_written_without_exponents() -> None:
    assert [number_text(value) for value in (1e16, 0.1 + 0.2, -0.0, 1e-12, -2.5)] == [
        "10000000000000000", "0.3", "0", "0", "-2.5",
    ]  # fmt: skip


@pytest.mark.parametrize("image_format", ["image/png", "image/geotiff"])
def test_the_pixels_of_the_service_arrive_in_their_places(
    tmp_path: Path, raster: Path, image_format: str
) -> None:
    with serve(fake_wms(raster, formats=(image_format,))) as server:
        files = taken(server, tmp_path / "cache")
    assert (files.missing, files.notes, len(files.paths)) == ((), (), 6)
    with rasterio.open(files.paths[0]) as first:
        assert first.bounds == (LEFT, TOP - 100, LEFT + 100, TOP)
        assert first.crs == CRS
        assert first.profile["tiled"]
    assert (mosaic(files) == pixels_of(raster)).all()


def test_geographic_systems_are_asked_latitude_first(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wms(raster)) as server:
        files = taken(server, tmp_path / "cache", "layers=ortho&gsd=1&crs=EPSG:4326")
    assert assert_placed(files.paths[0], raster) > 20_000


def test_areas_that_overlap_ask_once_for_what_they_share(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wms(raster)) as server:
        taken(server, tmp_path / "cache", area=shapely.box(LEFT + 10, TOP - 150, LEFT + 160, TOP))
        taken(server, tmp_path / "cache", area=shapely.box(LEFT + 120, TOP - 90, LEFT + 290, TOP))
        assert len(maps(server)) == len(set(server.asked)) - 1 == 5


def test_the_service_s_largest_image_is_not_exceeded(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wms(raster, max_px=64)) as server:
        files = taken(server, tmp_path / "cache", "layers=ortho&gsd=1")
        widths = {parse_qs(urlsplit(path).query)["WIDTH"][0] for path in maps(server)}
    assert widths == {"64"}
    assert files.missing == ()
    assert len(files.paths) > 12


@pytest.mark.parametrize(
    ("image_format", "how"), [("image/png", "transparent"), ("image/geotiff", "all white")]
)
def test_chunks_without_image_are_told_and_not_written(
    tmp_path: Path, raster: Path, image_format: str, how: str
) -> None:
    wider = shapely.box(LEFT, TOP - 200, LEFT + 400, TOP)
    with serve(fake_wms(raster, formats=(image_format,))) as server:
        runs = [taken(server, tmp_path / "cache", area=wider) for _ in range(2)]
        assert len(maps(server)) == 8
    assert runs[0] == runs[1]
    assert len(runs[0].paths) == 6
    assert f"2 of 8 parts hold no image ({how}): 900300,6799900,900400,6800000" in runs[0].notes[0]


def test_an_image_of_the_wrong_size_is_no_answer(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wms(raster, wrong_px=1)) as server:
        files = taken(server, tmp_path / "cache", retries=1)
    assert files.paths == ()
    assert len(files.missing) == 6
    assert "101 x 100 pixels instead of 100 x 100" in files.missing[0]


@pytest.mark.parametrize("image_format", ["image/png", "image/geotiff"])
@pytest.mark.parametrize("faults", [FAULTS, ("truncated",)])
def test_faults_change_no_byte(
    tmp_path: Path, raster: Path, image_format: str, faults: tuple[Fault, ...]
) -> None:
    answer = fake_wms(raster, formats=(image_format,))
    with serve(answer) as server:
        calm = taken(server, tmp_path / "calm")
    with serve(unreliable(answer, FaultPlan(seed=1, faults=faults))) as server:
        rough = taken(server, tmp_path / "rough")
        assert len(server.asked) > 8
    assert rough.missing == ()
    assert [path.read_bytes() for path in rough.paths] == [path.read_bytes() for path in calm.paths]


def test_what_is_lost_is_named_and_the_rest_is_whole(tmp_path: Path, raster: Path) -> None:
    lost = f"BBOX={LEFT + 100:.0f},{TOP - 200:.0f},"
    with serve(fake_wms(raster)) as server:
        calm = taken(server, tmp_path / "calm")
    answer = fake_wms(raster)
    with serve(unreliable(answer, FaultPlan(lost=(lost,)))) as server:
        rough = taken(server, tmp_path / "rough")
    assert len(rough.missing) == 1
    assert "900100,6799800,900200,6799900 in EPSG:2154" in rough.missing[0]
    kept = [path.read_bytes() for index, path in enumerate(calm.paths) if index != 4]
    assert [path.read_bytes() for path in rough.paths] == kept


def test_a_run_that_was_limited_goes_on_without_asking_again(tmp_path: Path, raster: Path) -> None:
    with serve(fake_wms(raster)) as server:
        calm = taken(server, tmp_path / "calm")
        server.asked.clear()
        for _ in range(3):
            with pytest.raises(RequestLimitError):
                taken(server, tmp_path / "cache", max_requests=2)
        files = taken(server, tmp_path / "cache", max_requests=2)
        assert len(server.asked) == len(set(server.asked)) == 7
    assert [path.read_bytes() for path in files.paths] == [path.read_bytes() for path in calm.paths]


@pytest.mark.parametrize(
    ("query", "line"),
    [
        ("layers=otho&gsd=1", "no layer 'otho'; the nearest are ortho"),
        (
            "layers=ortho&gsd=1&crs=EPSG:2056",
            "not served in EPSG:2056; the nearest are EPSG:",
        ),
        ("layers=ortho&gsd=1&format=image/jpg", "no format 'image/jpg'; the nearest are image/png"),
        ("layers=ortho", "how large a pixel is; give --gsd-m"),
    ],
)
def test_what_a_service_lacks_is_told_with_the_nearest(
    tmp_path: Path, raster: Path, query: str, line: str
) -> None:
    with serve(fake_wms(raster)) as server, pytest.raises(ConfigurationError, match=line):
        taken(server, tmp_path / "cache", query)


def test_a_layer_that_came_after_the_cache_is_found(tmp_path: Path, raster: Path) -> None:
    renamed: list[Answer] = [lambda path: fake_wms(raster)(path)]
    with serve(lambda path: renamed[0](path)) as server:
        with pytest.raises(ConfigurationError):
            taken(server, tmp_path / "cache", "layers=newer&gsd=1")
        old = fake_wms(raster)

        def newer(path: str) -> Any:
            reply = old(path.replace("LAYERS=newer", "LAYERS=ortho"))
            from dataclasses import replace

            return replace(reply, body=reply.body.replace(b"ortho", b"newer"))

        renamed[0] = newer
        assert len(taken(server, tmp_path / "cache", "layers=newer&gsd=1").paths) == 1


def test_an_address_without_a_service_is_told(tmp_path: Path) -> None:
    from tests.loopback import files_of

    (tmp_path / "index.html").write_text("<html>hello</html>")
    with serve(files_of(tmp_path)) as server, pytest.raises(ServiceError, match="404"):
        taken(server, tmp_path / "cache")


def test_services_give_way_to_files_in_their_place(tmp_path: Path, raster: Path) -> None:
    gpd.GeoSeries([AREA], crs=CRS).to_crs(4326).to_file(tmp_path / "area.geojson")
    with serve(fake_wms(raster)) as server:
        entry = f"wms+{server.url}/?{CHUNKS}"
        source = SourceConfig(ortho=("a.tif", entry, "b.tif"), area="area.geojson")
        found = fetched(source, tmp_path / "cache", area_base=tmp_path)
    assert found.source.ortho[0] == "a.tif"
    assert found.source.ortho[-1] == "b.tif"
    assert len(found.source.ortho) == 8


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"area": ""}, "give --area"),
        ({"area": "5,5,1,1"}, "no rectangle"),
        ({"area": "0,0,100,100"}, "no service has imagery in area 0,0,100,100: .*hold no image"),
    ],
)
def test_an_area_that_cannot_be_is_refused(
    tmp_path: Path, raster: Path, settings: dict[str, str], line: str
) -> None:
    with serve(fake_wms(raster)) as server, pytest.raises(AerialretError, match=line):
        fetched(SourceConfig(ortho=(f"wms+{server.url}/?{CHUNKS}",), **settings), tmp_path / "c")


def test_imagery_is_not_taken_for_vectors(tmp_path: Path) -> None:
    source = SourceConfig(vectors=("ign:ortho-2019",), area="0,0,1,1")
    with pytest.raises(ConfigurationError, match="is a WMS, but vectors takes wfs"):
        fetched(source, tmp_path)


def test_a_source_without_services_stays_as_it_is(tmp_path: Path) -> None:
    source = SourceConfig(ortho=("a.tif",), vectors=("b.shp=road",))
    assert fetched(source, tmp_path / "cache").source is source
    assert not (tmp_path / "cache").exists()


@needs_mapserver
def test_mapserver_gives_the_pixels_of_its_raster(tmp_path: Path, raster: Path) -> None:
    answer = mapserver(tmp_path / "map", rasters={"ortho": raster})
    with serve(answer) as server:
        calm = taken(server, tmp_path / "calm")
    assert (mosaic(calm)[:3] == pixels_of(raster)).all()
    with serve(unreliable(answer, FaultPlan(seed=4))) as server:
        rough = taken(server, tmp_path / "rough")
    assert rough.missing == ()
    assert [path.read_bytes() for path in rough.paths] == [path.read_bytes() for path in calm.paths]


@needs_mapserver
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857"])
def test_mapserver_and_we_agree_on_the_order_of_axes(tmp_path: Path, crs: str) -> None:
    dark = np.full((3, 200, 300), 60, np.uint8)
    dark[:, 20:24, 250:254] = 240
    raster = write_raster(tmp_path / "mark.tif", dark)
    with serve(mapserver(tmp_path / "map", rasters={"ortho": raster})) as server:
        files = taken(
            server, tmp_path / "cache", f"layers=ortho&gsd=0.5&crs={crs}&format=image/png"
        )
    pixels, transform = merge(list(files.paths))
    rows, cols = np.nonzero((pixels[0] == 240) & (pixels[3] > 0))
    x, y = transform * (cols.mean() + 0.5, rows.mean() + 0.5)
    (east,), (north,) = moved_points(crs, CRS, [x], [y])
    assert (east, north) == pytest.approx((LEFT + 252, TOP - 22), abs=0.5)
