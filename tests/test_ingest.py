import dataclasses
import datetime
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyarrow.parquet
import pytest
from shapely import LineString, box

from aerialret.config import GridConfig, SourceConfig, as_plain
from aerialret.errors import (
    ConfigurationError,
    EmptyLayerError,
    MissingCrsError,
    MissingInputError,
    NotAnArtefactError,
    NothingToDoError,
    UnreadableInputError,
    WouldOverwriteError,
)
from aerialret.ingestion.imagery.orthophoto import read_area
from aerialret.ingestion.ingest import IngestReport, ingest
from aerialret.ingestion.ingest_staging import Staging
from aerialret.manifest import read_manifest
from aerialret.tiles.grid import Bounds, TileId
from aerialret.tiles.palette import CODES, NO_COVERAGE
from aerialret.tiles.tileset import CATALOGUE_COLUMNS, TileSet
from tests.geodata import CRS, LEFT, SHARED, TOP, noise, write_layer, write_raster

GRID = GridConfig(crs=CRS, tile_size_m=16.0, tile_px=16, origin=f"{LEFT},{TOP}")
COLS, ROWS = 11, 3  # two blocks beside each other, the second one partly empty


@pytest.fixture
def imagery(tmp_path: Path) -> SourceConfig:
    """Two orthophotos that meet inside a tile, and vectors over a part of them."""
    pixels = noise(bands=3, height=ROWS * 32, width=COLS * 32)
    write_raster(tmp_path / "ortho" / "w.tif", pixels[:, :, :133], resolution=0.5)
    write_raster(tmp_path / "ortho" / "e.tif", pixels[:, :, 133:], resolution=0.5, left=LEFT + 66.5)
    write_layer(
        tmp_path / "vectors" / "batiment.shp",
        [box(LEFT + 3, TOP - 9, LEFT + 8, TOP - 2), box(LEFT + 60, TOP - 40, LEFT + 70, TOP - 30)],
        NATURE=["Silo", "Eglise"],
    )
    write_layer(
        tmp_path / "vectors" / "troncon_de_route.shp",
        [LineString([(LEFT, TOP - 20), (LEFT + 120, TOP - 26)])],
        LARGEUR=[5.0],
    )
    write_layer(
        tmp_path / "vectors" / "commune.shp",
        [box(LEFT, TOP - 48, LEFT + 100, TOP)],
        NOM=["Ici"],
    )
    return SourceConfig(ortho=("ortho",), vectors=("vectors",))


def _ingest(tmp_path: Path, source: SourceConfig, *, date: str = "2004", **options) -> IngestReport:
    options = {"grid": GRID, **options}
    return ingest(tmp_path / "tiles", date=date, source=source, base=tmp_path, **options)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_tiles_hold_image_mask_and_valid_pixels(tmp_path, imagery):
    report = _ingest(tmp_path, imagery)
    tiles = TileSet(tmp_path / "tiles")
    assert report.tiles_written == COLS * ROWS
    assert tiles.tiles("2004") == [TileId(col, row) for row in range(ROWS) for col in range(COLS)]
    batch = tiles.read("2004", [TileId(4, 1), TileId(0, 0), TileId(8, 2)])
    for index, tile in enumerate((TileId(4, 1), TileId(0, 0), TileId(8, 2))):
        image, valid = read_area(
            [tmp_path / "ortho" / "e.tif", tmp_path / "ortho" / "w.tif"],
            bounds=tiles.grid.bounds(tile),
            crs=CRS,
            shape=(16, 16),
            source=imagery,
        )
        np.testing.assert_array_equal(batch.images[index], image)
        np.testing.assert_array_equal(batch.valid[index], valid)
    assert batch.valid.all()
    assert (batch.masks[1][2:9, 3:8] == CODES["building"]).all()
    assert (batch.masks[1] == CODES["building"]).sum() == 35
    assert set(np.unique(batch.masks[0])) == {0, CODES["road"], CODES["church"]}
    assert (batch.masks[2] == NO_COVERAGE).all()


def test_the_report_counts_tiles_and_features(tmp_path, imagery):
    report = _ingest(tmp_path, imagery)
    assert (report.tiles_outside, report.tiles_too_empty, report.orthophotos) == (0, 0, 2)
    assert report.features_read == 3
    assert report.features_drawn == 3
    assert report.features_dropped == {}
    assert report.coverage == "polygons of commune.shp"
    assert set(report.class_shares) == {"road", "church", "building"}
    assert report.class_shares["building"] == pytest.approx(35 / (100 * 48))
    assert IngestReport.from_plain(json.loads(json.dumps(report.to_plain()))) == report


def test_the_catalogue_is_geoparquet_with_shares(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    path = tmp_path / "tiles" / "catalogue.parquet"
    catalogue = gpd.read_parquet(path)
    assert list(catalogue.columns[:9]) == list(CATALOGUE_COLUMNS)
    assert set(catalogue["first_day"]) == {datetime.date(2004, 1, 1)}
    assert set(catalogue["last_day"]) == {datetime.date(2004, 12, 31)}
    assert catalogue.crs == CRS
    first = catalogue.iloc[0]
    assert (first["place"], first["covered_fraction"], first["valid_fraction"]) == ("c0_r0", 1, 1)
    assert first["share_building"] == 35 / 256
    assert first.geometry.bounds == (LEFT, TOP - 16, LEFT + 16, TOP)
    beyond = catalogue[catalogue["place"] == "c6_r2"].iloc[0]
    assert beyond["covered_fraction"] == 4 / 16
    geo = json.loads(pyarrow.parquet.read_schema(path).metadata[b"geo"])
    assert geo["columns"]["geometry"]["encoding"] == "WKB"


def test_a_second_date_adds_to_the_tile_set(tmp_path, imagery):
    _ingest(tmp_path, imagery, date="2019")
    before = _files(tmp_path / "tiles" / "dates" / "2019")
    first_hash = TileSet(tmp_path / "tiles").content_hash
    write_raster(
        tmp_path / "old.tif",
        noise(bands=1, height=48, width=64, seed=5),
        left=LEFT + 32,
    )
    report = _ingest(
        tmp_path, SourceConfig(ortho=("old.tif",)), date="1950..1965", grid=GridConfig()
    )
    tiles = TileSet(tmp_path / "tiles")
    assert report.tiles_written == 12
    assert tiles.dates == ["1950..1965", "2019"]
    assert len(tiles.catalogue) == 12 + COLS * ROWS
    keys = tiles.catalogue[["date", "row", "col"]].apply(tuple, axis=1).tolist()
    assert keys == sorted(keys)
    assert tiles.has_masks("2019")
    assert not tiles.has_masks("1950..1965")
    assert tiles.content_hash != first_hash
    assert _files(tmp_path / "tiles" / "dates" / "2019") == before


def test_the_order_of_the_dates_does_not_change_the_tile_set(tmp_path, imagery):
    other = SourceConfig(ortho=("ortho/w.tif",))
    for folder, order in (("a", ("2004", "2019")), ("b", ("2019", "2004"))):
        for date in order:
            source = imagery if date == "2004" else other
            ingest(tmp_path / folder, date=date, source=source, grid=GRID, base=tmp_path)
    assert _files(tmp_path / "a") == _files(tmp_path / "b")


def test_nothing_in_a_tile_set_depends_on_where_the_sources_lie(tmp_path, imagery):
    ingest(tmp_path / "a", date="2004", source=imagery, grid=GRID, base=tmp_path)
    moved = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "ortho", moved / "pictures")
    shutil.copytree(tmp_path / "vectors", moved / "layers")
    source = SourceConfig(ortho=(str(moved / "pictures"),), vectors=(str(moved / "layers"),))
    ingest(tmp_path / "b", date="2004", source=source, grid=GRID)
    files = _files(tmp_path / "a")
    assert files == _files(tmp_path / "b")
    assert not any(str(tmp_path).encode() in content for content in files.values())


def test_the_same_request_does_nothing_and_answers_the_same(tmp_path, imagery):
    first = _ingest(tmp_path, imagery)
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "tiles").rglob("*")}
    assert _ingest(tmp_path, imagery) == first
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "tiles").rglob("*")} == stamps


def test_another_request_for_a_date_needs_replace(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    before = _files(tmp_path / "tiles")
    other = SourceConfig(ortho=("ortho/w.tif",))
    with pytest.raises(WouldOverwriteError, match=r"date 2004 already.*--replace"):
        _ingest(tmp_path, other)
    assert _files(tmp_path / "tiles") == before
    report = _ingest(tmp_path, other, replace=True)
    tiles = TileSet(tmp_path / "tiles")
    assert report.tiles_written == len(tiles.catalogue) == 12
    assert not tiles.has_masks("2004")


def test_changed_pixels_in_a_file_of_the_same_name_are_another_request(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    write_raster(
        tmp_path / "ortho" / "w.tif", noise(bands=3, height=96, width=133, seed=9), resolution=0.5
    )
    with pytest.raises(WouldOverwriteError):
        _ingest(tmp_path, imagery)


def test_changed_attributes_of_a_shapefile_are_another_request(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    table = tmp_path / "vectors" / "batiment.dbf"
    table.write_bytes(table.read_bytes().replace(b"Eglise", b"Tombe "))
    with pytest.raises(WouldOverwriteError):
        _ingest(tmp_path, imagery)


def test_the_manifest_tells_grid_dates_and_settings(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    manifest = read_manifest(tmp_path / "tiles", kind="tile_set")
    assert manifest.facts["dates"] == ["2004"]
    assert manifest.facts["tiles"] == {"2004": COLS * ROWS}
    assert manifest.facts["grid"]["tile_px"] == 16
    assert manifest.configuration["sources"]["2004"]["classes"] == "bdtopo"


def test_the_grid_takes_crs_and_corner_from_the_first_orthophotos(tmp_path):
    utm = {"crs": "EPSG:32631"}
    pixels = noise(bands=3, height=32, width=48)
    write_raster(tmp_path / "b.tif", pixels, left=600_007, top=4_000_011, **utm)
    write_raster(tmp_path / "a.tif", pixels, left=600_055, top=4_000_020, **utm)
    grid = GridConfig(tile_size_m=16.0, tile_px=16, origin="auto")
    _ingest(tmp_path, SourceConfig(ortho=("b.tif", "a.tif")), grid=grid)
    tiles = TileSet(tmp_path / "tiles")
    assert tiles.grid.crs == "EPSG:32631"
    assert (tiles.grid.origin_x_m, tiles.grid.origin_y_m) == (600_007, 4_000_020)
    again = GridConfig(origin="auto")
    report = _ingest(tmp_path, SourceConfig(ortho=("a.tif",)), date="2005", grid=again)
    assert report.tiles_written > 0


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"crs": "EPSG:32631"}, r"grid\.crs EPSG:32631 was asked for, .* EPSG:2154"),
        ({"tile_size_m": 32.0}, r"grid\.tile_size_m 32\.0 was asked for, .* has 16"),
        ({"tile_px": 32}, r"grid\.tile_px 32"),
        ({"origin": "5,5"}, r"grid\.origin 5,5 .* 900000,6800000"),
    ],
)
def test_a_tile_set_keeps_its_grid(tmp_path, imagery, asked, message):
    _ingest(tmp_path, imagery)
    with pytest.raises(ConfigurationError, match=message):
        _ingest(tmp_path, imagery, date="2019", grid=GridConfig(**asked))
    same = GridConfig(crs="epsg:2154", origin=f"{LEFT:.0f}, {TOP:.0f}")
    assert _ingest(tmp_path, imagery, date="2019", grid=same).tiles_written == COLS * ROWS


def test_degrees_need_a_projected_crs(tmp_path):
    write_raster(
        tmp_path / "a.tif",
        noise(bands=3, height=60, width=60),
        left=6.0,
        top=49.0,
        resolution=1e-5,
        crs="EPSG:4326",
    )
    source = SourceConfig(ortho=("a.tif",))
    with pytest.raises(ConfigurationError, match=r"a\.tif is in WGS 84.*--crs"):
        _ingest(tmp_path, source, grid=GridConfig(tile_size_m=16.0, tile_px=16))
    grid = GridConfig(crs=CRS, tile_size_m=16.0, tile_px=16)
    assert _ingest(tmp_path, source, grid=grid).tiles_written > 0


def test_an_origin_must_be_a_point(tmp_path, imagery):
    grid = GridConfig(crs=CRS, origin="here")
    with pytest.raises(ConfigurationError, match=r"grid\.origin is 'here'"):
        _ingest(tmp_path, imagery, grid=grid)


def test_tiles_with_too_little_image_are_skipped_and_counted(tmp_path):
    pixels = noise(bands=3, height=16, width=64)
    pixels[:, :, 16:32] = 0  # no image in the second tile, a quarter in the third
    pixels[:, :, 32:44] = 0
    write_raster(tmp_path / "a.tif", pixels, nodata=0)
    report = _ingest(tmp_path, SourceConfig(ortho=("a.tif",)))
    assert (report.tiles_written, report.tiles_outside, report.tiles_too_empty) == (2, 1, 1)
    tiles = TileSet(tmp_path / "tiles")
    assert tiles.tiles("2004") == [TileId(0, 0), TileId(3, 0)]
    shutil.rmtree(tmp_path / "tiles")
    report = _ingest(tmp_path, SourceConfig(ortho=("a.tif",), min_valid=0.25))
    assert (report.tiles_written, report.tiles_too_empty) == (3, 0)
    assert TileSet(tmp_path / "tiles").rows("2004")["valid_fraction"].tolist() == [1, 0.25, 1]


def test_no_tile_with_enough_image_is_an_error_that_leaves_nothing(tmp_path):
    write_raster(tmp_path / "a.tif", np.zeros((3, 16, 32), np.uint8), nodata=0)
    with pytest.raises(NothingToDoError, match=r"date 2004 gives no tile.* 2 hold no image and 0"):
        _ingest(tmp_path, SourceConfig(ortho=("a.tif",)))
    assert not (tmp_path / "tiles").exists()


@pytest.mark.parametrize("date", ["yesterday", "2004-13", "2005..2004", "../x"])
def test_a_date_must_be_a_date(tmp_path, imagery, date):
    with pytest.raises(ConfigurationError, match="date"):
        _ingest(tmp_path, imagery, date=date)


def test_orthophotos_are_required(tmp_path):
    with pytest.raises(ConfigurationError, match="--ortho"):
        _ingest(tmp_path, SourceConfig())


def test_failures_leave_the_tile_set_as_it_was(tmp_path, imagery):
    _ingest(tmp_path, imagery)
    before = _files(tmp_path / "tiles")
    write_raster(tmp_path / "bare.tif", noise(bands=3, height=16, width=16), crs=None)
    cut = write_raster(tmp_path / "cut.tif", noise(bands=3, height=96, width=96))
    cut.write_bytes(cut.read_bytes()[:-20_000])
    write_layer(tmp_path / "empty.gpkg", [], NATURE=np.array([], dtype=object))
    for source, error in (
        (SourceConfig(ortho=("gone.tif",)), MissingInputError),
        (SourceConfig(ortho=("bare.tif",)), MissingCrsError),
        (SourceConfig(ortho=("cut.tif",)), UnreadableInputError),
        (SourceConfig(ortho=("ortho",), vectors=("gone.shp",)), MissingInputError),
        (SourceConfig(ortho=("ortho",), vectors=("empty.gpkg=road",)), EmptyLayerError),
        (SourceConfig(ortho=("ortho",), vectors=("vectors",), classes="x"), ConfigurationError),
    ):
        with pytest.raises(error):
            ingest(tmp_path / "tiles", date="2019", source=source, grid=GridConfig(), base=tmp_path)
    assert _files(tmp_path / "tiles") == before
    assert TileSet(tmp_path / "tiles").dates == ["2004"]


def test_a_failure_at_the_first_block_leaves_no_folder(tmp_path):
    cut = write_raster(tmp_path / "cut.tif", noise(bands=3, height=96, width=96))
    cut.write_bytes(cut.read_bytes()[:-20_000])
    with pytest.raises(UnreadableInputError, match=r"cut\.tif"):
        _ingest(tmp_path, SourceConfig(ortho=("cut.tif",)))
    assert not (tmp_path / "tiles").exists()


def test_a_folder_with_other_things_is_refused(tmp_path, imagery):
    (tmp_path / "tiles").mkdir()
    (tmp_path / "tiles" / "thesis.docx").write_text("precious")
    with pytest.raises(NotAnArtefactError, match="no tile set"):
        _ingest(tmp_path, imagery)
    assert (tmp_path / "tiles" / "thesis.docx").read_text() == "precious"


def test_vectors_elsewhere_are_a_warning(tmp_path, imagery):
    write_layer(tmp_path / "far.geojson", [box(0, 0, 1, 1)], crs="EPSG:4326")
    source = SourceConfig(ortho=("ortho",), vectors=("far.geojson=water",))
    report = _ingest(tmp_path, source)
    assert any("far.geojson has no feature near the imagery" in text for text in report.warnings)
    assert any("cover no tile" in text for text in report.warnings)


def test_progress_is_told_for_every_stage(tmp_path, imagery):
    told: list[tuple[str, int, int]] = []
    _ingest(tmp_path, imagery, progress=lambda *step: told.append(step))
    ends = {stage: (done, total) for stage, done, total in told}
    stages = {name: ends[name] for name in ("orthophotos", "vectors", "tiles")}
    assert stages == {"orthophotos": (2, 2), "vectors": (3, 3), "tiles": (COLS * ROWS, COLS * ROWS)}


_KILLED = """
import json, os, signal, sys
from pathlib import Path
import aerialret.ingestion.ingest
import aerialret.ingestion.ingest_date
import aerialret.ingestion.tileset_publish
from aerialret import atomic
from aerialret.config import GridConfig, SourceConfig
from aerialret.config.toml import parse_section
from aerialret.tiles.pixel_store import PixelStore

order = json.loads(sys.argv[1])

def die(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def die_after(owner, name, calls):
    original, seen = getattr(owner, name), []
    def wrapped(*args, **kwargs):
        result = original(*args, **kwargs)
        seen.append(name)
        return die() if len(seen) == calls else result
    setattr(owner, name, wrapped)

def die_when_retired():
    original = Path.replace
    def replace(self, target):
        result = original(self, target)
        return die() if str(target).endswith(".retired") else result
    Path.replace = replace

def progress(stage, done, total):
    if order["point"] == "block" and stage == "tiles":
        die()

points = {
    "block": lambda: None,
    "pixels": lambda: die_after(PixelStore, "write_block", 2),
    "half the pixels": lambda: die_after(PixelStore, "_array", 5),
    "date": lambda: setattr(aerialret.ingestion.ingest_date, "strip_staging", die),
    "stripped": lambda: setattr(atomic, "publish_folder", die),
    "published": lambda: setattr(aerialret.ingestion.ingest, "refresh", die),
    "catalogue": lambda: setattr(aerialret.ingestion.tileset_publish, "write_manifest", die),
    "between renames": die_when_retired,
}
points[order["point"]]()
aerialret.ingestion.ingest.ingest(
    Path(order["folder"]),
    date="2004",
    source=parse_section(SourceConfig, order["source"], origin="test"),
    grid=parse_section(GridConfig, order["grid"], origin="test"),
    base=Path(order["base"]),
    replace=order["replace"],
    progress=progress,
)
"""


def _kill_at(point: str, folder: Path, *, base: Path, source: SourceConfig, **extra) -> None:
    order = {
        "point": point,
        "folder": str(folder),
        "base": str(base),
        "source": as_plain(source),
        "grid": as_plain(GRID),
        "replace": False,
        **extra,
    }
    run = subprocess.run(
        [sys.executable, "-c", _KILLED, json.dumps(order)], capture_output=True, check=False
    )
    assert run.returncode == -signal.SIGKILL, run.stderr.decode()


@pytest.mark.parametrize(
    "point",
    ["block", "pixels", "half the pixels", "date", "stripped", "published", "catalogue"],
)
def test_a_killed_ingest_ends_with_the_bytes_of_an_undisturbed_one(tmp_path, imagery, point):
    ingest(tmp_path / "whole", date="2004", source=imagery, grid=GRID, base=tmp_path)
    _kill_at(point, tmp_path / "killed", base=tmp_path, source=imagery)
    assert _files(tmp_path / "killed") != _files(tmp_path / "whole")
    ingest(tmp_path / "killed", date="2004", source=imagery, grid=GRID, base=tmp_path)
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_finished_blocks_are_not_made_again(tmp_path, imagery, monkeypatch):
    _kill_at("block", tmp_path / "tiles", base=tmp_path, source=imagery)
    made = []
    write = Staging.write
    monkeypatch.setattr(
        Staging,
        "write",
        lambda self, block, *rest: made.append(block) or write(self, block, *rest),
    )
    _ingest(tmp_path, imagery)
    assert len(made) == 1


def test_a_killed_ingest_of_another_request_starts_anew(tmp_path, imagery):
    other = SourceConfig(ortho=("ortho/e.tif", "ortho/w.tif"))
    ingest(tmp_path / "whole", date="2004", source=other, grid=GRID, base=tmp_path)
    _kill_at("block", tmp_path / "killed", base=tmp_path, source=imagery)
    ingest(tmp_path / "killed", date="2004", source=other, grid=GRID, base=tmp_path)
    assert _files(tmp_path / "killed") == _files(tmp_path / "whole")


def test_a_replacement_killed_between_its_renames_loses_no_date(tmp_path, imagery):
    other = SourceConfig(ortho=("ortho/w.tif",))
    ingest(tmp_path / "whole", date="2004", source=other, grid=GRID, base=tmp_path)
    _ingest(tmp_path, imagery)
    _kill_at("between renames", tmp_path / "tiles", base=tmp_path, source=other, replace=True)
    assert not (tmp_path / "tiles" / "dates" / "2004").exists()
    _ingest(tmp_path, SourceConfig(ortho=("ortho/e.tif",)), date="1999")
    assert TileSet(tmp_path / "tiles").dates == ["1999", "2004"]
    assert TileSet(tmp_path / "tiles").has_masks("2004")
    shutil.rmtree(tmp_path / "tiles" / "dates" / "1999")
    _ingest(tmp_path, other, replace=True)
    assert _files(tmp_path / "tiles") == _files(tmp_path / "whole")


def test_all_shared_places_become_tiles(tmp_path):
    if not (SHARED / "clcd").is_dir():
        pytest.skip("the shared image pairs are not here")
    grid = GridConfig(crs=CRS, tile_size_m=256.0, tile_px=256, origin="900000,6900000")
    source = SourceConfig(ortho=(str(SHARED / "clcd" / "2019"),))
    report = ingest(tmp_path / "tiles", date="2019", source=source, grid=grid)
    assert (report.tiles_written, report.tiles_too_empty, report.tiles_outside) == (480, 0, 0)
    tiles = TileSet(tmp_path / "tiles")
    tile = tiles.grid.tile_at(x=903_584 + 1, y=6_900_000 - 1)
    image, _ = read_area(
        [SHARED / "clcd" / "2019" / "p0007.tif"],
        bounds=Bounds(903_584, 6_900_000 - 256, 903_584 + 256, 6_900_000),
        crs=CRS,
        shape=(256, 256),
        source=source,
    )
    np.testing.assert_array_equal(tiles.read("2019", [tile]).images[0], image)


def test_only_blocks_that_a_changed_file_touches_are_made_again(tmp_path):
    pixels = noise(bands=3, height=ROWS * 32, width=COLS * 32)
    west = write_raster(tmp_path / "ortho" / "w.tif", pixels[:, :, :160], resolution=0.5)
    write_raster(tmp_path / "ortho" / "e.tif", pixels[:, :, 160:], resolution=0.5, left=LEFT + 80)
    write_layer(
        tmp_path / "batiment.shp", [box(LEFT + 3, TOP - 9, LEFT + 8, TOP - 2)], NATURE=["Silo"]
    )
    source = SourceConfig(
        ortho=("ortho",), vectors=("batiment.shp",), vector_coverage="coverage.gpkg"
    )
    write_layer(tmp_path / "coverage.gpkg", [box(LEFT, TOP - 48, LEFT + 176, TOP)])
    first = _ingest(tmp_path, source)
    assert (first.blocks_made, first.blocks_kept) == (2, 0)
    before = _files(tmp_path / "tiles" / "dates" / "2004" / "pixels.zarr")

    write_raster(west, 255 - pixels[:, :, :160], resolution=0.5)  # the same size, other pixels
    with pytest.raises(WouldOverwriteError, match="--replace"):
        _ingest(tmp_path, source)
    again = _ingest(tmp_path, source, replace=True)
    assert (again.blocks_made, again.blocks_kept) == (1, 1)
    after = _files(tmp_path / "tiles" / "dates" / "2004" / "pixels.zarr")
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"image/c/0/0/0/0/0"}
    whole = ingest(tmp_path / "whole", date="2004", source=source, grid=GRID, base=tmp_path)
    assert _files(tmp_path / "whole") == _files(tmp_path / "tiles")
    assert whole == again


def test_adding_and_removing_files_and_features_remakes_what_they_touch(tmp_path):
    pixels = noise(bands=3, height=ROWS * 32, width=COLS * 32)
    write_raster(tmp_path / "ortho" / "w.tif", pixels[:, :, :160], resolution=0.5)
    house = box(LEFT + 3, TOP - 9, LEFT + 8, TOP - 2)
    write_layer(tmp_path / "batiment.gpkg", [house], NATURE=["Silo"])
    write_layer(tmp_path / "coverage.gpkg", [box(LEFT, TOP - 48, LEFT + 176, TOP)])
    source = SourceConfig(
        ortho=("ortho",), vectors=("batiment.gpkg",), vector_coverage="coverage.gpkg"
    )
    _ingest(tmp_path, source)
    east = write_raster(
        tmp_path / "ortho" / "e.tif", pixels[:, :, 160:], resolution=0.5, left=LEFT + 80
    )
    added = _ingest(tmp_path, source, replace=True)
    assert added.tiles_written == COLS * ROWS
    assert (added.blocks_made, added.blocks_kept) == (2, 0)  # tiles of both blocks touch it
    (tmp_path / "batiment.gpkg").unlink()
    far = box(LEFT + 150, TOP - 9, LEFT + 160, TOP - 2)
    write_layer(tmp_path / "batiment.gpkg", [house, far], NATURE=["Silo", "Eglise"])
    drawn = _ingest(tmp_path, source, replace=True)
    assert (drawn.blocks_made, drawn.blocks_kept) == (1, 1)
    assert drawn.class_shares["church"] > 0
    east.unlink()
    removed = _ingest(tmp_path, source, replace=True)
    assert removed.tiles_written == 5 * ROWS
    ingest(tmp_path / "whole", date="2004", source=source, grid=GRID, base=tmp_path)
    assert _files(tmp_path / "whole") == _files(tmp_path / "tiles")


@pytest.mark.parametrize("workers", [1, 3])
def test_how_many_blocks_are_made_at_a_time_changes_nothing(tmp_path, imagery, workers):
    _ingest(tmp_path, imagery)
    ingest(
        tmp_path / "other", date="2004", source=imagery, grid=GRID, base=tmp_path, workers=workers
    )
    assert _files(tmp_path / "other") == _files(tmp_path / "tiles")


def test_the_report_tells_features_and_ground_of_each_class(tmp_path, imagery):
    write_layer(
        tmp_path / "vectors" / "troncon_de_route.shp",
        [
            LineString([(LEFT, TOP - 20), (LEFT + 120, TOP - 26)]),
            LineString([(LEFT, TOP - 40), (LEFT + 120, TOP - 41)]),
        ],
        LARGEUR=[5.0, 4.0],
        POS_SOL=["0", "-1"],
    )
    report = _ingest(tmp_path, imagery)
    found = {item.name: item for item in report.classes}
    assert set(found) == {"road", "church", "building"}
    assert (found["road"].read, found["road"].drawn) == (2, 1)
    assert found["road"].dropped == {"underground": 1}
    assert found["building"].ground_share == report.class_shares["building"]
    assert found["building"].ground_km2 == pytest.approx(35e-6, rel=1e-6)
    assert report.covered_km2 == pytest.approx(4800e-6)
    assert report.edition == "v3"


def test_a_class_that_explodes_between_dates_is_told_as_annotation(tmp_path):
    write_raster(tmp_path / "a.tif", noise(bands=3, height=96, width=352), resolution=0.5)
    write_layer(tmp_path / "coverage.gpkg", [box(LEFT, TOP - 48, LEFT + 176, TOP)])
    houses = [
        box(LEFT + x, TOP - y - 2, LEFT + x + 2, TOP - y)
        for x in range(2, 170, 5)
        for y in range(3, 40, 9)
    ]
    write_layer(tmp_path / "few.gpkg", houses[::7], layer="batiment", NATURE=["Silo"] * 25)
    many = ["Silo"] * len(houses)
    write_layer(tmp_path / "many.gpkg", houses, layer="batiment", NATURE=many)
    told = {}
    for date, vectors in (("2004", "few.gpkg"), ("2019", "many.gpkg"), ("2020", "many.gpkg")):
        source = SourceConfig(ortho=("a.tif",), vectors=(vectors,), vector_coverage="coverage.gpkg")
        told[date] = [
            text for text in _ingest(tmp_path, source, date=date).warnings if "building" in text
        ]
    assert not told["2004"]
    assert len(told["2019"]) == 1
    assert "2004" in told["2019"][0]
    assert len(told["2020"]) == 1  # from 2004 again, not from 2019


def test_an_area_without_services_is_refused_and_not_ignored(tmp_path, imagery):
    with pytest.raises(ConfigurationError, match="web services"):
        _ingest(tmp_path, dataclasses.replace(imagery, area="0,0,9,9"))


def test_a_datum_grid_that_is_missing_is_told_once_for_each_system(tmp_path, imagery, monkeypatch):
    monkeypatch.setattr(
        "aerialret.ingestion.crs.missing_grids",
        lambda one, other: "fr_ign_ntf_r93.tif" if one.to_epsg() == 27572 else "",
    )
    assert not any("fr_ign" in text for text in _ingest(tmp_path, imagery).warnings)
    for name in ("batiment.shp", "troncon_de_route.shp"):
        path = tmp_path / "vectors" / name
        gpd.read_file(path).to_crs(27572).to_file(path)
    told = [text for text in _ingest(tmp_path, imagery, replace=True).warnings if "fr_ign" in text]
    assert told == [
        "vector layers in EPSG:27572 may lie some metres off: for the best way to EPSG:2154 PROJ "
        "lacks fr_ign_ntf_r93.tif; 'pyproj sync --file fr_ign_ntf_r93.tif' fetches it"
    ]
