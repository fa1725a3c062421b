"""Exports say what the tile set says, and other programs' own validators accept them."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
import rasterio.shutil
import shapely
import typer.main
import zarr
from pyproj import Transformer
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import JsonSchemaSTACValidator
from rio_cogeo import cog_validate
from stac_geoparquet.arrow import stac_table_to_items

from aerialret.cli.app import app
from aerialret.errors import NotAnArtefactError, NothingToDoError, WouldOverwriteError
from aerialret.export import items_table, tile_files
from aerialret.export.cog import export_cog
from aerialret.export.cog_encoding import image_cog, mask_cog
from aerialret.export.footprint import extent, footprints, to_lonlat
from aerialret.export.layout import group_of, image_path, item_path, mask_path
from aerialret.export.request import CogRequest, StacRequest
from aerialret.export.selection import open_tileset, select
from aerialret.export.stac import export_stac
from aerialret.manifest import MANIFEST_NAME
from aerialret.tiles.grid import Grid, TileId
from aerialret.tiles.palette import CLASSES, NO_COVERAGE
from aerialret.tiles.tileset import CATALOGUE_NAME, STORE_NAME, TileSet, date_folder
from tests.test_cli import Cli
from tests.tiny_tileset import FIRST, tiny_grid, tiny_tileset


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(capsys, monkeypatch)


def tileset(folder: Path, **options: object) -> TileSet:
    """Five by two places; those of 2004 have gaps in image and coverage, those of 2019 no mask."""
    tiny_tileset(folder, **{"cols": 5, "rows": 2, **options})
    _edit_pixels(folder, "2004", _with_gaps)
    if "2019" in TileSet(folder).dates:
        _edit_pixels(folder, "2019", _without_mask)
    return open_tileset(folder)


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> TileSet:
    """Read only, for all tests that damage nothing."""
    return tileset(tmp_path_factory.mktemp("shared") / "t")


def _with_gaps(image: np.ndarray, mask: np.ndarray, valid: np.ndarray) -> None:
    valid[..., 2:5, 7:] = False
    mask[..., -4:, :9] = NO_COVERAGE


def _without_mask(image: np.ndarray, mask: np.ndarray, valid: np.ndarray) -> None:
    mask[:] = NO_COVERAGE


def _edit_pixels(folder: Path, date: str, edit: Callable[..., None]) -> None:
    group = zarr.open_group(str(date_folder(folder, date) / STORE_NAME), mode="r+")
    arrays = [group[name][:] for name in ("image", "mask", "valid")]
    edit(*arrays)
    for name, array in zip(("image", "mask", "valid"), arrays, strict=True):
        group[name][:] = array
    rows = gpd.read_parquet(folder / CATALOGUE_NAME)
    pixels = TileSet(folder)
    of_date = rows.index[rows["date"] == date]
    tiles = [TileId(int(rows["col"][i]), int(rows["row"][i])) for i in of_date]
    batch = pixels.read(date, tiles)
    rows.loc[of_date, "valid_fraction"] = batch.valid.mean(axis=(1, 2))
    rows.loc[of_date, "covered_fraction"] = (batch.masks != NO_COVERAGE).mean(axis=(1, 2))
    rows.to_parquet(folder / CATALOGUE_NAME, index=False)


def edit_catalogue(folder: Path, change: Callable[[gpd.GeoDataFrame], gpd.GeoDataFrame]) -> TileSet:
    change(gpd.read_parquet(folder / CATALOGUE_NAME)).to_parquet(
        folder / CATALOGUE_NAME, index=False
    )
    return open_tileset(folder)


def content(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def documents(out: Path) -> list[dict]:
    return [json.loads(path.read_text()) for path in out.rglob("*.json")]


# Cloud-Optimised GeoTIFFs


def test_exported_rasters_hold_the_tile_sets_pixels_where_the_grid_has_them(
    tiles: TileSet, tmp_path: Path
) -> None:
    report = export_cog(tiles, tmp_path / "out", request=CogRequest())
    assert report.tiles == {"2004": 10, "2019": 10}
    assert report.masks == 10
    for date in tiles.dates:
        batch = tiles.read(date, tiles.tiles(date))
        for tile, image, mask, valid in zip(
            tiles.tiles(date), batch.images, batch.masks, batch.valid, strict=True
        ):
            with rasterio.open(tmp_path / "out" / image_path(date, tile)) as found:
                np.testing.assert_array_equal(found.read(), image)
                np.testing.assert_array_equal(found.dataset_mask() > 0, valid)
                assert tuple(found.bounds) == tuple(tiles.grid.bounds(tile))
                assert found.crs == rasterio.CRS.from_epsg(2154)
            if date == "2004":
                with rasterio.open(tmp_path / "out" / mask_path(date, tile)) as found:
                    np.testing.assert_array_equal(found.read(1), mask)
                    np.testing.assert_array_equal(found.dataset_mask() > 0, mask != NO_COVERAGE)
                    assert tuple(found.bounds) == tuple(tiles.grid.bounds(tile))
    assert list((tmp_path / "out" / "2019").rglob("*mask*")) == []


@pytest.mark.parametrize("tile_px", [32, 250, 700])
def test_rio_cogeo_finds_every_file_valid(tmp_path: Path, tile_px: int) -> None:
    grid, tile = tiny_grid(tile_px=tile_px), TileId(-3, 5)
    random = np.random.default_rng(0)
    image = random.integers(0, 255, (3, tile_px, tile_px), np.uint8)
    mask = random.integers(0, 13, (tile_px, tile_px), np.uint8)
    valid = random.random((tile_px, tile_px)) > 0.3
    (tmp_path / "image.tif").write_bytes(image_cog(image, valid, grid=grid, tile=tile))
    (tmp_path / "mask.tif").write_bytes(mask_cog(mask, grid=grid, tile=tile))
    for name in ("image.tif", "mask.tif"):
        assert cog_validate(tmp_path / name, strict=True) == (True, [], [])
    assert image_cog(image, valid, grid=grid, tile=tile) == (tmp_path / "image.tif").read_bytes()


def test_overviews_average_images_and_pick_mask_codes() -> None:
    grid, tile = tiny_grid(tile_px=700), TileId(-3, 5)
    halves = np.zeros((700, 700), np.uint8)
    halves[:, ::2] = 12
    image = np.stack([halves * 10] * 3)
    valid = np.ones((700, 700), bool)
    found = {}
    for name, data in (
        ("image", image_cog(image, valid, grid=grid, tile=tile)),
        ("mask", mask_cog(halves, grid=grid, tile=tile)),
    ):
        with rasterio.MemoryFile(data) as memory, memory.open(overview_level=0) as overview:
            found[name] = set(np.unique(overview.read()))
    assert found["image"] == {60}
    assert found["mask"] <= {0, 12}


def test_a_mask_carries_the_palette_in_each_form_a_gis_reads(
    tiles: TileSet, tmp_path: Path
) -> None:
    export_cog(tiles, tmp_path / "out", request=CogRequest(dates=("2004",)))
    path = tmp_path / "out" / mask_path("2004", FIRST)
    expected = {land_class.code: land_class.colour for land_class in CLASSES} | {0: (0, 0, 0)}
    with rasterio.open(path) as mask:
        table = mask.colormap(1)
        assert mask.nodata == 255
    assert {code: table[code][:3] for code in expected} == expected
    style = ElementTree.fromstring(path.with_suffix(".qml").read_text())
    assert style.find(".//rasterrenderer").get("type") == "paletted"
    entries = {int(entry.get("value")): entry for entry in style.iter("paletteEntry")}
    assert {c: tuple(bytes.fromhex(e.get("color")[1:])) for c, e in entries.items()} == expected
    names = [entries[code].get("label") for code in sorted(entries)]
    assert names == ["background", *(land_class.name for land_class in CLASSES)]
    rasterio.shutil.copy(path, tmp_path / "read_by_gdal.vrt", driver="VRT")
    read_by_gdal = ElementTree.parse(tmp_path / "read_by_gdal.vrt")
    assert [category.text for category in read_by_gdal.iter("Category")] == names


def test_without_masks_only_images_are_written(tiles: TileSet, tmp_path: Path) -> None:
    report = export_cog(tiles, tmp_path / "out", request=CogRequest(masks=False))
    assert report.masks == 0
    assert {Path(name).suffix for name in content(tmp_path / "out")} == {".tif", ".json"}
    assert not any("mask" in name for name in content(tmp_path / "out"))


def test_a_mosaic_shows_every_tile_at_its_place(tmp_path: Path) -> None:
    missing = TileId(-1, 6)
    tiles = tileset(tmp_path / "t", missing=(missing,))
    export_cog(tiles, tmp_path / "out", request=CogRequest(mosaic=True))
    assert len({group_of(tile) for tile in tiles.tiles("2004")}) == 2
    px, batch = tiles.grid.tile_px, tiles.read("2004", tiles.tiles("2004"))
    image, mask = np.zeros((3, 2 * px, 5 * px), np.uint8), np.full((2 * px, 5 * px), 255, np.uint8)
    valid = np.zeros((2 * px, 5 * px), bool)
    for i, tile in enumerate(tiles.tiles("2004")):
        top, left = (tile.row - FIRST.row) * px, (tile.col - FIRST.col) * px
        window = (slice(top, top + px), slice(left, left + px))
        image[:, *window], mask[window] = batch.images[i], batch.masks[i]
        valid[window] = batch.valid[i]
    with rasterio.open(tmp_path / "out" / "2004_image.vrt") as found:
        np.testing.assert_array_equal(found.read(), image)
        np.testing.assert_array_equal(found.dataset_mask() > 0, valid)
        bounds = tiles.grid.block_bounds(FIRST, cols=5, rows=2)
        assert tuple(found.bounds) == tuple(bounds)
        assert found.crs == rasterio.CRS.from_epsg(2154)
    with rasterio.open(tmp_path / "out" / "2004_mask.vrt") as found:
        np.testing.assert_array_equal(found.read(1), mask)
        assert found.colormap(1)[6] == (255, 0, 0, 255)
        assert found.nodata == 255
    assert (tmp_path / "out" / "2004_mask.qml").exists()
    assert not (tmp_path / "out" / "2019_mask.vrt").exists()


def test_a_mosaic_can_be_added_to_a_finished_export(tiles: TileSet, tmp_path: Path) -> None:
    export_cog(tiles, tmp_path / "out", request=CogRequest())
    before = content(tmp_path / "out")
    export_cog(tiles, tmp_path / "out", request=CogRequest(mosaic=True))
    after = content(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert "2004_image.vrt" in after


def test_an_area_takes_the_tiles_that_share_ground_with_it(tiles: TileSet, tmp_path: Path) -> None:
    bounds = tiles.grid.bounds(TileId(-2, 5))
    exactly = ",".join(map(str, bounds))
    report = export_cog(tiles, tmp_path / "out", request=CogRequest(area=exactly, dates=("2004",)))
    assert report.tiles == {"2004": 1}
    assert (tmp_path / "out" / image_path("2004", TileId(-2, 5))).exists()


# STAC


def test_pystac_reads_and_validates_everything(tiles: TileSet, tmp_path: Path) -> None:
    export_stac(tiles, tmp_path / "out", request=StacRequest())
    catalog = pystac.Catalog.from_file(str(tmp_path / "out" / "catalog.json"))
    validator = JsonSchemaSTACValidator()
    kinds = Counter()
    for root, _, items in catalog.walk():
        for found in (root, *items):
            kinds[found.STAC_OBJECT_TYPE] += 1
            document = json.loads(Path(found.self_href).read_text())
            validator.validate_core(document, found.STAC_OBJECT_TYPE, document["stac_version"])
    assert kinds[pystac.STACObjectType.ITEM] == 20
    assert kinds[pystac.STACObjectType.COLLECTION] == 2
    assert [child.id for child in catalog.get_children()] == ["2004", "2019"]
    for item in catalog.get_items(recursive=True):
        assert item.get_collection().id == item.collection_id
        assert item.get_parent().id.startswith(f"{item.collection_id}_group")
        for asset in item.assets.values():
            assert Path(asset.get_absolute_href()).exists()
    hrefs = [
        link["href"] for found in documents(tmp_path / "out") for link in found.get("links", [])
    ]
    assert all(href.startswith(("./", "../")) for href in hrefs)


def test_an_item_says_what_the_catalogue_and_the_palette_say(
    tiles: TileSet, tmp_path: Path
) -> None:
    export_stac(tiles, tmp_path / "out", request=StacRequest())
    item = pystac.Item.from_file(str(tmp_path / "out" / item_path("2004", FIRST)))
    row = tiles.rows("2004").iloc[0]
    assert item.datetime is None
    assert item.common_metadata.start_datetime.isoformat() == "2004-01-01T00:00:00+00:00"
    assert item.common_metadata.end_datetime.isoformat() == "2004-12-31T23:59:59+00:00"
    assert item.common_metadata.gsd == tiles.grid.resolution_m
    assert item.properties["aerialret:place"] == row["place"]
    for name in ("valid_fraction", "covered_fraction", "share_building", "share_vegetation"):
        assert item.properties[f"aerialret:{name}"] == row[name]
    projection = ProjectionExtension.ext(item)
    with rasterio.open(item.assets["image"].get_absolute_href()) as image:
        assert projection.code == "EPSG:2154"
        assert tuple(projection.bbox) == tuple(image.bounds)
        assert tuple(projection.shape) == image.shape
        assert tuple(projection.transform) == tuple(image.transform)[:6]
    classes = ClassificationExtension.ext(item.assets["mask"]).classes
    named = {c.name: (c.value, c.color_hint) for c in classes}
    for land_class in CLASSES:
        hint = bytes(land_class.colour).hex().upper()
        assert named[land_class.name] == (land_class.code, hint)


@pytest.mark.parametrize(
    ("crs", "x", "y", "size"),
    [
        ("EPSG:2154", 100_000.0, 7_100_000.0, 50_000.0),
        ("EPSG:32633", 300_000.0, 7_900_000.0, 1000.0),
        ("EPSG:32760", 800_000.0, 8_200_000.0, 60_000.0),
    ],
)
def test_footprints_hold_their_tile(crs: str, x: float, y: float, size: float) -> None:
    grid = Grid(crs=crs, tile_size_m=size, origin_x_m=x, origin_y_m=y)
    tiles = [TileId(col, row) for col in range(-2, 3) for row in range(2)]
    lonlat = to_lonlat(crs)
    to_grid = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    marks = footprints(grid, tiles, lonlat=lonlat)
    for tile, mark in zip(tiles, marks, strict=True):
        west, south, east, north = mark.bbox
        corners = shapely.get_coordinates(
            shapely.segmentize(shapely.box(*grid.bounds(tile)), size / 50)
        )
        lon, lat = lonlat.transform(corners[:, 0], corners[:, 1])
        east_of_west = (lon - west) % 360
        assert east_of_west.max() <= (east - west) % 360 + 1e-4
        assert east_of_west.min() >= 0
        assert south - 1e-4 <= lat.min()
        assert lat.max() <= north + 1e-4
        shape = shapely.geometry.shape(mark.geometry)
        assert shape.is_valid
        assert (shape.geom_type == "MultiPolygon") == (west > east)
        assert np.abs(shapely.get_coordinates(shape)[:, 0]).max() <= 180
        back = shapely.transform(shape, lambda p: np.column_stack(to_grid.transform(*p.T)))
        assert back.area == pytest.approx(size**2, rel=1e-3)
    crossing = [mark.bbox[0] > mark.bbox[2] for mark in marks]
    assert any(crossing) == (crs == "EPSG:32760")
    west, _, east, _ = extent(mark.bbox for mark in marks)
    assert (west > east) == any(crossing)
    assert (east - west) % 360 < 10


def test_the_table_holds_the_items_as_rows(
    tiles: TileSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items_table, "_ROWS", 3)
    out = tmp_path / "out"
    export_stac(tiles, out, request=StacRequest())
    table = gpd.read_parquet(out / "items.parquet")
    assert table.crs.to_epsg() == 4326
    names = [f"2004_{t.place}" for t in tiles.tiles("2004")]
    names += [f"2019_{t.place}" for t in tiles.tiles("2019")]
    assert sorted(table["id"]) == sorted(names)
    squares = tiles.catalogue.to_crs(4326).geometry.union_all()
    assert table.geometry.union_all().symmetric_difference(squares).area < 1e-4 * squares.area
    assert table["start_datetime"].dt.year.tolist() == [2004] * 10 + [2019] * 10
    validator = JsonSchemaSTACValidator()
    for row in stac_table_to_items(pq.read_table(out / "items.parquet")):
        assert (out / row["assets"]["image"]["href"]).exists()
        validator.validate_core(row, pystac.STACObjectType.ITEM, "1.1.0")
        date, tile = row["properties"]["aerialret:date"], row["properties"]["aerialret:place"]
        file = json.loads((out / item_path(date, TileId.from_place(tile))).read_text())
        for properties in (row["properties"], file["properties"]):
            for name in ("start_datetime", "end_datetime"):
                properties[name] = pd.Timestamp(properties[name])
        assert row["properties"] == file["properties"]
        assert row["bbox"] == file["bbox"]
        assert set(row["assets"]) == set(file["assets"])
        for asset in (*row["assets"].values(), *file["assets"].values()):
            asset.pop("href")
        assert row["assets"] == file["assets"]


def test_items_without_pixels_have_no_assets(tiles: TileSet, tmp_path: Path) -> None:
    report = export_stac(tiles, tmp_path / "out", request=StacRequest(tiles="none"))
    assert report.masks == 0
    assert list((tmp_path / "out").rglob("*.tif")) == []
    items = [found for found in documents(tmp_path / "out") if found.get("type") == "Feature"]
    assert len(items) == len(gpd.read_parquet(tmp_path / "out" / "items.parquet")) == 20
    assert all(item["assets"] == {} for item in items)


def test_dates_without_masks_speak_of_no_classes(tiles: TileSet, tmp_path: Path) -> None:
    export_stac(tiles, tmp_path / "out", request=StacRequest(dates=("2019",)))
    assert "classification" not in "".join(
        path.read_text() for path in (tmp_path / "out").rglob("*.json")
    )
    for item in (found for found in documents(tmp_path / "out") if "assets" in found):
        assert "mask" not in item["assets"]


def test_a_tiles_own_days_go_before_those_of_the_label(tmp_path: Path) -> None:
    tiny_tileset(tmp_path / "t", dates=("1950..1965",), cols=2, rows=1)
    days = [pd.Timestamp("1951-06-03").date(), None]
    tiles = edit_catalogue(tmp_path / "t", lambda rows: rows.assign(first_day=days, last_day=days))
    export_stac(tiles, tmp_path / "out", request=StacRequest(tiles="none"))
    found = {
        item["properties"]["aerialret:place"]: item["properties"]
        for item in documents(tmp_path / "out")
        if item.get("type") == "Feature"
    }
    dated, undated = found["c-3_r5"], found["c-2_r5"]
    assert dated["start_datetime"] == "1951-06-03T00:00:00Z"
    assert dated["end_datetime"] == "1951-06-03T23:59:59Z"
    assert undated["start_datetime"] == "1950-01-01T00:00:00Z"
    assert undated["end_datetime"] == "1965-12-31T23:59:59Z"
    collection = json.loads((tmp_path / "out" / "1950_1965" / "collection.json").read_text())
    assert collection["extent"]["temporal"]["interval"] == [
        ["1950-01-01T00:00:00Z", "1965-12-31T23:59:59Z"]
    ]


def test_no_folder_holds_more_than_a_thousand_items() -> None:
    cells = (TileId(col, row) for col in range(-70, 70) for row in range(-70, 70))
    assert max(Counter(map(group_of, cells)).values()) <= 1000


# Both


def steps() -> dict[str, Callable[..., object]]:
    return {
        "cog": lambda tiles, out, **o: export_cog(tiles, out, request=CogRequest(mosaic=True), **o),
        "stac": lambda tiles, out, **o: export_stac(tiles, out, request=StacRequest(), **o),
    }


@pytest.mark.parametrize("kind", ["cog", "stac"])
def test_a_killed_export_goes_on_and_ends_with_the_same_bytes(
    tiles: TileSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    step = steps()[kind]
    step(tiles, tmp_path / "undisturbed")
    encoded = []

    def encode(*args: object, **options: object) -> bytes:
        encoded.append(options["tile"])
        if len(encoded) == 4:
            raise KeyboardInterrupt
        return image_cog(*args, **options)

    monkeypatch.setattr(tile_files, "image_cog", encode)
    with pytest.raises(KeyboardInterrupt):
        step(tiles, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    step(tiles, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "undisturbed")
    assert len(encoded) == 20 + 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "undisturbed"]


@pytest.mark.parametrize("kind", ["cog", "stac"])
def test_a_finished_export_gets_only_what_it_lacks(
    tiles: TileSet, tmp_path: Path, kind: str
) -> None:
    step = steps()[kind]
    step(tiles, tmp_path / "out")
    before = content(tmp_path / "out")
    assert step(tiles, tmp_path / "out").files_written == 0
    (tmp_path / "out" / mask_path("2004", FIRST)).unlink()
    assert step(tiles, tmp_path / "out").files_written == 1
    assert content(tmp_path / "out") == before


def test_another_export_is_replaced_only_when_asked(tiles: TileSet, tmp_path: Path) -> None:
    export_cog(tiles, tmp_path / "out", request=CogRequest())
    before = content(tmp_path / "out")
    with pytest.raises(WouldOverwriteError, match="--replace"):
        export_stac(tiles, tmp_path / "out", request=StacRequest())
    assert content(tmp_path / "out") == before
    export_stac(tiles, tmp_path / "out", request=StacRequest(), replace=True)
    assert "catalog.json" in content(tmp_path / "out")


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_that_is_no_export_is_never_touched(
    tiles: TileSet, tmp_path: Path, replace: bool
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(WouldOverwriteError, match="is no export"):
        export_cog(tiles, tmp_path / "out", request=CogRequest(), replace=replace)
    assert content(tmp_path / "out") == {"holiday.jpg": b"precious"}


def test_a_date_without_tiles_is_left_out_and_told(tmp_path: Path) -> None:
    tileset(tmp_path / "t")
    tiles = edit_catalogue(tmp_path / "t", lambda rows: rows[rows["date"] != "2004"])
    report = export_stac(tiles, tmp_path / "out", request=StacRequest())
    assert report.empty_dates == ("2004",)
    assert report.tiles == {"2019": 10}
    catalog = pystac.Catalog.from_file(str(tmp_path / "out" / "catalog.json"))
    assert [child.id for child in catalog.get_children()] == ["2019"]
    with pytest.raises(NothingToDoError, match="2004"):
        select(tiles, dates=("2004",))


def test_pixels_that_went_missing_are_not_exported_as_black(tmp_path: Path) -> None:
    tileset(tmp_path / "t")
    shards = (date_folder(tmp_path / "t", "2004") / STORE_NAME / "valid" / "c").rglob("*")
    next(path for path in shards if path.is_file()).unlink()
    with pytest.raises(NotAnArtefactError, match=r"pixels of c.* at 2004"):
        export_cog(open_tileset(tmp_path / "t"), tmp_path / "out", request=CogRequest())
    assert not (tmp_path / "out").exists()


# The command line


def test_the_command_line_exports_and_tells_totals(cli: Cli, tmp_path: Path) -> None:
    tileset(tmp_path / "t")
    status, out, err = cli("export", "stac", "t", "catalogue", "--date", 2004)
    assert (status, out) == (0, "")
    assert "10 tiles of 2004; 10 masks; " in err
    status, out, err = cli("export", "stac", "t", "catalogue", "--date", 2004)
    assert (status, out) == (0, "")
    assert "up to date" in err
    status, out, err = cli("export", "cog", "t", "geotiffs", "--no-masks", "--mosaic")
    assert (status, out) == (0, "")
    assert "10 tiles of 2004, 10 tiles of 2019; 0 masks" in err
    assert "--replace" in cli.refused("export", "cog", "t", "catalogue")
    assert "1999" in cli.refused("export", "cog", "t", "other", "--date", 1999)
    assert "no rectangle" in cli.refused("export", "cog", "t", "other", "--area", "3,2,1,4")


def break_nothing_there(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def break_manifest(folder: Path) -> None:
    (folder / MANIFEST_NAME).write_text("{")


def break_catalogue_missing(folder: Path) -> None:
    (folder / CATALOGUE_NAME).unlink()


def break_catalogue_truncated(folder: Path) -> None:
    data = (folder / CATALOGUE_NAME).read_bytes()
    (folder / CATALOGUE_NAME).write_bytes(data[: len(data) // 2])


def break_store_missing(folder: Path) -> None:
    (date_folder(folder, "2004") / STORE_NAME).rename(folder / "gone")


def break_shards(folder: Path) -> None:
    for path in (date_folder(folder, "2004") / STORE_NAME / "image" / "c").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:100])


@pytest.mark.parametrize("kind", ["cog", "stac"])
@pytest.mark.parametrize(
    "damage",
    [
        break_nothing_there, break_manifest, break_catalogue_missing, break_catalogue_truncated,
        break_store_missing, break_shards,
    ],
)  # fmt: skip
def test_a_damaged_tile_set_is_one_line(
    cli: Cli, tmp_path: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    tiny_tileset(tmp_path / "t", cols=3, rows=1)
    damage(tmp_path / "t")
    line = cli.refused("export", kind, "t", "out")
    assert line.startswith("aerialret: t")
    assert "ingest" in line
    assert not (tmp_path / "out").exists()


def test_help_explains_every_option_and_imports_nothing_slow() -> None:
    program = (
        "import sys; sys.argv = ['aerialret', 'export', 'cog', '--help']\n"
        "from aerialret.cli.entry import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "slow = {'torch', 'numpy', 'geopandas', 'rasterio', 'zarr', 'pystac', 'pyarrow'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")
    commands = typer.main.get_command(app).commands["export"].commands
    assert set(commands) == {"stac", "cog"}
    for command in commands.values():
        assert command.help
        assert [p.name for p in command.params if not getattr(p, "help", "x")] == []


def test_option_defaults_are_those_of_the_requests() -> None:
    commands = typer.main.get_command(app).commands["export"].commands
    for name, request in (("stac", StacRequest()), ("cog", CogRequest())):
        defaults = {option.name: option.default for option in commands[name].params}
        for field in request.__dataclass_fields__:
            if field != "dates":
                assert defaults[field] == getattr(request, field)
