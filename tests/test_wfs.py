"""Vector layers of a WFS: whatever a service does, the features come whole or the gap is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from aerialret.config.sources import ServicesConfig
from aerialret.errors import ConfigurationError
from aerialret.services.entries import parse_entry
from aerialret.services.features.wfs import fetch_wfs
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.lattice_cells import cells_around
from aerialret.tiles.grid import Bounds
from tests.fake_wfs import FakeWfs
from tests.fault_proxy import FastClock, FaultPlan, unreliable
from tests.geodata import CRS, LEFT, TOP, write_layer
from tests.loopback import Answer, serve
from tests.mapserver import mapserver, needs_mapserver

AREA = shapely.box(LEFT + 500, TOP - 2600, LEFT + 2400, TOP - 300)
"""Wider than high is not what it is: neither axis can pass for the other."""


def buildings(count: int, *, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Corners of buildings in and around `AREA`, by names in no order of place."""
    corners = np.random.default_rng(seed).uniform((0, -3200), (3300, 0), (count, 2))
    return {f"B{i:05d}": (LEFT + x, TOP + y) for i, (x, y) in enumerate(corners)}


def inside(fake: FakeWfs) -> set[str]:
    return {name for name in fake.points if fake.square(name).intersects(AREA)}


@contextmanager
def client_of(cache: Path, *, retries: int = 6) -> Iterator[ServiceClient]:
    config = ServicesConfig(cache=str(cache), requests_per_s=1000, parallel=3, retries=retries)
    with ServiceClient(config, clock=FastClock(2000)) as client:
        yield client


def fetch(
    answer: Answer, cache: Path, *, options: str = "", retries: int = 6, area: Any = AREA
) -> FetchedFiles:
    with serve(answer) as server, client_of(cache, retries=retries) as client:
        entry = parse_entry(f"wfs+{server.url}/wfs?typenames=batiment{options}")
        return fetch_wfs(entry, client=client, area=area, crs=CRS)


def names_in(fetched: FetchedFiles) -> list[str]:
    (path,) = fetched.paths
    return gpd.read_parquet(path)["cleabs"].tolist()


def test_a_type_comes_as_one_file_sorted_by_key_and_without_what_lies_outside(
    tmp_path: Path,
) -> None:
    fake = FakeWfs(points=buildings(120))
    fetched = fetch(fake, tmp_path)
    (path,) = fetched.paths
    frame = gpd.read_parquet(path)
    assert path.name == "batiment.parquet"
    assert frame["cleabs"].tolist() == sorted(inside(fake))
    assert frame.crs == CRS
    assert frame["etages"].dtype == np.int64
    assert set(frame["nature"]) == {"Château"}
    for name, shape in zip(frame["cleabs"], frame.geometry, strict=True):
        assert shape.equals(fake.square(name))
    assert (fetched.missing, fetched.notes) == ((), ())


@pytest.mark.parametrize("declares_limit", [True, False])
@pytest.mark.parametrize("states_numbers", [True, False])
def test_a_service_that_cuts_its_answers_loses_nothing(
    tmp_path: Path, declares_limit: bool, states_numbers: bool
) -> None:
    fake = FakeWfs(
        points=buildings(150),
        limit=13,
        declares_limit=declares_limit,
        states_numbers=states_numbers,
    )
    fetched = fetch(fake, tmp_path)
    assert names_in(fetched) == sorted(inside(fake))
    assert not fetched.missing
    counts = {asked["count"] for asked in fake.asked if "count" in asked}
    assert counts == ({"13"} if declares_limit else {"5000"})


def test_a_count_that_ends_at_the_limit_hides_nothing(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(150), limit=40, counts=lambda matched, asked: min(matched, 40))
    fetched = fetch(fake, tmp_path)
    assert names_in(fetched) == sorted(inside(fake))
    assert not fetched.missing


def test_a_service_that_does_not_count_is_asked_until_nothing_comes(tmp_path: Path) -> None:
    fake = FakeWfs(
        points=buildings(90),
        limit=20,
        counts=lambda matched, asked: "unknown",
        declares_limit=False,
    )
    fetched = fetch(fake, tmp_path)
    assert names_in(fetched) == sorted(inside(fake))
    assert not fetched.missing


@pytest.mark.parametrize("has_ids", [True, False])
def test_unsorted_pages_that_overlap_lose_nothing(tmp_path: Path, has_ids: bool) -> None:
    points = buildings(110)
    points["B99998"] = points["B99999"] = points["B00003"]  # twins count as two
    fake = FakeWfs(points=points, limit=9, sorts=False, has_ids=has_ids)
    fetched = fetch(fake, tmp_path)
    (path,) = fetched.paths
    assert len(gpd.read_parquet(path)) == len(inside(fake))
    assert not fetched.missing
    assert "the service puts features in no order" in fetched.notes[0]


def test_a_feature_of_several_parts_comes_once(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(60), limit=7, sorts=False)
    across = {f"C{i}": (LEFT + 1024 * (i + 1) - 3.0, TOP - 1500.0) for i in range(2)}
    fake.points = {**fake.points, **across}
    names = names_in(fetch(fake, tmp_path))
    assert len(names) == len(set(names))
    assert set(across) <= set(names)


def test_a_count_that_changes_is_asked_anew(tmp_path: Path) -> None:
    """The first count of each cell is three too high: of the edition before."""
    fake = FakeWfs(points=buildings(80), states_numbers=False)
    seen: set[int] = set()

    def counts(matched: int, asked: int) -> int:
        stale = matched > 0 and matched not in seen
        seen.add(matched)
        return matched + 3 * stale

    fake.counts = counts
    fetched = fetch(fake, tmp_path, retries=1)
    assert names_in(fetched) == sorted(inside(fake))
    assert not fetched.missing
    assert seen


def test_fewer_features_than_counted_are_told_with_both_numbers(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(50), counts=lambda matched, asked: matched + 2 * bool(matched))
    fetched = fetch(fake, tmp_path, retries=1)
    assert fetched.missing
    for line in fetched.missing:
        assert line.startswith("BDTOPO_V3:batiment in ")
        came, counted = (int(line.split(": ")[1].split()[i]) for i in (0, 2))
        assert counted == came + 2
    assert names_in(fetched) == sorted(inside(fake))


def test_nothing_in_the_area_is_noted(tmp_path: Path) -> None:
    fetched = fetch(FakeWfs(points={"far": (0.0, 0.0)}), tmp_path)
    assert fetched == FetchedFiles(notes=("BDTOPO_V3:batiment: 0 features in the area",))


def test_a_type_that_is_not_served_is_named_with_what_is_there(tmp_path: Path) -> None:
    with serve(FakeWfs(points={})) as server, client_of(tmp_path) as client:
        entry = parse_entry(f"wfs+{server.url}/wfs?typenames=batimant")
        with pytest.raises(ConfigurationError, match=r"'batimant'; did you mean BDTOPO_V3:batim"):
            fetch_wfs(entry, client=client, area=AREA, crs=CRS)


def test_another_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"asks for WFS 1\.1\.0"):
        fetch(FakeWfs(points={}), tmp_path, options="&version=1.1.0")


@pytest.mark.parametrize("seed", [1, 2])
def test_faults_change_no_byte(tmp_path: Path, seed: int) -> None:
    """429, 500, cut and truncated answers, exceptions and pages of HTML with status 200."""
    fake = FakeWfs(points=buildings(100), limit=11)
    undisturbed = fetch(fake, tmp_path / "calm")
    plan = FaultPlan(seed=seed, most=3, share=0.6, slow_s=0.01)
    disturbed = fetch(unreliable(fake, plan), tmp_path / "stormy")
    assert disturbed.paths[0].read_bytes() == undisturbed.paths[0].read_bytes()
    assert not disturbed.missing


def test_a_page_that_never_comes_is_told(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(100))
    cell = max(cells_around(Bounds(*AREA.bounds)), key=lambda cell: overlap(cell.bounds))
    corners = ",".join(str(corner) for corner in cell.bounds)
    lost = (f"bbox={corners},urn:ogc:def:crs:EPSG::2154&count",)
    plan = FaultPlan(share=0.0, lost=lost, faults=("500", "truncated", "xml with 200"))
    fetched = fetch(unreliable(fake, plan), tmp_path, retries=1)
    square = shapely.box(*cell.bounds)
    there = sum(fake.square(name).intersects(square) for name in fake.points)
    (line,) = fetched.missing
    assert f"0 of {there} features came: 127.0.0.1" in line
    elsewhere = {name for name in inside(fake) if not fake.square(name).within(square.buffer(-10))}
    assert set(names_in(fetched)) <= elsewhere
    assert fetched.paths


def overlap(bounds: Bounds) -> float:
    return float(shapely.box(*bounds).intersection(AREA).area)


def test_a_count_that_never_comes_is_told(tmp_path: Path) -> None:
    plan = FaultPlan(share=0.0, lost=("resultType=hits",))
    fetched = fetch(unreliable(FakeWfs(points=buildings(9)), plan), tmp_path, retries=0)
    assert not fetched.paths
    assert all("nobody knows how many" in line for line in fetched.missing)
    assert fetched.missing


def test_the_same_question_is_answered_from_the_cache(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(60), limit=10)
    with serve(fake) as server, client_of(tmp_path) as client:
        entry = parse_entry(f"wfs+{server.url}/wfs?typenames=batiment")
        first = fetch_wfs(entry, client=client, area=AREA, crs=CRS)
        content, asked = first.paths[0].read_bytes(), len(fake.asked)
        again = fetch_wfs(entry, client=client, area=AREA, crs=CRS)
        assert again == first
        assert again.paths[0].read_bytes() == content
        assert len(fake.asked) == asked


@given(
    st.tuples(*[st.floats(-1e6, 1e6)] * 2, *[st.floats(1e-3, 1e5)] * 2).map(
        lambda box: Bounds(box[0], box[1], box[0] + box[2], box[1] + box[3])
    )
)
def test_cells_cover_the_bounds_and_quarters_their_cell(bounds: Bounds) -> None:
    cells = cells_around(bounds)
    union = shapely.union_all([shapely.box(*cell.bounds) for cell in cells])
    assert union.buffer(1e-6).covers(shapely.box(*bounds))
    assert len(cells) <= 4
    quarters = shapely.union_all([shapely.box(*part.bounds) for part in cells[0].quarters()])
    assert quarters.equals(shapely.box(*cells[0].bounds))


GML = "&outputFormat=text/xml;%20subtype%3Dgml/3.2.1"


@needs_mapserver
@pytest.mark.parametrize(
    ("options", "limit"),
    [
        ("", 0),
        ("", 30),
        (f"{GML}&count=29", 0),
        ("&crs=EPSG:4326", 30),
        (f"{GML}&crs=EPSG:4326", 0),
    ],
)
def test_mapserver_gives_every_feature(tmp_path: Path, options: str, limit: int) -> None:
    fake = FakeWfs(points=buildings(70, seed=5))
    squares = [fake.square(name) for name in fake.points]
    path = write_layer(
        tmp_path / "b.gpkg", squares, cleabs=list(fake.points), etages=list(range(len(squares)))
    )
    server = mapserver(tmp_path / "ms", vectors={"batiment": path}, max_features=limit)
    fetched = fetch(server, tmp_path / "cache", options=f"{options}&id=cleabs")
    (file,) = fetched.paths
    frame = gpd.read_parquet(file)
    assert frame["cleabs"].tolist() == sorted(inside(fake))
    assert not fetched.missing
    expected = gpd.GeoSeries([fake.square(name) for name in frame["cleabs"]], crs=CRS)
    offsets = frame.geometry.to_crs(CRS).centroid.distance(expected.centroid)
    assert offsets.max() < 0.1
    assert frame["etages"].dtype == np.int64


@needs_mapserver
def test_mapserver_through_faults_gives_the_same_bytes(tmp_path: Path) -> None:
    fake = FakeWfs(points=buildings(40, seed=6))
    squares = [fake.square(name) for name in fake.points]
    path = write_layer(tmp_path / "b.gpkg", squares, cleabs=list(fake.points))
    server = mapserver(tmp_path / "ms", vectors={"batiment": path})
    calm = fetch(server, tmp_path / "calm", options="&count=17")
    faults = unreliable(server, FaultPlan(seed=4, most=2, share=0.5, slow_s=0.01))
    stormy = fetch(faults, tmp_path / "stormy", options="&count=17")
    assert names_in(stormy) == sorted(inside(fake))
    assert stormy.paths[0].read_bytes() == calm.paths[0].read_bytes()
