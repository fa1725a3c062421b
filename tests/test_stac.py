"""Imagery of STAC catalogues and APIs: the right files, whole, with the days they were flown."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import numpy as np
import pyproj
import pystac
import pytest
import rasterio
import shapely
from rasterio.warp import transform_bounds

from aerialret.config.sources import ServicesConfig
from aerialret.errors import ConfigurationError, ServiceError
from aerialret.services.entries import ServiceEntry, parse_entry
from aerialret.services.fetched import FetchedFiles
from aerialret.services.http.answers import CachedAnswer
from aerialret.services.http.client import ServiceClient
from aerialret.services.maps.raster_answers import raster_accepted
from aerialret.services.stac.stac import fetch_stac
from aerialret.services.stac.stac_select import asset_of, days_of
from tests.fault_proxy import FastClock, FaultPlan, unreliable
from tests.geodata import CRS, LEFT, TOP, noise, write_raster
from tests.loopback import Answer, Reply, files_of, serve

SIDE = 400.0
COLLECTION = "ortho.test"
AREA = shapely.box(LEFT + 450, TOP - 350, LEFT + 1150, TOP - 50)
"""Touches the second and the third of the tiles."""


def tile(folder: Path, column: int, year: int, *, resolution: float = 4.0) -> Path:
    pixels = noise(
        bands=3, height=int(SIDE / resolution), width=int(SIDE / resolution), seed=column
    )
    name = f"{year}_{column}_{resolution:g}.tif"
    return write_raster(
        folder / name, pixels, left=LEFT + column * SIDE, resolution=resolution, tiled=True,
        blockxsize=16, blockysize=16,
    )  # fmt: skip


def item_of(column: int, year: int, assets: dict[str, pystac.Asset], **times: Any) -> pystac.Item:
    corner = LEFT + column * SIDE
    bounds = transform_bounds(CRS, "EPSG:4326", corner, TOP - SIDE, corner + SIDE, TOP)
    to_degrees = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    square = shapely.transform(
        shapely.box(corner, TOP - SIDE, corner + SIDE, TOP),
        lambda xy: np.stack(to_degrees.transform(*xy.T), axis=1),
    )
    times = times or {"datetime": datetime(year, 7, 1 + column, 10, tzinfo=UTC)}
    return pystac.Item(
        id=f"{year}-{column}",
        geometry=shapely.geometry.mapping(square),
        bbox=list(bounds),
        properties={},
        datetime=times.pop("datetime", None),
        collection=COLLECTION,
        assets=assets,
        **times,
    )


def assets_at(base: str, folder: Path, column: int, year: int) -> dict[str, pystac.Asset]:
    """A fine and a coarse image, and a picture that is none."""
    assets = {"thumb": pystac.Asset(f"{base}/t.png", media_type="image/png", roles=["thumbnail"])}
    for gsd in (4.0, 20.0):
        path = tile(folder, column, year, resolution=gsd)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        assets[f"image_{gsd:g}"] = pystac.Asset(
            f"{base}/{path.name}",
            media_type=pystac.MediaType.COG,
            roles=["data"],
            extra_fields={
                "gsd": gsd, "file:size": path.stat().st_size, "file:checksum": f"1220{digest}",
            },
        )  # fmt: skip
    return assets


def static_catalogue(folder: Path) -> Path:
    """Four tiles of two years, in one of two collections, as files with relative links."""
    catalog = pystac.Catalog("root", "made for tests")
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180.0, -90.0, 180.0, 90.0]]),
        pystac.TemporalExtent([[datetime(2000, 1, 1, tzinfo=UTC), None]]),
    )
    wanted = pystac.Collection(COLLECTION, "wanted", extent)
    other = pystac.Collection("other", "not wanted", extent.clone())
    catalog.add_children([wanted, other])
    for year in (2012, 2019):
        for column in range(4):
            wanted.add_item(item_of(column, year, {}))
    other.add_item(item_of(1, 2019, {}))
    catalog.normalize_hrefs(str(folder))
    for item in catalog.get_items(recursive=True):
        home = Path(item.get_self_href()).parent
        year, column = (int(part) for part in item.id.split("-"))
        item.assets = assets_at(".", home, column, year)
    catalog.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "catalog.json"


@contextmanager
def client_of(cache: Path, *, retries: int = 6) -> Iterator[ServiceClient]:
    config = ServicesConfig(cache=str(cache), requests_per_s=1000, parallel=3, retries=retries)
    with ServiceClient(config, clock=FastClock(2000)) as client:
        yield client


def fetch(
    answer: Answer,
    cache: Path,
    *,
    path: str = "catalog.json",
    query: str = f"collections={COLLECTION}",
    when: str = "2019",
    gsd_m: float = 0.0,
    retries: int = 6,
) -> FetchedFiles:
    with serve(answer) as server, client_of(cache, retries=retries) as client:
        entry = parse_entry(f"stac+{server.url}/{path}?{query}")
        return fetch_stac(entry, client=client, area=AREA, crs=CRS, date=when, gsd_m=gsd_m)


def names(fetched: FetchedFiles) -> list[str]:
    return [path.name for path in fetched.paths]


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    static_catalogue(folder)
    return folder


def test_a_static_catalogue_gives_the_tiles_of_the_area_and_the_year(
    catalogue: Path, tmp_path: Path
) -> None:
    fetched = fetch(files_of(catalogue), tmp_path)
    assert names(fetched) == ["2019_2_4.tif", "2019_1_4.tif"]
    assert (fetched.missing, fetched.notes) == ((), ())
    assert list(fetched.intervals.values()) == [
        (date(2019, 7, d), date(2019, 7, d)) for d in (3, 2)
    ]
    for path in fetched.paths:
        originals = [found for found in catalogue.rglob(path.name) if COLLECTION in found.parts]
        original = originals[0]
        assert path.read_bytes() == original.read_bytes()


def test_an_interval_takes_the_newest_first(catalogue: Path, tmp_path: Path) -> None:
    fetched = fetch(files_of(catalogue), tmp_path, when="2010..2019")
    assert names(fetched) == [f"{year}_{col}_4.tif" for year in (2019, 2012) for col in (2, 1)]


@pytest.mark.parametrize(
    ("gsd_m", "query", "ending"),
    [
        (0.0, "", "_4.tif"),
        (5.0, "", "_4.tif"),
        (15.0, "", "_20.tif"),
        (5.0, "&gsd=30", "_20.tif"),
        (5.0, "&assets=image_20", "_20.tif"),
        (5.0, "&assets=*_20.tif", "_20.tif"),
    ],
)
def test_the_asset_is_the_one_that_is_named_or_nearest(
    catalogue: Path, tmp_path: Path, gsd_m: float, query: str, ending: str
) -> None:
    fetched = fetch(
        files_of(catalogue), tmp_path, gsd_m=gsd_m, query=f"collections={COLLECTION}{query}"
    )
    assert len(fetched.paths) == 2
    assert all(name.endswith(ending) for name in names(fetched))


def test_items_without_the_named_asset_are_noted(catalogue: Path, tmp_path: Path) -> None:
    fetched = fetch(files_of(catalogue), tmp_path, query=f"collections={COLLECTION}&assets=nir")
    assert fetched.paths == ()
    assert fetched.notes[0] == (
        "item 2019-2 has no asset called nir; it has thumb, image_4, image_20"
    )


def test_no_item_of_the_date_tells_the_years_there_are(catalogue: Path, tmp_path: Path) -> None:
    fetched = fetch(files_of(catalogue), tmp_path, when="1950..1965")
    assert fetched == FetchedFiles(
        notes=(
            f"{COLLECTION}: 0 items in the area of 1950..1965; those of the area are of 2012, 2019",
        )
    )


def test_a_catalogue_on_this_machine_is_read_in_place(catalogue: Path, tmp_path: Path) -> None:
    entry = ServiceEntry(
        kind="stac", url=str(catalogue / "catalog.json"), options={"collections": "ortho.*"}
    )
    with client_of(tmp_path) as client:
        fetched = fetch_stac(entry, client=client, area=AREA, crs=CRS, date="2019", gsd_m=0)
        assert client.requests_made == 0
    assert names(fetched) == ["2019_2_4.tif", "2019_1_4.tif"]
    assert all(catalogue in path.parents for path in fetched.paths)


@pytest.mark.parametrize("seed", [3, 4])
def test_faults_change_no_file(catalogue: Path, tmp_path: Path, seed: int) -> None:
    plan = FaultPlan(seed=seed, most=3, share=0.6, slow_s=0.01)
    fetched = fetch(unreliable(files_of(catalogue), plan), tmp_path / "stormy")
    calm = fetch(files_of(catalogue), tmp_path / "calm")
    assert [path.read_bytes() for path in fetched.paths] == [p.read_bytes() for p in calm.paths]
    assert len(calm.paths) == 2
    assert not fetched.missing


@pytest.mark.parametrize("lost", ["2019_1_4.tif", "2019-1.json"])
def test_what_never_comes_is_told(catalogue: Path, tmp_path: Path, lost: str) -> None:
    plan = FaultPlan(share=0.0, lost=(lost,), faults=("500", "truncated", "html with 200"))
    fetched = fetch(unreliable(files_of(catalogue), plan), tmp_path, retries=2)
    assert names(fetched) == ["2019_2_4.tif"]
    (line,) = fetched.missing
    assert "2019-1" in line
    assert set(fetched.intervals) == set(fetched.paths)


def test_what_is_there_is_not_fetched_again(catalogue: Path, tmp_path: Path) -> None:
    with serve(files_of(catalogue)) as server, client_of(tmp_path) as client:
        entry = parse_entry(f"stac+{server.url}/catalog.json?collections={COLLECTION}")
        first = fetch_stac(entry, client=client, area=AREA, crs=CRS, date="2019", gsd_m=0)
        asked = len(server.asked)
        again = fetch_stac(entry, client=client, area=AREA, crs=CRS, date="2019", gsd_m=0)
        assert again == first
        assert len(server.asked) == asked


class FakeApi:
    """A STAC API with pages of two items, and links to the next that are of one of three kinds."""

    def __init__(self, folder: Path, *, paging: str, lost_items: int = 0) -> None:
        self.files = files_of(folder)
        self.paging, self.lost_items = paging, lost_items
        self.base = ""
        self.items = [
            item_of(column, year, assets_at("BASE/file", folder, column, year))
            for year in (2019, 2012)
            for column in range(4)
        ]
        self.searches: list[dict[str, str]] = []

    def __call__(self, path: str) -> Reply:
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query))
        if parts.path.startswith("/file/"):
            return self.files(parts.path.removeprefix("/file"))
        if parts.path == "/sign":
            signed = f"{self.base}{urlsplit(asked['href']).path}?sig=1"
            return self._json({"href": signed})
        if parts.path == "/stac/search":
            return self._json(self._search(asked))
        links = [
            {"rel": "search", "href": f"{self.base}/stac/search", "type": "application/geo+json"}
        ]
        return self._json(
            {"type": "Catalog", "id": "api", "stac_version": "1.0.0", "description": "-",
             "conformsTo": ["https://api.stacspec.org/v1.0.0/item-search"], "links": links}
        )  # fmt: skip

    def _search(self, asked: dict[str, str]) -> dict[str, Any]:
        self.searches.append(asked)
        window = shapely.box(*map(float, asked["bbox"].split(",")))
        first, last = (part[:10] for part in asked["datetime"].split("/"))
        found = [
            item
            for item in self.items
            if shapely.box(*item.bbox).intersects(window)
            and first <= f"{item.datetime:%Y-%m-%d}" <= last
            and item.collection_id in asked["collections"].split(",")
        ]
        start = int(asked.get("token", "0"))
        page = found[start : start + 2]
        text = json.dumps([item.to_dict(include_self_link=False) for item in page])
        return {
            "type": "FeatureCollection",
            "features": json.loads(text.replace("BASE", self.base)),
            "numberMatched": len(found) + self.lost_items,
            "links": self._next(asked, start + 2) if start + 2 < len(found) else [],
        }

    def _next(self, asked: dict[str, str], token: int) -> Sequence[dict[str, Any]]:
        href = f"{self.base}/stac/search"
        if self.paging == "GET":
            query = "&".join(f"{k}={quote(v)}" for k, v in (asked | {"token": str(token)}).items())
            return [{"rel": "next", "href": f"{href}?{query}"}]
        body: dict[str, Any] = {"token": token}
        if self.paging == "POST":
            body |= {
                "bbox": [float(part) for part in asked["bbox"].split(",")],
                "datetime": asked["datetime"],
                "collections": asked["collections"].split(","),
            }
        merge = self.paging == "POST, merged"
        return [{"rel": "next", "href": href, "method": "POST", "body": body, "merge": merge}]

    @staticmethod
    def _json(document: Any) -> Reply:
        return Reply(body=json.dumps(document).encode(), content_type="application/json")


def fetch_api(
    api: FakeApi, cache: Path, *, query: str = "", when: str = "2010..2019"
) -> FetchedFiles:
    with serve(api) as server, client_of(cache) as client:
        api.base = server.url
        text = f"stac+{server.url}/stac?collections={COLLECTION}{query}".replace("BASE", server.url)
        return fetch_stac(
            parse_entry(text), client=client, area=AREA, crs=CRS, date=when, gsd_m=0.0
        )


@pytest.mark.parametrize("paging", ["GET", "POST", "POST, merged"])
def test_an_api_is_read_to_its_last_page(tmp_path: Path, paging: str) -> None:
    api = FakeApi(tmp_path / "served", paging=paging)
    fetched = fetch_api(api, tmp_path / "cache")
    assert names(fetched) == [f"{year}_{col}_4.tif" for year in (2019, 2012) for col in (2, 1)]
    assert len(api.searches) == 2
    assert not fetched.missing
    assert fetched.intervals[fetched.paths[-1]] == (date(2012, 7, 2), date(2012, 7, 2))


def test_an_api_that_gives_fewer_items_than_it_counts_is_told(tmp_path: Path) -> None:
    api = FakeApi(tmp_path / "served", paging="GET", lost_items=3)
    (line,) = fetch_api(api, tmp_path / "cache").missing
    assert line.endswith("/stac: 4 of 7 items came")


def test_links_are_signed_where_the_entry_says_by_whom(tmp_path: Path) -> None:
    api = FakeApi(tmp_path / "served", paging="GET")
    locked, api.files = api.files, lambda path: Reply(status=409, body=b"no public access")
    refused = fetch_api(api, tmp_path / "cache", when="2019")
    assert len(refused.missing) == 2
    assert "409" in refused.missing[0]
    assert "add sign=ADDRESS" in refused.missing[0]
    api.files = locked
    signed = fetch_api(api, tmp_path / "cache", query="&sign=BASE/sign", when="2019")
    assert names(signed) == ["2019_2_4.tif", "2019_1_4.tif"]


def test_links_that_need_credentials_are_refused_with_the_way_round(tmp_path: Path) -> None:
    api = FakeApi(tmp_path / "served", paging="GET")
    with pytest.raises(ConfigurationError, match="aws s3 cp --request-payer requester"):
        fetch_api(api, tmp_path / "cache", query="&requester_pays=true")
    for item in api.items:
        item.assets = {"image": pystac.Asset("s3://bucket/a.tif", media_type="image/tiff")}
    with pytest.raises(ConfigurationError, match=r"asset image lies at s3://bucket/a\.tif"):
        fetch_api(api, tmp_path / "cache")


def test_a_file_of_this_machine_is_no_asset_of_a_service(tmp_path: Path) -> None:
    api = FakeApi(tmp_path / "served", paging="GET")
    secret = tile(tmp_path, 1, 2019)
    for item in api.items:
        item.assets = {"image": pystac.Asset(str(secret), media_type="image/tiff")}
    with pytest.raises(ConfigurationError, match=r"only links that anybody can read"):
        fetch_api(api, tmp_path / "cache")


def test_what_is_no_stac_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="is no STAC catalogue"):
        fetch(lambda path: Reply(body=b'{"a": 1}'), tmp_path, retries=0)
    with pytest.raises(ServiceError, match="the answer is no JSON"):
        fetch(lambda path: Reply(body=b"<html/>"), tmp_path, retries=0)


def test_new_year_at_midnight_stands_for_the_year() -> None:
    whole = days_of(item_of(0, 2017, {}, datetime=datetime(2017, 1, 1, tzinfo=UTC)))
    assert whole is not None
    assert (whole.first, whole.last) == (date(2017, 1, 1), date(2017, 12, 31))
    span = {
        "start_datetime": datetime(2017, 5, 2, tzinfo=UTC),
        "end_datetime": datetime(2018, 6, 3, tzinfo=UTC),
    }
    between = days_of(item_of(0, 2017, {}, **span))
    assert between is not None
    assert (between.first, between.last) == (date(2017, 5, 2), date(2018, 6, 3))


def test_imagery_for_the_eye_goes_before_other_data_of_the_same_pixel() -> None:
    assets = {
        "dsm": pystac.Asset("dsm.tif", media_type="image/tiff", roles=["data"]),
        "rgb": pystac.Asset("rgb.tif", media_type="image/tiff", roles=["visual"]),
        "look": pystac.Asset("look.tif", media_type="image/tiff", roles=["overview"]),
    }
    chosen = asset_of(item_of(0, 2017, assets), names=(), gsd_m=0.5)
    assert chosen is not None
    assert chosen[0] == "rgb"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
@pytest.mark.parametrize("suffix", [".tif", ".jp2"])
def test_a_raster_that_ends_early_is_no_answer(tmp_path: Path, share: float, suffix: str) -> None:
    whole = write_raster(tmp_path / f"a{suffix}", noise(bands=3, height=90, width=170))
    content = whole.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(content[: int(len(content) * share)])
    accept = raster_accepted(size=0, checksum="")

    def answer(path: Path) -> CachedAnswer:
        return CachedAnswer(path=path, content_type="", url="", from_cache=False)

    assert accept(answer(whole)) == ""
    assert accept(answer(cut)) in ("the image ends early", "the answer is no image")


def test_size_and_checksum_are_held_against_the_item(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", noise(bands=1, height=20, width=30))
    content = path.read_bytes()
    answer = CachedAnswer(path=path, content_type="", url="", from_cache=False)
    right = f"1220{hashlib.sha256(content).hexdigest()}"
    wrong = f"1220{hashlib.sha256(content + b' ').hexdigest()}"
    assert raster_accepted(size=len(content), checksum=right)(answer) == ""
    assert "whose checksum" in raster_accepted(size=0, checksum=wrong)(answer)
    assert "instead of 7" in raster_accepted(size=7, checksum="")(answer)
    with rasterio.open(path) as dataset:
        assert dataset.width == 30
