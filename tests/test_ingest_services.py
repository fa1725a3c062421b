"""Ingests from services give the tiles of files, whatever goes wrong, or say what is missing."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from aerialret.services.http import client as client_module
from aerialret.tiles.grid import TileId
from aerialret.tiles.palette import NO_COVERAGE
from aerialret.tiles.tileset import TileSet
from tests.fake_maps import fake_wms, fake_wmts
from tests.fake_wfs import FakeWfs
from tests.fault_proxy import FastClock, FaultPlan, unreliable
from tests.geodata import CRS, LEFT, TOP, noise, write_layer, write_raster
from tests.loopback import Answer, Reply, files_of, serve
from tests.mapserver import mapserver, needs_mapserver
from tests.test_cli import Cli, cli
from tests.test_stac import COLLECTION, static_catalogue

__all__ = ["cli"]

WIDTH, HEIGHT = 400, 300
AREA = (LEFT, TOP - HEIGHT, LEFT + WIDTH, TOP)
TILE = 32
GRID = (
    "--crs", CRS, "--tile-size-m", str(TILE), "--tile-px", str(TILE), "--origin", f"{LEFT},{TOP}",
)  # fmt: skip
BOOKKEEPING = ("date.json", "blocks.json", "manifest.json")
"""Files that name sources; all others hold what was made from them."""


@dataclass
class Territory:
    """A raster and buildings, as files and as services; `answer` is what the services do now."""

    folder: Path
    raster: Path
    buildings: FakeWfs
    answer: Answer
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def command(self, name: str, *options: str, area: tuple[float, ...] = AREA) -> list[str]:
        """An ingest from both services into the tile set `name`, with a cache of its own."""
        return [
            *self.imagery(name, *options, area=area), "--vectors",
            f"wfs+{self.url}/wfs?typenames=batiment&count=20",
        ]  # fmt: skip

    def imagery(self, name: str, *options: str, area: tuple[float, ...] = AREA) -> list[str]:
        """An ingest from the map service alone."""
        return [
            "ingest", name, "--date", "2019", *GRID, "--area", ",".join(map(str, area)),
            "--ortho", f"wms+{self.url}/wms?layers=ortho&gsd=1&chunk_px=100",
            "--set", f"services.cache=cache-{name}", "--set", "services.requests_per_s=500",
            "--set", "services.retries=4", *options,
        ]  # fmt: skip


def _points(count: int) -> dict[str, tuple[float, float]]:
    corners = np.random.default_rng(3).uniform((-20, -HEIGHT - 20), (WIDTH + 20, 20), (count, 2))
    return {f"B{i:05d}": (LEFT + x, TOP + y) for i, (x, y) in enumerate(corners)}


@pytest.fixture
def territory(tmp_path: Path) -> Iterator[Territory]:
    raster = write_raster(tmp_path / "ortho.tif", noise(bands=3, height=HEIGHT, width=WIDTH))
    buildings = FakeWfs(points=_points(90))
    services = {"/wms": fake_wms(raster), "/wfs": buildings}
    place = Territory(
        tmp_path, raster, buildings, answer=lambda path: services[path.partition("?")[0]](path)
    )
    with serve(lambda path: place.answer(path)) as server:
        place.url, place.asked = server.url, server.asked
        yield place


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits pass a hundred times as fast."""
    monkeypatch.setattr(client_module, "SystemClock", lambda: FastClock(100))


def write_vectors(place: Territory, folder: str = "vectors") -> None:
    squares = [place.buildings.square(name) for name in place.buildings.points]
    write_layer(
        place.folder / folder / "batiment.gpkg", squares,
        cleabs=list(place.buildings.points), nature=["Château"] * len(squares),
    )  # fmt: skip


def files(folder: Path, *, without: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in without
    }


def tiles(folder: Path) -> dict[str, bytes]:
    return files(folder, without=BOOKKEEPING)


def report(name: str) -> dict:
    return json.loads((Path(name) / "dates" / "2019" / "date.json").read_text())["report"]


def done(cli: Cli, words: list[str], status: int = 0) -> str:
    """What an ingest tells; it must end with `status`."""
    ended, _, told = cli(*words)
    assert ended == status, told
    assert "Traceback" not in told
    return told


def from_files(cli: Cli, place: Territory, area: tuple[float, ...] = AREA) -> dict[str, bytes]:
    """The tiles of an ingest from the same files, with the area as coverage."""
    write_layer(place.folder / "area.gpkg", [shapely.box(*area)])
    done(
        cli,
        [
            "ingest", "local", "--date", "2019", *GRID, "--ortho", str(place.raster),
            "--vectors", "vectors", "--vector-coverage", "area.gpkg",
        ],
    )  # fmt: skip
    return tiles(Path("local"))


def test_services_give_the_tiles_of_the_same_files(cli: Cli, territory: Territory) -> None:
    write_vectors(territory)
    done(cli, territory.command("served"))
    assert tiles(Path("served")) == from_files(cli, territory)
    assert report("served")["missing"] == []
    assert report("served")["class_shares"]["castle"] > 0.01


@needs_mapserver
def test_mapserver_gives_the_tiles_of_the_same_files(cli: Cli, territory: Territory) -> None:
    write_vectors(territory)
    line = shapely.LineString([(LEFT - 30, TOP + 5), (LEFT + 150, TOP + 4), (LEFT + 430, TOP - 99)])
    along = shapely.LineString([(LEFT - 3, TOP - 380), (LEFT - 3, TOP + 40)])  # reaches in
    write_layer(
        territory.folder / "vectors" / "troncon_de_route.gpkg", [line, along],
        cleabs=["R1", "R2"], nature=["Route à 1 chaussée", "Chemin"], largeur_de_chaussee=[6.0, 9],
    )  # fmt: skip
    territory.answer = mapserver(
        territory.folder / "ms",
        rasters={"ortho": territory.raster},
        vectors={
            name: territory.folder / "vectors" / f"{name}.gpkg"
            for name in ("batiment", "troncon_de_route")
        },
    )
    words = territory.imagery("served")
    done(cli, [*words, "--vectors", f"wfs+{territory.url}/?typenames=batiment,troncon_de_route"])
    assert tiles(Path("served")) == from_files(cli, territory)
    assert report("served")["class_shares"]["road"] > 0.01


def test_an_area_smaller_than_a_tile_is_covered_and_nothing_else(
    cli: Cli, territory: Territory
) -> None:
    area = (LEFT + 36, TOP - 14, LEFT + 45, TOP - 3)
    done(cli, territory.command("served", area=area))
    tileset = TileSet(Path("served"))
    mask = tileset.read("2019", [TileId(1, 0)]).masks[0]
    inside = np.zeros((TILE, TILE), bool)
    inside[3:14, 4:13] = True
    assert ((mask != NO_COVERAGE) == inside).all()


@pytest.mark.usefixtures("fast")
def test_faults_change_no_byte(cli: Cli, territory: Territory) -> None:
    done(cli, territory.command("calm"))
    calm = len(territory.asked)
    territory.answer = unreliable(territory.answer, FaultPlan(seed=1, share=0.5, most=2))
    done(cli, territory.command("stormy"))
    assert len(territory.asked) - calm > 1.3 * calm
    assert files(Path("stormy")) == files(Path("calm"))


LOST_CHUNK = f"BBOX={LEFT + 100:.0f},{TOP - 200:.0f},{LEFT + 200:.0f},{TOP - 100:.0f}"


@pytest.mark.usefixtures("fast")
def test_imagery_that_never_comes_is_named_and_comes_with_the_same_command(
    cli: Cli, territory: Territory
) -> None:
    whole = territory.answer
    done(cli, territory.command("calm"))
    territory.answer = unreliable(whole, FaultPlan(share=0.2, most=1, lost=(LOST_CHUNK,)))
    told = done(cli, territory.command("torn"), 1)
    where = f"no imagery of {LEFT + 100:.0f},{TOP - 200:.0f},{LEFT + 200:.0f},{TOP - 100:.0f}"
    (missing,) = report("torn")["missing"]
    assert where in missing
    assert missing in told
    torn, calm = TileSet(Path("torn")), TileSet(Path("calm"))
    gone = set(calm.tiles("2019")) - set(torn.tiles("2019"))
    assert len(gone) >= 4
    here, there = (tileset.read("2019", torn.tiles("2019")) for tileset in (torn, calm))
    shown, original = (np.moveaxis(batch.images, 1, -1)[here.valid] for batch in (here, there))
    assert 0 < (~here.valid).sum() < here.valid.size / 4
    assert (shown > 0).all()
    assert (shown == original).all()
    territory.answer = whole
    before = len(territory.asked)
    done(cli, territory.command("torn"))
    assert len(territory.asked) == before + 1
    assert files(Path("torn")) == files(Path("calm"))


@pytest.mark.usefixtures("fast")
def test_a_part_that_turns_out_empty_is_missing_no_more(cli: Cli, territory: Territory) -> None:
    whole = territory.answer
    empty = LOST_CHUNK.replace(f"{LEFT + 100:.0f}", f"{LEFT + 400:.0f}").replace(
        f"{LEFT + 200:.0f}", f"{LEFT + 500:.0f}"
    )
    wide = (LEFT, TOP - HEIGHT, LEFT + WIDTH + 100, TOP)
    territory.answer = unreliable(whole, FaultPlan(share=0.0, lost=(empty,)))
    done(cli, territory.imagery("torn", area=wide), 1)
    territory.answer = whole
    done(cli, territory.imagery("torn", area=wide))
    assert report("torn")["missing"] == []


@pytest.mark.usefixtures("fast")
def test_ground_whose_features_never_come_is_not_covered(cli: Cli, territory: Territory) -> None:
    whole = territory.answer
    done(cli, territory.command("calm"))
    lost = next(path for path in territory.asked if "startIndex=0" in path and "wfs" in path)
    territory.answer = unreliable(whole, FaultPlan(share=0.0, lost=(lost,), faults=("500",)))
    told = done(cli, territory.command("torn"), 1)
    (missing,) = report("torn")["missing"]
    assert missing in told
    assert missing.startswith("BDTOPO_V3:batiment in ")
    bounds = missing.split()[2].split(",")
    cell = shapely.box(*map(float, bounds))
    torn, calm = TileSet(Path("torn")), TileSet(Path("calm"))
    cells = torn.tiles("2019")
    here, there = (tileset.read("2019", cells).masks for tileset in (torn, calm))
    known = here != NO_COVERAGE
    inside = [cell.contains(shapely.box(*torn.grid.bounds(tile))) for tile in cells]
    assert 3 < sum(inside) < len(cells)
    assert not known[inside].any()
    assert (here == there)[known].all()
    assert (there != NO_COVERAGE)[inside].any()
    territory.answer = whole
    done(cli, territory.command("torn"))
    assert files(Path("torn")) == files(Path("calm"))


def test_a_killed_run_does_not_ask_again_for_what_it_has(cli: Cli, territory: Territory) -> None:
    whole, lock, answered = territory.answer, threading.Lock(), Counter[str]()
    children: list[subprocess.Popen[bytes]] = []

    def deadly(path: str) -> Reply:
        with lock:
            answered[path] += 1
            if len(answered) == 9 and children:
                os.kill(children.pop().pid, signal.SIGKILL)
        return whole(path)

    done(cli, territory.command("calm"))
    territory.answer = deadly
    words = [sys.executable, "-m", "aerialret", *territory.command("killed")]
    children.append(child := subprocess.Popen(words, stderr=subprocess.DEVNULL))
    assert child.wait(timeout=60) == -signal.SIGKILL
    assert not Path("killed").exists()
    done(cli, territory.command("killed"))
    assert files(Path("killed")) == files(Path("calm"))
    again = sum(answered.values()) - len(answered)
    assert again <= 5  # those that were on their way


def test_a_limited_run_goes_on_where_it_stopped(cli: Cli, territory: Territory) -> None:
    done(cli, territory.command("calm"))
    calm = len(territory.asked)
    runs = 0
    while True:
        status, _, told = cli(*territory.command("limited", "--set", "services.max_requests=7"))
        runs += 1
        if status == 0:
            break
        assert status == 2
        assert told.count("\n") == 1
        assert "7 requests were made" in told
        assert not Path("limited").exists()
    assert runs == -(-calm // 7)
    assert len(territory.asked) == 2 * calm
    assert files(Path("limited")) == files(Path("calm"))


def _changed(words: list[str], old: str, new: str) -> list[str]:
    return [word.replace(old, new) for word in words]


MISTAKES: dict[str, tuple[Callable[[list[str]], list[str]], str]] = {
    "layer": (lambda words: _changed(words, "layers=ortho", "layers=orthos"), "no layer 'orthos'"),
    "type": (lambda words: _changed(words, "=batiment", "=batimant"), "types called 'batimant'"),
    "host": (lambda words: _changed(words, "wms+http://127.0.0.1", "wms+http://no.such.invalid"),
             "gave no whole answer"),
    "crs": (lambda words: _changed(words, "&gsd=1", "&gsd=1&crs=EPSG:27572"), "not served in"),
    "pixel": (lambda words: _changed(words, "&gsd=1", ""), "how large a pixel is; give --gsd-m"),
    "preset": (lambda words: [*words, "--ortho", "ign:ortho-1899"], "no service 'ign:ortho-1899'"),
    "path": (lambda words: _changed(words, "/wms?", "/wsm?"), "/wsm"),
}  # fmt: skip


@pytest.mark.usefixtures("fast")
def test_a_mistake_is_one_line_and_leaves_the_tile_set(cli: Cli, territory: Territory) -> None:
    done(cli, territory.imagery("served"))
    before = files(Path("served"))
    answer = territory.answer
    territory.answer = lambda path: Reply(status=404) if "/wsm" in path else answer(path)
    for change, line in MISTAKES.values():
        words = change(territory.command("served", "--set", "services.retries=1"))
        assert line in cli.refused(*words)
        assert files(Path("served")) == before


@pytest.mark.usefixtures("fast")
def test_an_ingest_without_area_is_refused(cli: Cli, territory: Territory) -> None:
    words = territory.command("served")
    del words[words.index("--area") : words.index("--area") + 2]
    assert "give --area left,bottom,right,top" in cli.refused(*words)
    assert territory.asked == []
    assert not Path("served").exists()


@pytest.mark.usefixtures("fast")
def test_a_service_that_is_down_is_one_line(cli: Cli, territory: Territory) -> None:
    done(cli, territory.imagery("served"))
    before = files(Path("served"))
    territory.answer = lambda path: Reply(status=503, body=b"<html>maintenance</html>")
    told = cli.refused(*territory.command("served", "--set", "services.cache=other"))
    assert "answered 503" in told
    assert "maintenance" in told
    assert files(Path("served")) == before


@pytest.mark.usefixtures("fast")
def test_a_host_that_dies_is_not_asked_for_all_the_rest(cli: Cli, territory: Territory) -> None:
    def words(name: str) -> list[str]:
        return _changed(territory.imagery(name), "chunk_px=100", "chunk_px=50")

    done(cli, words("calm"))
    whole, before = territory.answer, len(territory.asked)
    lock, served = threading.Lock(), set[str]()

    def dying(path: str) -> Reply:
        with lock:
            if path in served or len(served) < 4:
                served.add(path)
        return whole(path) if path in served else Reply(body=b"half", cut_at=0)

    territory.answer = dying
    told = done(cli, words("died"), 1)
    missing = report("died")["missing"]
    assert len(missing) == 45
    assert sum("not asked, as 5 requests in a row had failed" in line for line in missing) >= 36
    assert "45 parts are missing" in told
    assert len(territory.asked) - before <= 4 + (5 + 4) * 5
    territory.answer = whole
    done(cli, words("died"))
    assert files(Path("died")) == files(Path("calm"))


def test_secrets_reach_the_service_and_nobody_else(cli: Cli, territory: Territory) -> None:
    whole, heads = territory.answer, territory.asked
    words = territory.imagery("served")
    secret = _changed(words, "layers=ortho", "token=s3cr3t&layers=ortho")
    done(cli, secret)
    assert heads
    assert all("token=s3cr3t" in path for path in heads)
    kept = b"".join([*files(Path("served")).values(), *files(Path("cache-served")).values()])
    assert b"s3cr3t" not in kept
    asked = len(heads)
    done(cli, _changed(secret, "s3cr3t", "an0ther"))  # the same tile set, and nothing to ask
    assert len(heads) == asked
    territory.answer = lambda path: Reply(status=403, body=f"refused: {path}".encode())
    told = cli.refused(*_changed(_changed(secret, "cache-served", "other"), "//", "//me:s3cr3t@"))
    assert "answered 403" in told
    assert "token=***" in told
    assert "s3cr3t" not in told
    territory.answer = whole


def test_a_stac_gives_the_pixels_of_its_files_and_their_days(cli: Cli, tmp_path: Path) -> None:
    static_catalogue(tmp_path / "stac")
    grid = ["--crs", CRS, "--tile-size-m", "64", "--tile-px", "16", "--origin", f"{LEFT},{TOP}"]
    area = f"{LEFT + 450},{TOP - 350},{LEFT + 1150},{TOP - 50}"
    with serve(files_of(tmp_path / "stac")) as server:
        entry = f"stac+{server.url}/catalog.json?collections={COLLECTION}"
        words = ["ingest", "served", "--date", "2019", *grid, "--set", "services.cache=cache"]
        words += ["--ortho", entry, "--area", area]
        told = cli.refused(*words, "--set", "services.max_bytes=9e3")
        assert re.search(r"7\d\.\d kB would be fetched, but services.max_bytes allows 9 kB", told)
        assert not any(path.endswith(".tif") for path in server.asked)
        done(cli, words)
    sources = [next((tmp_path / "stac").rglob(f"2019_{column}_4.tif")) for column in (2, 1)]
    given = [word for source in sources for word in ("--ortho", str(source))]
    done(cli, ["ingest", "local", "--date", "2019", *grid, *given])
    store = Path("dates/2019/pixels.zarr")
    assert files("served" / store) == files("local" / store)
    days = TileSet(Path("served")).rows("2019")["first_day"].astype(str)
    assert set(days) == {"2019-07-02", "2019-07-03"}


def test_a_wmts_in_another_system_lies_within_half_a_pixel(cli: Cli, tmp_path: Path) -> None:
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    waves = [np.sin(x / 7) + np.sin(y / 11), np.sin(x / 9 + y / 31), np.cos(x / 13 - y / 5)]
    pixels = np.array([127 + 60 * wave for wave in waves]).astype(np.uint8)
    raster = write_raster(tmp_path / "waves.tif", pixels)
    grid = [*GRID, "--tile-size-m", "96", "--tile-px", "96"]
    done(cli, ["ingest", "local", "--date", "2019", *grid, "--ortho", str(raster)])
    with serve(fake_wmts(raster, zooms=range(16, 19))) as server:
        entry = f"wmts+{server.url}/wmts?layer=ortho&tilematrixset=PM&gsd=0.5"
        options = ("--set", "services.cache=cache", "--set", "services.requests_per_s=500")
        words = ["ingest", "served", "--date", "2019", *grid, "--ortho", entry, *options]
        # 8 x 8 tiles come whole, so that a small area is enough
        done(cli, [*words, "--area", f"{LEFT + 200},{TOP - 200},{LEFT + 220},{TOP - 180}"])
    local, served = TileSet(Path("local")), TileSet(Path("served"))
    cells = sorted(set(local.tiles("2019")) & set(served.tiles("2019")))
    assert len(cells) >= 6
    here, there = (tileset.read("2019", cells) for tileset in (served, local))
    both = here.valid & there.valid
    both[:, [0, 1, -2, -1]] = both[:, :, [0, 1, -2, -1]] = False
    original = there.images.astype(float)
    slopes = [np.moveaxis(part, 1, -1)[both] for part in np.gradient(original, axis=(2, 3))]
    change = np.moveaxis(original - here.images, 1, -1)[both]
    steps = np.stack([slope.ravel() for slope in slopes], axis=1)
    shift, *_ = np.linalg.lstsq(steps, change.ravel(), rcond=None)
    assert abs(shift).max() < 0.1
    assert np.abs(change).mean() < 8


def test_a_type_that_says_where_the_service_ends_cuts_the_coverage(
    cli: Cli, territory: Territory
) -> None:
    """Beyond a border, a service that holds one country has no features: that is not ground."""
    border = shapely.Polygon(
        [(LEFT - 9, TOP + 9), (LEFT + 210, TOP + 9), (LEFT + 150, TOP - 400), (LEFT - 9, TOP - 400)]
    )
    write_vectors(territory)
    write_layer(territory.folder / "vectors" / "commune.gpkg", [border], cleabs=["C1"], nom=["Ici"])
    whole, commune = territory.answer, FakeCommune(border)
    territory.answer = lambda path: commune(path) or whole(path)
    words = _changed(territory.command("served"), "count=20", "count=20&coverage=commune")
    done(cli, words)
    (territory.folder / "vectors" / "commune.gpkg").unlink()
    write_layer(territory.folder / "area.gpkg", [border.intersection(shapely.box(*AREA))])
    done(
        cli,
        [
            "ingest", "local", "--date", "2019", *GRID, "--ortho", str(territory.raster),
            "--vectors", "vectors", "--vector-coverage", "area.gpkg",
        ],
    )  # fmt: skip
    assert tiles(Path("served")) == tiles(Path("local"))
    told = done(cli, _changed(words, "coverage=commune", "coverage=pays"), 2)
    assert "--replace" in told
    told = done(cli, [*_changed(words, "coverage=commune", "coverage=pays"), "--replace"])
    assert "has no pays: the area counts as known to its borders" in told


class FakeCommune:
    """Adds one polygon, as the type `commune`, to the fake WFS."""

    def __init__(self, border: shapely.Polygon) -> None:
        self._border = border

    def __call__(self, path: str) -> Reply | None:
        if "request=GetCapabilities" in path and path.startswith("/wfs"):
            body = FakeWfs(points={})(path).body.decode()
            kind = body[body.index("<wfs:FeatureType>") : body.index("</wfs:FeatureTypeList>")]
            both = body.replace(kind, kind + kind.replace("batiment", "commune"))
            return Reply(body=both.encode(), content_type="application/xml")
        if "commune" not in path or "DescribeFeatureType" in path:
            return None
        collection = json.loads(gpd.GeoSeries([self._border], crs=CRS).to_json())
        collection["features"][0] |= {"id": "C1", "properties": {"cleabs": "C1"}}
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::2154"}}
        first = "resultType=hits" in path or "startIndex=0" in path
        collection |= {"crs": crs, "numberMatched": 1, "numberReturned": int(first)}
        if not first:
            collection["features"] = []
        return Reply(body=json.dumps(collection).encode(), content_type="application/json")


def test_a_check_tells_what_each_kind_of_service_offers(cli: Cli, territory: Territory) -> None:
    static_catalogue(territory.folder / "stac")
    whole, wmts = territory.answer, fake_wmts(territory.raster, zooms=range(16, 19))
    catalogue = files_of(territory.folder / "stac")
    territory.answer = lambda path: (
        wmts(path)
        if path.startswith("/wmts")
        else catalogue(path)
        if path.endswith(".json")
        else whole(path)
    )
    (territory.folder / "aerialret.toml").write_text('[services]\nretries = 0\ncache = "c"\n')
    expected = {
        f"wmts+{territory.url}/wmts?layer=ortho&token=s3cr3t":
            ("EPSG:3857", "PM (pixels of 0.597 to 2.39 m)", "image/png"),
        f"wfs+{territory.url}/wfs?typenames=batiment":
            ("BDTOPO_V3:batiment", "EPSG:4326, EPSG:2154", "application/json", "5000 features"),
        f"stac+{territory.url}/catalog.json?collections={COLLECTION}":
            (COLLECTION, "2000-01-01 to today"),
        f"wms+{territory.url}/wms?layers=ortho": ("EPSG:2154", "image/png", "1.3.0"),
    }  # fmt: skip
    for entry, words in expected.items():
        status, _, told = cli("check", entry)
        assert status == 0, told
        assert "s3cr3t" not in told
        for word in words:
            assert word in told
    assert not any("GetTile" in path or "GetFeature" in path for path in territory.asked)
    for old, new in (("ortho", "oto"), ("batiment", "route"), (COLLECTION, "none")):
        entry = next(entry for entry in expected if f"={old}" in entry)
        assert new in cli.refused("check", entry.replace(f"={old}", f"={new}"))
